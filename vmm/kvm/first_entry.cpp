#include "vmm/kvm/first_entry.hpp"

#include <asm/processor-flags.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "vmm/error.hpp"
#include "vmm/kvm/system.hpp"

namespace eremite::vmm::kvm {

namespace {

constexpr uint64_t page = 4096, large_page = uint64_t{2} << 20;
// Where there is no memory, mapped as the second large page: a store there ends KVM_RUN.
constexpr uint32_t mark = large_page;
constexpr uint64_t nowhere = 0xd0000000;
constexpr uint64_t efer_long_mode_enable = 1 << 8, efer_long_mode_active = 1 << 10;

// One level-4, one level-3 and one level-2 table, then the instructions.
void write_program(std::span<std::byte> pages, uint64_t address) {
    const auto write = [pages](uint64_t at, uint64_t value) { std::memcpy(pages.data() + at, &value, sizeof value); };
    constexpr uint64_t present_writable_user = 7, large = 0x80;
    write(0, (address + page) | present_writable_user);
    write(page, (address + 2 * page) | present_writable_user);
    write(2 * page, present_writable_user | large);
    write(2 * page + sizeof(uint64_t), nowhere | present_writable_user | large);
    // pcmpeqd %xmm0, %xmm0; fld1; movb $0, mark
    std::array<uint8_t, 14> instructions{0x66, 0x0f, 0x76, 0xc0, 0xd9, 0xe8, 0xc6, 0x04, 0x25};
    std::memcpy(&instructions[9], &mark, sizeof mark);
    std::memcpy(pages.data() + 3 * page, instructions.data(), instructions.size());
}

void set_registers(int cpu, uint64_t address) {
    kvm_sregs special{};
    request(cpu, KVM_GET_SREGS, "KVM_GET_SREGS", &special);
    constexpr uint8_t user = 3, execute_read = 11, read_write = 3;
    kvm_segment segment{};
    segment.limit = UINT32_MAX;
    segment.selector = 0x28 | user;
    segment.type = read_write;
    segment.present = segment.db = segment.s = segment.g = 1;
    segment.dpl = user;
    special.ds = special.es = special.fs = special.gs = special.ss = segment;
    segment.selector = 0x30 | user;
    segment.type = execute_read;
    segment.db = 0;
    segment.l = 1;
    special.cs = segment;
    special.cr3 = address;
    special.cr4 = X86_CR4_PAE;
    special.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
    special.efer = efer_long_mode_enable | efer_long_mode_active;
    request(cpu, KVM_SET_SREGS, "KVM_SET_SREGS", &special);
    kvm_regs registers{};
    registers.rip = address + 3 * page;
    registers.rflags = X86_EFLAGS_FIXED;
    request(cpu, KVM_SET_REGS, "KVM_SET_REGS", &registers);
    const kvm_mp_state runs{.mp_state = KVM_MP_STATE_RUNNABLE};
    request(cpu, KVM_SET_MP_STATE, "KVM_SET_MP_STATE", &runs);
}

}  // namespace

void enter_once(int cpu, size_t mapping_size, const GuestMemory& memory, uint64_t scratch) {
    const std::span<std::byte> pages = memory.piece(scratch, first_entry_scratch_size);
    if (pages.empty()) throw Error{"the machine has too little memory"};
    write_program(pages, scratch);
    set_registers(cpu, scratch);
    void* const mapping = ::mmap(nullptr, mapping_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (mapping == MAP_FAILED) throw system_error("a processor's mapping");
    auto* const run = static_cast<kvm_run*>(mapping);
    while (::ioctl(cpu, KVM_RUN, 0) != 0 && (errno == EINTR || errno == EAGAIN)) {
    }
    const bool entered = run->exit_reason == KVM_EXIT_MMIO;
    // What it came out for is completed without going in again.
    run->immediate_exit = 1;
    (void)::ioctl(cpu, KVM_RUN, 0);
    run->immediate_exit = 0;
    ::munmap(mapping, mapping_size);
    if (!entered) throw Error{"this host's KVM does not take the snapshot's floating-point registers"};
}

}  // namespace eremite::vmm::kvm
