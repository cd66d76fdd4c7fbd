#include "libos/arch/x86_64/patch/encode.hpp"

namespace eremite::arch::patch {
namespace {

// The distance from the end of an instruction, if it fits a signed displacement of type T. Addresses wrap at 2^64.
template <typename T>
std::optional<T> displacement(VirtualAddress end, VirtualAddress to) {
    const auto distance = static_cast<int64_t>(to - end);
    const auto narrow = static_cast<T>(distance);
    return narrow == distance ? std::optional{narrow} : std::nullopt;
}

// Appends to a trampoline. Its users append at most 10 + 14 bytes.
class Writer {
public:
    explicit Writer(Trampoline& out) : out_{out} {}

    void byte(uint8_t value) { out_.bytes[out_.size++] = value; }
    void little_endian(uint64_t value, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) byte(static_cast<uint8_t>(value >> (8 * i)));
    }

private:
    Trampoline& out_;
};

}  // namespace

std::optional<ShortJump> encode_short_jump(VirtualAddress from, VirtualAddress to) {
    const auto rel8 = displacement<int8_t>(from + std::tuple_size_v<ShortJump>, to);
    if (!rel8) return std::nullopt;
    return ShortJump{0xeb, static_cast<uint8_t>(*rel8)};
}

std::optional<NearJump> encode_near_jump(VirtualAddress from, VirtualAddress to) {
    const auto rel32 = displacement<int32_t>(from + std::tuple_size_v<NearJump>, to);
    if (!rel32) return std::nullopt;
    NearJump jump{0xe9};
    for (size_t i = 0; i < 4; ++i) jump[1 + i] = static_cast<uint8_t>(static_cast<uint32_t>(*rel32) >> (8 * i));
    return jump;
}

Trampoline encode_trampoline(VirtualAddress at, VirtualAddress return_address, VirtualAddress entry) {
    constexpr size_t lea_size = 7;
    Trampoline trampoline{{}, 0};
    trampoline.bytes.fill(padding_fill);
    Writer write{trampoline};
    if (const auto rel32 = displacement<int32_t>(at + lea_size, return_address)) {
        write.little_endian(0x0d8d48, 3);  // lea rel32(%rip),%rcx
        write.little_endian(static_cast<uint32_t>(*rel32), 4);
    } else {
        write.little_endian(0xb948, 2);  // movabs imm64,%rcx
        write.little_endian(return_address.value, 8);
    }
    if (const auto jump = encode_near_jump(at + trampoline.size, entry)) {
        for (const uint8_t byte : *jump) write.byte(byte);
    } else {
        write.little_endian(0x25ff, 2);  // jmp *0(%rip)
        write.little_endian(0, 4);
        write.little_endian(entry.value, 8);
    }
    return trampoline;
}

}  // namespace eremite::arch::patch
