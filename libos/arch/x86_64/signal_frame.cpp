// The signal frame of x86-64 as Linux has it (asm/sigcontext.h, asm/ucontext.h): programs and C libraries know its layout.
#include "libos/arch/signal_frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "abi/cpu_block_offsets.h"
#include "libos/arch/syscall.hpp"
#include "libos/arch/x86_64/syscall_sites.hpp"
#include "libos/arch/x86_64/trap_frame.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::arch {

namespace {

struct UserContext {
    static constexpr uint64_t has_xstate = 1, has_segment = 2, strict_segment = 4;  // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
    uint64_t flags, link;
    stack_t stack;
    struct sigcontext registers;
    uint64_t mask;
};

struct Frame {
    uint64_t return_address;
    UserContext context;
    siginfo_t information;
};
static_assert(sizeof(Frame) == 440 && offsetof(Frame, context.registers) == 48);

constexpr uint64_t red_zone = 128;
constexpr uint64_t syscall_vector = VECTOR_SYSCALL;
// Flags that a program may set by itself: CF, PF, AF, ZF, SF, TF, DF, OF, RF, AC.
constexpr uint64_t program_flags = 0x50dd5, interrupt_flag = 0x202, trap_flag = 0x100, direction_flag = 0x400, resume_flag = 0x10000;
constexpr size_t software_bytes = 464;  // of the FXSAVE area

struct sigcontext to_context(const TrapFrame& r, const FaultDetails& fault, uint64_t mask, uint64_t state) {
    struct sigcontext c{};
    c.r8 = r.r8; c.r9 = r.r9; c.r10 = r.r10; c.r11 = r.r11; c.r12 = r.r12; c.r13 = r.r13; c.r14 = r.r14; c.r15 = r.r15;
    c.rdi = r.rdi; c.rsi = r.rsi; c.rbp = r.rbp; c.rbx = r.rbx; c.rdx = r.rdx; c.rax = r.rax; c.rcx = r.rcx; c.rsp = r.rsp; c.rip = r.rip;
    c.eflags = r.rflags;
    c.cs = SELECTOR_USER_CODE;
    c.__pad0 = SELECTOR_USER_DATA;  // SS
    c.err = fault.error;
    c.trapno = fault.vector;
    c.oldmask = mask;
    c.cr2 = fault.address;
    c.fpstate = VirtualAddress{state}.as<struct _fpstate>();
    return c;
}

void from_context(const struct sigcontext& c, TrapFrame& r) {
    r.r8 = c.r8; r.r9 = c.r9; r.r10 = c.r10; r.r11 = c.r11; r.r12 = c.r12; r.r13 = c.r13; r.r14 = c.r14; r.r15 = c.r15;
    r.rdi = c.rdi; r.rsi = c.rsi; r.rbp = c.rbp; r.rbx = c.rbx; r.rdx = c.rdx; r.rax = c.rax; r.rcx = c.rcx; r.rsp = c.rsp; r.rip = c.rip;
    r.rflags = (c.eflags & program_flags) | interrupt_flag;
}

size_t state_bytes() { return extended_state_size() + FP_XSTATE_MAGIC2_SIZE; }

// The state as it is in the registers, with the words by which programs know its size.
Result<void> store_state(VirtualAddress at, ThreadContext& context) {
    save_extended_state(context);
    TRY(mm::copy_to_user(at, context.extended_state, extended_state_size()));
    if (extended_state_components() == 0) return {};
    _fpx_sw_bytes words{};
    words.magic1 = FP_XSTATE_MAGIC1;
    words.extended_size = static_cast<uint32_t>(state_bytes());
    words.xstate_bv = extended_state_components();
    words.xstate_size = static_cast<uint32_t>(extended_state_size());
    TRY(mm::copy_to_user(at + software_bytes, &words, sizeof words));
    const uint32_t end = FP_XSTATE_MAGIC2;
    return mm::copy_to_user(at + extended_state_size(), &end, sizeof end);
}

Result<void> load_state(VirtualAddress at, ThreadContext& context) {
    if (at.value == 0) {
        load_extended_state(context, 0);
        return {};
    }
    constexpr size_t legacy_size = 512;
    _fpx_sw_bytes words{};
    TRY(mm::copy_from_user(&words, at + software_bytes, sizeof words));
    // A frame that says nothing of its size holds the legacy part only.
    const bool extended = words.magic1 == FP_XSTATE_MAGIC1 && words.xstate_size <= extended_state_size() && words.xstate_size >= legacy_size + 64;
    const size_t size = extended ? words.xstate_size : legacy_size;
    std::memset(context.extended_state, 0, extended_state_size());
    TRY(mm::copy_from_user(context.extended_state, at, size));
    load_extended_state(context, size);
    return {};
}

}  // namespace

size_t signal_frame_size() { return red_zone + 64 + 16 + state_bytes() + sizeof(Frame); }

Result<void> enter_signal_handler(TrapFrame& registers, ThreadContext& context, const SignalCall& call) {
    const uint64_t top = call.stack_end.value != 0 ? call.stack_end.value : registers.rsp - red_zone;
    const VirtualAddress state{align_down(top - state_bytes(), 64)};
    // At the handler's entry the stack is as after a call (x86-64 psABI 3.2.2).
    const VirtualAddress at{align_down(state.value - sizeof(Frame), 16) - 8};
    TRY(store_state(state, context));
    Frame frame{};
    frame.return_address = call.restorer;
    frame.context.flags = UserContext::has_segment | UserContext::strict_segment | (extended_state_components() != 0 ? UserContext::has_xstate : 0);
    frame.context.stack = call.saved_stack;
    frame.context.registers = to_context(registers, call.fault, call.saved_mask, state.value);
    frame.context.mask = call.saved_mask;
    frame.information = call.information;
    TRY(mm::copy_to_user(at, &frame, sizeof frame));
    registers.rdi = static_cast<uint64_t>(call.information.si_signo);
    registers.rsi = (at + offsetof(Frame, information)).value;
    registers.rdx = (at + offsetof(Frame, context)).value;
    registers.rax = 0;
    registers.rsp = at.value;
    registers.rip = call.handler;
    registers.rflags &= ~(trap_flag | direction_flag | resume_flag);
    end_of_syscall(registers);
    return {};
}

Result<SignalReturn> leave_signal_handler(TrapFrame& registers, ThreadContext& context) {
    // The handler's `ret` took the return address.
    Frame frame;
    TRY(mm::copy_from_user(&frame, VirtualAddress{registers.rsp - sizeof frame.return_address}, sizeof frame));
    TRY(load_state(VirtualAddress{static_cast<const void*>(frame.context.registers.fpstate)}, context));
    from_context(frame.context.registers, registers);
    end_of_syscall(registers);
    return SignalReturn{frame.context.mask, frame.context.stack};
}

Result<InterruptedCode> interrupted_code() {
    const UserContext context = TRY(mm::UserPtr<UserContext>{program_stack_pointer()}.load());
    return InterruptedCode{context.mask, static_cast<int64_t>(context.registers.rax)};
}

VirtualAddress stack_pointer(const TrapFrame& registers) { return VirtualAddress{registers.rsp}; }
int64_t syscall_result(const TrapFrame& registers) { return static_cast<int64_t>(registers.rax); }
void set_syscall_result(TrapFrame& registers, int64_t result) { registers.rax = static_cast<uint64_t>(result); }

void repeat_syscall(TrapFrame& registers, uint64_t number) {
    constexpr uint64_t instruction_size = 2;  // `syscall`, and also the short jump that stands at a patched site
    registers.rip -= instruction_size;
    registers.rax = number;
}

void go_back_to_call_site(TrapFrame& registers) {
    if (const auto site = patched_site_of(VirtualAddress{registers.rip})) registers.rip = site->value;
}

bool in_syscall(const TrapFrame& registers) { return registers.vector == syscall_vector; }
void end_of_syscall(TrapFrame& registers) { registers.vector = 0; }
uint64_t& instruction_pointer(TrapFrame& registers) { return registers.rip; }

}  // namespace eremite::arch
