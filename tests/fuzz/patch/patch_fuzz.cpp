// The length decoder and the search for holes on arbitrary bytes. Input: the low byte of the base address, two bytes of
// the site's offset, then the text, into which `syscall` is put at that offset.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libos/arch/x86_64/patch/encode.hpp"
#include "libos/arch/x86_64/patch/instruction_length.hpp"
#include "libos/arch/x86_64/patch/site.hpp"

using namespace eremite;
using namespace eremite::arch::patch;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check_decoder(std::span<const uint8_t> text) {
    for (size_t at = 0; at < text.size();) {
        const Instruction i = decode_instruction(text.subspan(at));
        require(i.length <= std::min(longest_instruction, text.size() - at) && (i.length == 0) == !i.valid());
        if (i.valid()) {
            require(decode_instruction(text.subspan(at, i.length)) == i);
            require(!decode_instruction(text.subspan(at, i.length - 1u)).valid());
        }
        at += std::max<size_t>(i.length, 1);
    }
}

// Patches until the site has no hole left, as several sites would use up padding one after the other.
void check_site(std::vector<uint8_t>& text, VirtualAddress base, size_t offset) {
    for (size_t round = 0;; ++round) {
        require(round <= text.size() / hole_size);
        text[offset] = 0x0f;
        text[offset + 1] = 0x05;
        const auto site = find_site(text, base, offset);
        if (!site) return;
        require(site->padding_start <= site->hole && site->hole + hole_size <= site->padding_end && site->padding_end <= text.size());
        require(site->padding_end <= offset || site->padding_start >= offset + site_size);
        for (size_t at = site->padding_start; at < site->padding_end;) {
            const Instruction nop = decode_instruction(std::span{text}.subspan(at));
            require(nop.kind == InstructionClass::Nop);
            at += nop.length;
            require(at <= site->padding_end);
        }
        const auto short_jump = encode_short_jump(base + offset, base + site->hole);
        const auto long_jump = encode_near_jump(base + site->hole, base + 0x1000'0000);
        require(short_jump && long_jump && replaceable_atomically(base + offset));
        std::fill_n(text.begin() + static_cast<ptrdiff_t>(site->padding_start), site->padding_end - site->padding_start, padding_fill);
        std::copy(long_jump->begin(), long_jump->end(), text.begin() + static_cast<ptrdiff_t>(site->hole));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> input{data, size};
    check_decoder(input);
    if (size < 5) return 0;
    // A copy of the exact size, so that AddressSanitizer sees a read behind it.
    std::vector<uint8_t> text(input.begin() + 3, input.end());
    const size_t offset = (input[1] | size_t{input[2]} << 8) % (text.size() - 1);
    check_site(text, VirtualAddress{0x400000} + input[0], offset);
    return 0;
}
