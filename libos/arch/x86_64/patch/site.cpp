#include "libos/arch/x86_64/patch/site.hpp"

#include <algorithm>
#include <array>

#include "libos/arch/x86_64/patch/encode.hpp"
#include "libos/arch/x86_64/patch/instruction_length.hpp"

namespace eremite::arch::patch {
namespace {

constexpr size_t alignment = 16;
// The longest padding that is looked for: what aligns to a cache line.
constexpr size_t longest_padding = 63;
// A short jump's displacement counts from behind the jump.
constexpr size_t reach_forward = 127;
constexpr size_t reach_backward = 128;
// Decoding starts at every offset this far before the padding. x86 code falls into step within a few instructions.
constexpr size_t window_far = 48;
constexpr size_t window_near = 16;
// Less than 64 KiB with the padding, so that the upper half of a displacement is its sign.
constexpr size_t reference_distance = (size_t{64} << 10) - 2 * longest_padding;

struct Padding {
    size_t start;
    size_t end;
};

class Finder {
public:
    Finder(std::span<const uint8_t> text, VirtualAddress base, size_t site) : text_{text}, base_{base}, site_{site} {}

    [[nodiscard]] bool patchable() const {
        constexpr std::array<uint8_t, 7> set_rt_sigreturn{0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00};  // mov $15,%rax
        if (text_.size() < site_size || site_ > text_.size() - site_size) return false;
        if (text_[site_] != 0x0f || text_[site_ + 1] != 0x05) return false;
        if (!replaceable_atomically(base_ + site_)) return false;
        return site_ < set_rt_sigreturn.size() ||
               !std::ranges::equal(text_.subspan(site_ - set_rt_sigreturn.size(), set_rt_sigreturn.size()), set_rt_sigreturn);
    }

    // Decodes on from the instruction behind the site, which begins there beyond doubt.
    [[nodiscard]] std::optional<Site> forward() const {
        const size_t last = site_ + site_size + reach_forward;
        bool ended = false;
        for (size_t at = site_ + site_size; at < text_.size() && at <= last;) {
            if (ended) {
                if (const auto padding = padding_at(at); padding && dead(*padding)) return Site{at, padding->start, padding->end};
            }
            const Instruction instruction = decode_at(at);
            if (!instruction.valid()) return std::nullopt;
            ended = ends_flow(at, instruction);
            at += instruction.length;
        }
        return std::nullopt;
    }

    // Tries every boundary before the site as the end of padding.
    [[nodiscard]] std::optional<Site> backward() const {
        const size_t behind = site_ + site_size;
        const size_t lowest = behind > reach_backward ? behind - reach_backward : 0;
        constexpr size_t step = alignment / 2;
        const size_t past_boundary = (base_.value + site_) & (step - 1);
        if (past_boundary > site_) return std::nullopt;
        for (size_t end = site_ - past_boundary; end >= lowest + hole_size; end -= step) {
            if (leads_to_site(end)) {
                for (size_t start = end - std::min(end, longest_padding); start + hole_size <= end; ++start) {
                    const auto padding = padding_at(start);
                    if (padding && padding->end == end && dead(*padding)) return Site{std::max(start, lowest), start, end};
                }
            }
            if (end < step) break;
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] Instruction decode_at(size_t at) const { return decode_instruction(text_.subspan(at)); }
    [[nodiscard]] bool aligned(size_t at) const { return (base_ + at).is_aligned(alignment); }

    // GCC aligns a loop head to 8 where aligning it to 16 takes more than ten bytes (`.p2align 4,,10; .p2align 3`).
    [[nodiscard]] bool half_aligned(size_t start, size_t end) const {
        return end - start >= hole_size && (base_ + end).is_aligned(alignment / 2) && !aligned(end) && end - start < alignment / 2;
    }

    // Whether control cannot go on behind this instruction. That of a patched site looks as if it could not.
    [[nodiscard]] bool ends_flow(size_t at, Instruction instruction) const {
        switch (instruction.kind) {
            case InstructionClass::Return:
            case InstructionClass::Trap: return true;
            case InstructionClass::Jump: break;
            default: return false;
        }
        if (text_[at] != 0xeb) return true;
        const size_t target = at + site_size + static_cast<size_t>(static_cast<int8_t>(text_[at + 1]));
        return target < text_.size() && text_[target] != 0xe9;
    }

    // Padding that begins at `start` and ends at an aligned address or with the text, if it is long enough.
    [[nodiscard]] std::optional<Padding> padding_at(size_t start) const {
        if (aligned(start)) return std::nullopt;
        bool single = false;
        size_t at = start;
        while (at < text_.size() && !(at != start && aligned(at))) {
            const Instruction nop = decode_at(at);
            if (nop.kind != InstructionClass::Nop || at + nop.length - start > longest_padding) return std::nullopt;
            if (single && nop.length > 1) return std::nullopt;
            single = nop.length == 1;
            at += nop.length;
            if (at == start + nop.length && half_aligned(start, at)) break;
        }
        return at - start >= hole_size ? std::optional{Padding{start, at}} : std::nullopt;
    }

    [[nodiscard]] bool dead(Padding padding) const { return behind_transfer(padding.start) && !referenced(padding); }

    // Whether the decodes from before agree that an unconditional transfer ends at `at`: at least half of them arrive there,
    // none with another last instruction, and hardly any steps over it. Those that end at an invalid instruction say nothing.
    [[nodiscard]] bool behind_transfer(size_t at) const {
        size_t decodes = 0;
        size_t arrivals = 0;
        size_t overshoots = 0;
        for (size_t start = at - std::min(at, window_far); start + window_near <= at; ++start) {
            ++decodes;
            size_t position = start;
            bool ended = false;
            while (position < at) {
                const Instruction instruction = decode_at(position);
                if (!instruction.valid()) break;
                ended = ends_flow(position, instruction);
                position += instruction.length;
            }
            if (position == at && !ended) return false;
            if (position == at) ++arrivals;
            if (position > at) ++overshoots;
        }
        return arrivals != 0 && arrivals * 2 >= decodes && overshoots * 8 <= arrivals;
    }

    [[nodiscard]] bool leads_to_site(size_t at) const {
        while (at < site_) {
            const Instruction instruction = decode_at(at);
            if (!instruction.valid()) return false;
            at += instruction.length;
        }
        return at == site_;
    }

    // Whether a direct branch or a `lea` of an address names a byte of the padding.
    [[nodiscard]] bool referenced(Padding padding) const {
        const size_t first = padding.start - std::min(padding.start, reference_distance);
        const size_t last = padding.end + std::min(text_.size() - padding.end, reference_distance);
        return referenced_from(first, padding.start, padding) || referenced_from(padding.end, last, padding);
    }

    // Instruction boundaries are not known everywhere, so every offset is tried.
    [[nodiscard]] bool referenced_from(size_t first, size_t last, Padding padding) const {
        // Targets wrap as addresses do: one before the text is a huge offset, and so outside the padding.
        const auto inside = [padding](size_t target) { return target - padding.start < padding.end - padding.start; };
        const uint64_t sign = last <= padding.start ? 0 : UINT64_MAX;
        for (size_t end = upper_half(first + 6, last, sign); end <= last; end = upper_half(end + 1, last, sign)) {
            if (!inside(end + displacement<int32_t>(end))) continue;
            // Near branches end in e8, e9 or 8x, xbegin in f8; 8d is lea, and ModRM with mod 0 and rm 5 is rip-relative.
            const uint8_t before = text_[end - 5];
            const bool lea = text_[end - 6] == 0x8d && (before & 0xc7) == 0x05;
            const bool branch = (before & 0xfe) == 0xe8 || (before & 0xf0) == 0x80 || before == 0xf8;
            if ((lea || branch) && instruction_ends(end, lea)) return true;
        }
        const size_t near_first = std::max(first + 2, padding.start - std::min(padding.start, reach_forward));
        const size_t near_last = std::min(last, padding.end + reach_backward);
        for (size_t end = near_first; end <= near_last; ++end) {
            const uint8_t opcode = text_[end - 2];
            const bool branch = (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0 || opcode == 0xeb;
            if (branch && inside(end + displacement<int8_t>(end)) && instruction_ends(end, false)) return true;
        }
        return false;
    }

    // The first end from `end` to `last` of two bytes that are `sign`'s, as the upper half of a short displacement is; behind `last`: there is
    // none. Eight bytes at a time, for each program that starts has some 100 KiB looked through.
    [[nodiscard]] size_t upper_half(size_t end, size_t last, uint64_t sign) const {
        constexpr size_t pairs_in_word = sizeof sign - 1;
        constexpr uint64_t low_bits = 0x7f7f'7f7f'7f7f'7f7f;
        for (; end + pairs_in_word <= last + 1; end += pairs_in_word) {
            uint64_t word;
            __builtin_memcpy(&word, text_.data() + end - 2, sizeof word);
            word ^= sign;
            // The highest bit of each byte that is zero, and of no other.
            const uint64_t zeros = ~(((word & low_bits) + low_bits) | word | low_bits);
            if (const uint64_t pairs = zeros & zeros >> 8; pairs != 0) return end + static_cast<size_t>(__builtin_ctzll(pairs)) / 8;
        }
        while (end <= last && displacement<int16_t>(end) != sign) ++end;
        return end;
    }

    // The signed displacement of type T whose last byte precedes `end`.
    template <typename T>
    [[nodiscard]] size_t displacement(size_t end) const {
        T value;
        __builtin_memcpy(&value, text_.data() + end - sizeof value, sizeof value);
        return static_cast<size_t>(static_cast<ptrdiff_t>(value));
    }

    // Whether some decode from before sees a branch (with `any`, whatever instruction) that ends here. With
    // no decode that gets this far, nobody knows, and the answer is yes.
    [[nodiscard]] bool instruction_ends(size_t end, bool any) const {
        bool known = false;
        for (size_t start = end - std::min(end, window_far); start + window_near <= end; ++start) {
            size_t position = start;
            while (position < end) {
                const Instruction instruction = decode_at(position);
                if (!instruction.valid()) break;
                position += instruction.length;
                if (position != end) continue;
                const bool branch = instruction.kind == InstructionClass::Branch || instruction.kind == InstructionClass::Jump;
                if (any || branch) return true;
            }
            known = known || position >= end;
        }
        return !known;
    }

    std::span<const uint8_t> text_;
    VirtualAddress base_;
    size_t site_;
};

}  // namespace

std::optional<Site> find_site(std::span<const uint8_t> text, VirtualAddress base, size_t syscall_offset) {
    const Finder finder{text, base, syscall_offset};
    if (!finder.patchable()) return std::nullopt;
    const auto site = finder.forward();
    return site ? site : finder.backward();
}

}  // namespace eremite::arch::patch
