// Upcalls: page faults go to the address space, interrupts to their handlers, the rest is the program's death.
#include "libos/arch/trap.hpp"

#include <signal.h>

#include "base/panic.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/user_copy.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/trap_frame.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/scheduler.hpp"

using namespace eremite;
using arch::TrapFrame;

extern "C" {
struct Fixup {
    uint64_t from, to;
};
extern const Fixup eremite_fixup_table[], eremite_fixup_table_end[];
extern const char eremite_text_start[], eremite_text_end[];
extern const char eremite_syscall_entry_slot[], eremite_syscall_entry_slot_end[];
size_t user_copy_raw(void*, const void*, size_t);
size_t user_zero_raw(void*, size_t);
bool user_load_word_raw(const uint32_t*, uint32_t*);
bool user_compare_exchange_word_raw(uint32_t*, uint32_t*, uint32_t);
void eremite_upcall(TrapFrame* frame);
}

namespace eremite::arch {

size_t user_copy(void* destination, const void* source, size_t size) { return user_copy_raw(destination, source, size); }
size_t user_zero(void* destination, size_t size) { return user_zero_raw(destination, size); }
bool user_load_word(const uint32_t* word, uint32_t* value) { return user_load_word_raw(word, value); }
bool user_compare_exchange_word(uint32_t* word, uint32_t* expected, uint32_t desired) {
    return user_compare_exchange_word_raw(word, expected, desired);
}

namespace {

enum Vector : uint64_t {
    DivideError = 0, Debug = 1, Breakpoint = 3, Overflow = 4, BoundRange = 5, InvalidOpcode = 6, StackSegment = 12,
    GeneralProtection = 13, PageFault = 14, X87Error = 16, AlignmentCheck = 17, SimdError = 19,
};

bool in_libos(uint64_t rip) {
    return rip >= reinterpret_cast<uint64_t>(eremite_text_start) && rip < reinterpret_cast<uint64_t>(eremite_text_end);
}

bool apply_fixup(TrapFrame& frame) {
    for (const Fixup* f = eremite_fixup_table; f < eremite_fixup_table_end; ++f) {
        if (f->from == frame.rip) {
            frame.rip = f->to;
            return true;
        }
    }
    return false;
}

[[noreturn]] void kernel_fault(const TrapFrame& frame) {
    log::error("fault in the library OS: vector {} error {:x} rip {:x} rsp {:x} address {:x}", frame.vector, frame.error, frame.rip,
               frame.rsp, frame.address);
    panic("the library OS failed");
}

struct Verdict {
    int signal;
    const char* reason;
};

Verdict verdict_of_exception(uint64_t vector) {
    switch (vector) {
    case DivideError: return {SIGFPE, "integer division by zero or overflow"};
    case X87Error:
    case SimdError: return {SIGFPE, "floating-point exception"};
    case InvalidOpcode: return {SIGILL, "illegal instruction"};
    case Debug:
    case Breakpoint: return {SIGTRAP, "breakpoint"};
    case AlignmentCheck: return {SIGBUS, "misaligned access"};
    case Overflow:
    case BoundRange: return {SIGSEGV, "bound range exceeded"};
    default: return {SIGSEGV, "general protection fault (a non-canonical address or a privileged instruction)"};
    }
}

constexpr uint64_t fault_write = 1 << 1, fault_reserved = 1 << 3, fault_fetch = 1 << 4;

Verdict verdict_of_page_fault(const TrapFrame& frame, Error error) {
    const bool fetch = frame.error & fault_fetch;
    const bool write = frame.error & fault_write;
    if (error == Error{ENOMEM}) return {SIGKILL, "out of memory"};
    if (error == Error{ENXIO}) return {SIGBUS, "access beyond the end of a mapped file"};
    if (error == Error{EACCES})
        return {SIGSEGV, fetch ? "execution of memory that is not executable" : write ? "write to read-only memory" : "read of protected memory"};
    return {SIGSEGV, fetch ? "execution of unmapped memory" : write ? "write to unmapped memory" : "read of unmapped memory"};
}

ProgramFault describe(const TrapFrame& f, Verdict verdict) {
    return {.signal = verdict.signal, .sent = false, .address = {}, .reason = verdict.reason, .instruction = VirtualAddress{f.rip},
            .stack_pointer = VirtualAddress{f.rsp},
            .registers = {{"rip", f.rip}, {"rsp", f.rsp}, {"rbp", f.rbp}, {"rflags", f.rflags}, {"rax", f.rax}, {"rbx", f.rbx},
                          {"rcx", f.rcx}, {"rdx", f.rdx}, {"rsi", f.rsi}, {"rdi", f.rdi}, {"r8", f.r8}, {"r9", f.r9},
                          {"r10", f.r10}, {"r11", f.r11}, {"r12", f.r12}, {"r13", f.r13}, {"r14", f.r14}, {"r15", f.r15}}};
}

[[noreturn]] void die(const TrapFrame& frame, Verdict verdict, VirtualAddress address) {
    ProgramFault fault = describe(frame, verdict);
    fault.address = address;
    program_died(fault);
}

void handle_page_fault(TrapFrame& frame) {
    // A reserved bit in a table: nothing that could be repaired.
    if (frame.error & fault_reserved) kernel_fault(frame);
    const mm::Access access = frame.error & fault_fetch ? mm::Access::Execute : frame.error & fault_write ? mm::Access::Write : mm::Access::Read;
    const VirtualAddress address{frame.address};
    mm::AddressSpace& space = process::current().address_space();
    const Result<void> resolved = space.fault(address, access);
    if (resolved.ok()) return;
    // Where Linux's out-of-memory killer would come, for a system call's access to the program's memory too.
    const bool out_of_memory = resolved.error() == Error{ENOMEM};
    if (in_libos(frame.rip) && !out_of_memory) {
        if (apply_fixup(frame)) return;
        kernel_fault(frame);
    }
    if (space.is_stack_guard(address)) die(frame, {SIGSEGV, "stack overflow"}, address);
    die(frame, verdict_of_page_fault(frame, resolved.error()), address);
}

// An interrupt that came between a `syscall` and the first instruction of its entry: load the return address now, before
// anything else can use the slot.
void complete_syscall_entry(TrapFrame& frame) {
    if (frame.rip != reinterpret_cast<uint64_t>(eremite_syscall_entry_slot)) return;
    frame.rcx = this_cpu().syscall_return;
    frame.rip = reinterpret_cast<uint64_t>(eremite_syscall_entry_slot_end);
}

// Raises the virtual interrupt flag again if it was set, leaving no interrupt behind.
void restore_interrupt_flag(const TrapFrame& frame) {
    if (!frame.interrupts) return;
    enable_interrupts();
    while (this_cpu().any_pending) {
        disable_interrupts();
        handle_interrupts();
        sched::reschedule_if_due();
        enable_interrupts();
    }
}

}  // namespace

ProgramFault death_by_signal(int signal, const TrapFrame& frame) {
    ProgramFault death = describe(frame, {signal, "sent by itself"});
    death.sent = true;
    return death;
}

uint64_t syscall_argument(const TrapFrame& frame, unsigned index) {
    const uint64_t arguments[6] = {frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9};
    return arguments[index];
}

}  // namespace eremite::arch

extern "C" void eremite_upcall(TrapFrame* frame) {
    using namespace eremite::arch;
    switch (frame->vector) {
    case VECTOR_INTERRUPT:
        complete_syscall_entry(*frame);
        handle_interrupts();
        eremite::sched::reschedule_if_due();
        break;
    case PageFault: handle_page_fault(*frame); break;
    default:
        if (in_libos(frame->rip)) {
            if (!apply_fixup(*frame)) kernel_fault(*frame);
            break;
        }
        die(*frame, verdict_of_exception(frame->vector), VirtualAddress{frame->rip});
    }
    restore_interrupt_flag(*frame);
}

// Where a thread begins that clone(2) made.
extern "C" void eremite_thread_started(TrapFrame* frame) {
    eremite::sched::finish_switch();
    eremite::arch::restore_interrupt_flag(*frame);
}

// On the way back to the program, when something came up meanwhile.
extern "C" void eremite_leave_kernel() {
    eremite::arch::handle_interrupts();
    eremite::sched::reschedule_if_due();
}
