#include "vmm/gdb/probe.hpp"

#include <asm/processor-flags.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "vmm/bus.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/kvm/cpu.hpp"
#include "vmm/kvm/cpuid.hpp"

namespace eremite::vmm::gdb {

namespace {

constexpr uint64_t tables_at = 0x1000, page = 0x1000, code_at = 0x100000, watched_at = 0x180000, memory_size = 0x200000;
// mov %rax,(%rbx); ud2, which ends the machine, as it has no table of handlers.
constexpr uint8_t code[] = {0x48, 0x89, 0x03, 0x0f, 0x0b};

void write_entry(const GuestMemory& memory, uint64_t at, uint64_t entry) {
    std::ranges::copy(std::as_bytes(std::span{&entry, 1}), memory.piece(at, sizeof entry).begin());
}

// 64-bit mode in ring 3, with the first 2 MiB mapped one to one.
void prepare(const kvm::Cpu& cpu, const GuestMemory& memory) {
    constexpr uint64_t present_writable_user = 7, large = 0x80, long_mode = 0xd01;
    constexpr uint8_t ring = 3, execute_read = 11, read_write = 3;
    write_entry(memory, tables_at, (tables_at + page) | present_writable_user);
    write_entry(memory, tables_at + page, (tables_at + 2 * page) | present_writable_user);
    write_entry(memory, tables_at + 2 * page, present_writable_user | large);
    std::ranges::copy(std::as_bytes(std::span{code}), memory.piece(code_at, sizeof code).begin());
    kvm_sregs special{};
    kvm::request(cpu.descriptor(), KVM_GET_SREGS, "KVM_GET_SREGS", &special);
    special.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
    special.cr3 = tables_at;
    special.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR;
    special.efer = long_mode;
    special.idt.limit = 0;
    kvm_segment flat{};
    flat.limit = UINT32_MAX;
    flat.dpl = ring;
    flat.present = flat.s = flat.g = 1;
    special.cs = special.ds = flat;
    special.cs.selector = 0x33;
    special.cs.type = execute_read;
    special.cs.l = 1;
    special.ds.selector = 0x2b;
    special.ds.type = read_write;
    special.ds.db = 1;
    special.es = special.fs = special.gs = special.ss = special.ds;
    kvm::request(cpu.descriptor(), KVM_SET_SREGS, "KVM_SET_SREGS", &special);
    kvm_regs registers{};
    registers.rip = code_at;
    registers.rbx = watched_at;
    registers.rflags = X86_EFLAGS_FIXED;
    kvm::request(cpu.descriptor(), KVM_SET_REGS, "KVM_SET_REGS", &registers);
    kvm_guest_debug debug{};
    debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
    debug.arch.debugreg[0] = watched_at;
    constexpr uint64_t first_is_on = 0x602, writes_of_eight_bytes = 0x90000;
    debug.arch.debugreg[7] = first_is_on | writes_of_eight_bytes;
    kvm::request(cpu.descriptor(), KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG", &debug);
}

}  // namespace

bool ring_3_is_debugged(const kvm::System& system) {
    const GuestMemory memory{memory_size};
    const kvm::VirtualMachine machine{system, memory};
    kvm::Cpu cpu{system, machine, 0, kvm::supported_cpuid(system, 0)};
    cpu.start_at(code_at, 0);
    prepare(cpu, memory);
    bool debugged = false;
    cpu.watch([&](const kvm_run& run) {
        debugged = run.exit_reason == KVM_EXIT_DEBUG;
        cpu.stop();
        return true;
    });
    (void)cpu.run(Bus{}, Bus{});
    return debugged;
}

}  // namespace eremite::vmm::gdb
