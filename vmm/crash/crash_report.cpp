#include "vmm/crash/crash_report.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

#include "vmm/gdb/address_space.hpp"

namespace eremite::vmm::crash {

namespace {

constexpr size_t most_stack = 16 << 10;

// The stack's bytes, copied once.
std::vector<std::byte> copy_stack(uint64_t address, const gdb::PagingState& paging, const GuestMemory& memory) {
    std::vector<std::byte> stack;
    while (stack.size() < most_stack) {
        const uint64_t at = address + stack.size();
        const size_t length = std::min<uint64_t>(gdb::page_size - at % gdb::page_size, most_stack - stack.size());
        const auto translation = gdb::translate(memory, paging, at);
        const auto bytes = translation ? memory.piece(translation->physical, length) : std::span<std::byte>{};
        if (bytes.empty()) break;
        stack.insert(stack.end(), bytes.begin(), bytes.end());
    }
    return stack;
}

}  // namespace

std::string crash_report(const kvm_regs& registers, const kvm_sregs& special, const GuestMemory& memory) {
    const kvm_regs& r = registers;
    const std::array<std::pair<const char*, unsigned long long>, 17> all{{{"rip", r.rip}, {"rsp", r.rsp}, {"rbp", r.rbp}, {"rax", r.rax}, {"rbx", r.rbx},
                                                                          {"rcx", r.rcx}, {"rdx", r.rdx}, {"rsi", r.rsi}, {"rdi", r.rdi}, {"r8", r.r8},
                                                                          {"r9", r.r9},   {"r10", r.r10}, {"r11", r.r11}, {"r12", r.r12}, {"r13", r.r13},
                                                                          {"r14", r.r14}, {"r15", r.r15}}};
    std::string text = "crash\n";
    std::array<char, 64> line{};
    for (const auto& [name, value] : all) {
        std::snprintf(line.data(), line.size(), "register %s %llx\n", name, value);
        text += line.data();
    }
    const auto stack = copy_stack(r.rsp, {.cr0 = special.cr0, .cr3 = special.cr3, .cr4 = special.cr4, .efer = special.efer}, memory);
    if (stack.empty()) return text;
    std::snprintf(line.data(), line.size(), "stack %llx ", r.rsp);
    text += line.data();
    constexpr std::string_view digits = "0123456789abcdef";
    for (const std::byte byte : stack) {
        text += digits[std::to_integer<size_t>(byte >> 4)];
        text += digits[std::to_integer<size_t>(byte & std::byte{15})];
    }
    return text + '\n';
}

std::string crash_report(int cpu, const GuestMemory& memory) {
    kvm_regs registers{};
    kvm_sregs special{};
    if (::ioctl(cpu, KVM_GET_REGS, &registers) != 0 || ::ioctl(cpu, KVM_GET_SREGS, &special) != 0) return {};
    return crash_report(registers, special, memory);
}

}  // namespace eremite::vmm::crash
