#include "libos/syscall/thread.hpp"

#include <linux/sched.h>

#include <algorithm>

#include "libos/arch/syscall.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/threads.hpp"
#include "libos/signal/signals.hpp"
#include "libos/syscall/adapter.hpp"
#include "libos/syscall/futex.hpp"
#include "libos/syscall/process.hpp"

namespace eremite::syscall {

namespace {

struct Request {
    uint64_t flags;
    VirtualAddress parent_word, child_word;  // where the thread's id is stored
    uint64_t stack_pointer, thread_pointer;
};

Result<long> make_thread(const arch::TrapFrame& registers, const Request& request) {
    constexpr uint64_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    constexpr uint64_t understood = needed | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
                                    CLONE_DETACHED | CLONE_IO | CLONE_PTRACE | CLONE_UNTRACED | CSIGNAL;
    if (!(request.flags & CLONE_THREAD)) return sys_no_processes();
    if ((request.flags & needed) != needed || (request.flags & ~understood) != 0) return Error{EINVAL};
    sched::Thread* const thread = TRY(sched::create_thread(registers, request.stack_pointer));
    if (request.flags & CLONE_SETTLS) thread->context.thread_pointer = request.thread_pointer;
    if (request.flags & CLONE_CHILD_CLEARTID) thread->clear_at_exit = request.child_word;
    // As in Linux, a word that cannot be written does not undo the thread.
    const auto id = static_cast<uint32_t>(thread->id);
    if (request.flags & CLONE_PARENT_SETTID) (void)mm::UserPtr<uint32_t>{request.parent_word}.store(id);
    if (request.flags & CLONE_CHILD_SETTID) (void)mm::UserPtr<uint32_t>{request.child_word}.store(id);
    sched::start_thread(*thread);
    return static_cast<long>(id);
}

}  // namespace

Result<long> sys_clone(const arch::TrapFrame& registers) {
    const auto argument = [&registers](unsigned i) { return arch::syscall_argument(registers, i); };
    return make_thread(registers, {.flags = argument(0), .parent_word = VirtualAddress{argument(2)}, .child_word = VirtualAddress{argument(3)},
                                   .stack_pointer = argument(1), .thread_pointer = argument(4)});
}

Result<long> sys_clone3(const arch::TrapFrame& registers) {
    const uint64_t size = arch::syscall_argument(registers, 1);
    if (size < CLONE_ARGS_SIZE_VER0) return Error{EINVAL};
    if (size > page_size) return Error{E2BIG};
    clone_args arguments{};
    TRY(mm::copy_from_user(&arguments, VirtualAddress{arch::syscall_argument(registers, 0)}, std::min(size, sizeof arguments)));
    if (arguments.exit_signal != 0 && (arguments.flags & CLONE_THREAD)) return Error{EINVAL};
    if ((arguments.stack == 0) != (arguments.stack_size == 0)) return Error{EINVAL};
    return make_thread(registers, {.flags = arguments.flags, .parent_word = VirtualAddress{arguments.parent_tid},
                                   .child_word = VirtualAddress{arguments.child_tid},
                                   .stack_pointer = arguments.stack + arguments.stack_size, .thread_pointer = arguments.tls});
}

Result<long> sys_gettid() { return static_cast<long>(sched::current_thread().id); }

Result<long> sys_set_tid_address(VirtualAddress address) {
    sched::Thread& thread = sched::current_thread();
    thread.clear_at_exit = address;
    return static_cast<long>(thread.id);
}

Result<long> sys_exit(int status) {
    release_futexes(sched::current_thread());
    signal::thread_ends(sched::current_thread());
    (void)sched::exit_thread();
    // It was the last one.
    process::end(status & 0xff);
}

}  // namespace eremite::syscall

extern "C" {

long eremite_do_clone(const eremite::arch::TrapFrame* frame) { return eremite::syscall::to_register(eremite::syscall::sys_clone(*frame)); }
long eremite_do_clone3(const eremite::arch::TrapFrame* frame) { return eremite::syscall::to_register(eremite::syscall::sys_clone3(*frame)); }

}
