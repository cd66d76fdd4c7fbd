// Upcalls: page faults go to the address space, interrupts to their handlers, the rest is the program's death.
#include "libos/arch/trap.hpp"

#include <signal.h>

#include <cstring>

#include "base/panic.hpp"
#include "libos/arch/signal_frame.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/user_copy.hpp"
#include "libos/arch/x86_64/cpu_block.hpp"
#include "libos/arch/x86_64/syscall_sites.hpp"
#include "libos/arch/x86_64/trap_frame.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sync/lock_check.hpp"

using namespace eremite;
using arch::TrapFrame;

extern "C" {
struct Fixup {
    uint64_t from, to;
};
extern const Fixup eremite_fixup_table[], eremite_fixup_table_end[];
extern const char eremite_text_start[], eremite_text_end[];
extern const char eremite_syscall_entry_slot[], eremite_syscall_entry_direct[], eremite_syscall_entry_patched[];
extern const char eremite_syscall_exit_check[], eremite_syscall_exit_stack[], eremite_syscall_exit_jump[];
extern const char eremite_trap_exit_check[], eremite_trap_exit_end[];
extern const char eremite_no_waiting_start[], eremite_no_waiting_end[];
size_t user_copy_raw(void*, const void*, size_t);
size_t user_copy_now_raw(void*, const void*, size_t);
size_t user_zero_raw(void*, size_t);
bool user_load_word_raw(const uint32_t*, uint32_t*);
bool user_compare_exchange_word_raw(uint32_t*, uint32_t*, uint32_t);
bool eremite_upcall(TrapFrame* frame);
void eremite_leave_kernel(TrapFrame* frame);
void eremite_thread_started(TrapFrame* frame);
}

namespace eremite::arch {

size_t user_copy(void* destination, const void* source, size_t size) { return user_copy_raw(destination, source, size); }
size_t user_copy_now(void* destination, const void* source, size_t size) { return user_copy_now_raw(destination, source, size); }
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

// Part of a system call that may hold a lock.
bool must_not_wait(uint64_t rip) {
    return rip >= reinterpret_cast<uint64_t>(eremite_no_waiting_start) && rip < reinterpret_cast<uint64_t>(eremite_no_waiting_end);
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

// The signal that a trap means to the program, with si_code of siginfo_t.
struct Verdict {
    int signal;
    int code;
    const char* reason;
};

// Which of the exceptions that are not masked was raised: bits as in MXCSR and the x87 status word (Intel SDM vol. 1, 10.2.3).
int floating_point_code(uint64_t vector) {
    arch::ThreadContext& context = sched::current_thread().context;
    save_extended_state(context);
    const auto word = [&context](size_t offset) {
        uint16_t value;
        std::memcpy(&value, context.extended_state + offset, sizeof value);
        return value;
    };
    constexpr size_t control_at = 0, status_at = 2, mxcsr_at = 24;
    const unsigned raised = vector == SimdError ? word(mxcsr_at) & ~(word(mxcsr_at) >> 7) : word(status_at) & ~word(control_at);
    constexpr int codes[] = {FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES};
    for (unsigned bit = 0; bit < std::size(codes); ++bit)
        if (raised >> bit & 1) return codes[bit];
    return SI_KERNEL;
}

Verdict verdict_of_exception(const TrapFrame& frame) {
    switch (frame.vector) {
    case DivideError: return {SIGFPE, FPE_INTDIV, "integer division by zero or overflow"};
    case X87Error:
    case SimdError: return {SIGFPE, floating_point_code(frame.vector), "floating-point exception"};
    case InvalidOpcode: return {SIGILL, ILL_ILLOPN, "illegal instruction"};
    case Debug: return {SIGTRAP, TRAP_TRACE, "single step"};
    case Breakpoint: return {SIGTRAP, SI_KERNEL, "breakpoint"};
    case AlignmentCheck: return {SIGBUS, BUS_ADRALN, "misaligned access"};
    case Overflow:
    case BoundRange: return {SIGSEGV, SI_KERNEL, "bound range exceeded"};
    default: return {SIGSEGV, SI_KERNEL, "general protection fault (a non-canonical address or a privileged instruction)"};
    }
}

constexpr uint64_t fault_write = 1 << 1, fault_reserved = 1 << 3, fault_fetch = 1 << 4;

Verdict verdict_of_page_fault(const TrapFrame& frame, Error error) {
    const bool fetch = frame.error & fault_fetch;
    const bool write = frame.error & fault_write;
    if (error == Error{ENOMEM}) return {SIGKILL, SI_KERNEL, "out of memory"};
    if (error == Error{EIO}) return {SIGBUS, BUS_ADRERR, "a mapped file could not be read, or has no room"};
    if (error == Error{ENXIO}) return {SIGBUS, BUS_ADRERR, "access beyond the end of a mapped file"};
    if (error == Error{EACCES})
        return {SIGSEGV, SEGV_ACCERR, fetch ? "execution of memory that is not executable" : write ? "write to read-only memory" : "read of protected memory"};
    return {SIGSEGV, SEGV_MAPERR, fetch ? "execution of unmapped memory" : write ? "write to unmapped memory" : "read of unmapped memory"};
}

ProgramFault describe(const TrapFrame& f, Verdict verdict) {
    return {.signal = verdict.signal, .sent = false, .address = {}, .reason = verdict.reason, .instruction = VirtualAddress{f.rip},
            .stack_pointer = VirtualAddress{f.rsp},
            .registers = {{"rip", f.rip}, {"rsp", f.rsp}, {"rbp", f.rbp}, {"rflags", f.rflags}, {"rax", f.rax}, {"rbx", f.rbx},
                          {"rcx", f.rcx}, {"rdx", f.rdx}, {"rsi", f.rsi}, {"rdi", f.rdi}, {"r8", f.r8}, {"r9", f.r9},
                          {"r10", f.r10}, {"r11", f.r11}, {"r12", f.r12}, {"r13", f.r13}, {"r14", f.r14}, {"r15", f.r15}}};
}

// The program gets the signal if it has a handler, else it dies.
void raise(TrapFrame& frame, Verdict verdict, VirtualAddress address) {
    siginfo_t information{};
    information.si_signo = verdict.signal;
    information.si_code = verdict.code;
    if (verdict.code != SI_KERNEL) information.si_addr = address.as<void>();
    if (verdict.signal != SIGKILL && deliver_fault(frame, information, {frame.vector, frame.error, frame.address})) return;
    ProgramFault fault = describe(frame, verdict);
    fault.address = address;
    program_died(fault);
}

void handle_page_fault(TrapFrame& frame) {
    ++this_cpu().faults;
    // A reserved bit in a table: nothing that could be repaired.
    if (frame.error & fault_reserved) kernel_fault(frame);
    const mm::Access access = frame.error & fault_fetch ? mm::Access::Execute : frame.error & fault_write ? mm::Access::Write : mm::Access::Read;
    const VirtualAddress address{frame.address};
    mm::AddressSpace& space = process::current().address_space();
    const bool waits = !must_not_wait(frame.rip);
    const Result<void> resolved = space.fault(address, access, waits);
    if (resolved.ok()) return;
    if (!waits && resolved.error() == Error{EAGAIN}) sched::remember_memory(address, access);
    // Where Linux's out-of-memory killer would come, for a system call's access to the program's memory too.
    const bool out_of_memory = resolved.error() == Error{ENOMEM};
    if (in_libos(frame.rip) && !out_of_memory) {
        if (apply_fixup(frame)) return;
        kernel_fault(frame);
    }
    if (space.is_stack_guard(address)) return raise(frame, {SIGSEGV, SEGV_MAPERR, "stack overflow"}, address);
    raise(frame, verdict_of_page_fault(frame, resolved.error()), address);
}

uint64_t word_at(uint64_t address) { return *VirtualAddress{address}.as<const uint64_t>(); }

// An interrupt that came at the edge of the program, in the few instructions of entry.S that run with the virtual interrupt flag
// set: the registers become those of the program, so that threads can be switched and signals delivered.
void complete_entry_or_exit(TrapFrame& frame) {
    const auto at = [&frame](const char* place) { return frame.rip == reinterpret_cast<uint64_t>(place); };
    const auto within = [&frame](const char* start, const char* end) {
        return frame.rip >= reinterpret_cast<uint64_t>(start) && frame.rip < reinterpret_cast<uint64_t>(end);
    };
    constexpr uint64_t syscall_size = 2;
    if (at(eremite_syscall_entry_slot) || at(eremite_syscall_entry_direct) || at(eremite_syscall_entry_patched)) {
        // Nothing has happened yet: the system call is made again.
        frame.rip = (at(eremite_syscall_entry_slot) ? this_cpu().syscall_return : frame.rcx) - syscall_size;
    } else if (within(eremite_syscall_exit_check, eremite_syscall_exit_stack)) {
        frame.rcx = frame.rip = word_at(frame.rsp);
        frame.rsp = word_at(frame.rsp + 8);
    } else if (at(eremite_syscall_exit_stack)) {
        frame.rip = frame.rcx;
        frame.rsp = word_at(frame.rsp);
    } else if (at(eremite_syscall_exit_jump)) {
        frame.rip = frame.rcx;
    } else if (within(eremite_trap_exit_check, eremite_trap_exit_end)) {
        const uint64_t left = frame.rsp;
        frame.rip = word_at(left);
        frame.rflags = word_at(left + 16);
        frame.rsp = word_at(left + 24);
    }
}

// Before the program goes on with these registers. Requires: virtual interrupt flag clear.
void prepare_return(TrapFrame& frame) {
    if constexpr (sync::locks_are_checked) sync::check_none_held();
    // Most page faults end here.
    if (frame.vector != VECTOR_INTERRUPT && !this_cpu().any_pending && !sched::current_thread().signal_due.load(std::memory_order_relaxed)) return;
    do {
        handle_interrupts();
        sched::reschedule_if_due();
        if (!in_libos(frame.rip)) look_before_program(frame);
    } while (this_cpu().any_pending);
}

}  // namespace

void die_by_signal(int signal, const TrapFrame& frame) {
    ProgramFault death = describe(frame, {signal, 0, "sent to it"});
    death.sent = true;
    program_died(death);
}

uint64_t syscall_argument(const TrapFrame& frame, unsigned index) {
    const uint64_t arguments[6] = {frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9};
    return arguments[index];
}

}  // namespace eremite::arch

extern "C" bool eremite_upcall(TrapFrame* frame) {
    using namespace eremite::arch;
    switch (frame->vector) {
    case VECTOR_INTERRUPT: complete_entry_or_exit(*frame); break;
    case PageFault: handle_page_fault(*frame); break;
    default:
        if (!in_libos(frame->rip)) {
            // A program that single-steps itself takes a patched call for the one instruction that it was.
            if (frame->vector == Debug && patched_site_of(eremite::VirtualAddress{frame->rip})) break;
            if (frame->vector == Breakpoint) {
                constexpr uint64_t int3_size = 1;
                if (const auto hole = behind_patched_site(eremite::VirtualAddress{frame->rip - int3_size})) {
                    frame->rip = hole->value;
                    break;
                }
            }
            raise(*frame, verdict_of_exception(*frame), VirtualAddress{frame->rip});
        } else if (frame->vector == Debug) {
            // The program single-steps itself into a system call: it is told once it is back.
            frame->rflags &= ~uint64_t{0x100};
        } else if (!apply_fixup(*frame)) {
            kernel_fault(*frame);
        }
    }
    if (!frame->interrupts) return false;
    prepare_return(*frame);
    return true;
}

// Where a thread begins that clone(2) made.
extern "C" void eremite_thread_started(TrapFrame*) { eremite::sched::finish_switch(); }

// On the way back to the program, when something came up meanwhile.
extern "C" void eremite_leave_kernel(TrapFrame* frame) { eremite::arch::prepare_return(*frame); }
