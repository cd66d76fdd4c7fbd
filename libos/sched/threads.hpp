#pragma once
// The threads of the program: all of them, their beginning and their end.
#include "base/result.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite::sched {

// Makes the running code the main thread, and an idle thread beside it. ENOMEM.
[[nodiscard]] Result<void> start_threads();
[[nodiscard]] bool threads_started();

// All threads of the program, the running one included.
[[nodiscard]] uint32_t thread_count();
// The lock of the list of threads: while it is held none of them goes away.
[[nodiscard]] sync::Spinlock& threads_lock();
// Its name stays when it has ended.
[[nodiscard]] Thread& main_thread();
// Null when there is no such thread (any more). Requires: threads_lock().
[[nodiscard]] Thread* find_thread(int id);
// Calls use(thread) with the thread kept alive. `id` 0: the running one. ESRCH: there is no such thread.
template <typename Use>
auto with_thread(int id, Use&& use) -> decltype(use(current_thread())) {
    if (id == 0) return use(current_thread());
    const sync::Guard guard{threads_lock()};
    Thread* const thread = find_thread(id);
    if (!thread) return Error{ESRCH};
    return use(*thread);
}
// Calls visit(thread) for all threads, the main thread first if it is among them. Requires: threads_lock().
[[nodiscard]] List<Thread, ByExist>& all_threads();
template <typename Visit>
void visit_threads(Visit&& visit) {
    for (Thread& thread : all_threads()) visit(thread);
}

// A thread that begins as `registers` say, see arch::prepare_program_thread. It does not run before start_thread.
// EAGAIN: there are too many; ENOMEM.
[[nodiscard]] Result<Thread*> create_thread(const arch::TrapFrame& registers, uint64_t stack_pointer);
// A thread of the kernel, which is not among the program's: it waits or runs until it waits, and its function does not return. ENOMEM.
[[nodiscard]] Result<void> start_kernel_thread(void (*function)(void*), void* argument);
// One that has yet to be told where to begin: a CPU's idle thread. ENOMEM.
[[nodiscard]] Result<Thread*> create_kernel_thread();
// Ends the running thread. False instead: it is the last one, with which the machine ends.
bool exit_thread();
// Frees what an ended thread had. Requires: its stack is not in use any more.
void reap(Thread& thread);

// Time for which a thread has run.
[[nodiscard]] Duration cpu_time(const Thread& thread);
// The same for all threads together, those that ended included.
[[nodiscard]] Duration total_cpu_time();

}  // namespace eremite::sched
