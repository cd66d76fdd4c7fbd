#include "cli/syscall_scan.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace eremite::cli {

namespace {

struct SyscallName {
    uint32_t number;
    std::string_view name;
};

// Generated at configuration time from <asm/unistd_64.h>.
constexpr SyscallName names[] = {
#include "syscall_names.inc"
};

constexpr size_t reach = 30;

bool matches(std::span<const std::byte> code, std::initializer_list<uint8_t> pattern) {
    return code.size() >= pattern.size() &&
           std::equal(pattern.begin(), pattern.end(), code.begin(), [](uint8_t a, std::byte b) { return std::byte{a} == b; });
}

std::optional<uint32_t> immediate_at(std::span<const std::byte> code, size_t offset) {
    uint32_t value;
    if (code.size() < offset + sizeof value) return std::nullopt;
    std::memcpy(&value, code.data() + offset, sizeof value);
    // Constants that are no number of a system call come from bytes that only look like the instruction.
    return syscall_name(value).empty() ? std::nullopt : std::optional{value};
}

// The number that `before`, the bytes up to a `syscall`, leaves in eax.
std::optional<uint32_t> number_before(std::span<const std::byte> before) {
    for (size_t length = 2; length <= std::min(reach, before.size()); ++length) {
        const auto code = before.last(length);
        if (matches(code, {0x31, 0xc0})) return 0;
        if (matches(code, {0xb8})) {
            if (const auto number = immediate_at(code, 1)) return number;
        }
        if (matches(code, {0x48, 0xc7, 0xc0})) {
            if (const auto number = immediate_at(code, 3)) return number;
        }
    }
    return std::nullopt;
}

}  // namespace

void scan_syscalls(std::span<const std::byte> code, SyscallScan& scan) {
    for (size_t i = 0; i + 1 < code.size(); ++i) {
        if (code[i] != std::byte{0x0f} || code[i + 1] != std::byte{0x05}) continue;
        ++scan.sites;
        if (const auto number = number_before(code.first(i))) {
            scan.numbers.insert(*number);
        } else {
            ++scan.unknown;
        }
    }
}

std::string_view syscall_name(uint32_t number) {
    const auto* const found = std::ranges::find(names, number, &SyscallName::number);
    return found == std::end(names) ? std::string_view{} : found->name;
}

}  // namespace eremite::cli
