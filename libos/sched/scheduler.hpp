#pragma once
// Who runs. One CPU so far; what belongs to a CPU stands together in `Cpu` (scheduler.cpp). All functions require that the
// virtual interrupt flag is clear, as it is throughout the library OS.
#include "base/result.hpp"
#include "libos/sched/thread.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::sched {

// How long a thread runs before another of the same importance has its turn.
inline constexpr Duration time_slice = Duration::milliseconds(4);

// Makes the running code the main thread, and an idle thread beside it. ENOMEM.
[[nodiscard]] Result<void> start_threads();

[[nodiscard]] Thread& current_thread();
// All threads of the program, the running one included.
[[nodiscard]] uint32_t thread_count();
[[nodiscard]] uint32_t runnable_count();
// Null when there is no such thread (any more).
[[nodiscard]] Thread* find_thread(int id);

// A thread that begins as `registers` say, see arch::prepare_program_thread. It does not run before start_thread.
// EAGAIN: there are too many; ENOMEM.
[[nodiscard]] Result<Thread*> create_thread(const arch::TrapFrame& registers, uint64_t stack_pointer);
void start_thread(Thread& thread);
// Ends the running thread. The last one must not: it ends the machine.
[[noreturn]] void exit_thread();

// Lets others run that are as important; returns at once when there are none.
void yield();
// Gives the CPU away until wake(), until `deadline`, or until a signal is due. `lock` guards what the thread waits for:
// it is released only once wake() works, and held again on return. Whoever wakes holds it too, which keeps the thread alive.
Wakeup block(sync::Spinlock& lock, Instant deadline);
// The same where only time or a signal ends the wait.
Wakeup block(Instant deadline);
// Makes a blocked thread ready. Does nothing to any other.
void wake(Thread& thread, Wakeup why = Wakeup::Woken);
// The thread's `signal_due` was set: ends its wait, or makes it look before it goes on in the program. Requires: something
// keeps the thread alive (it is the running one, or the lock of the list of threads is held).
void interrupt(Thread& thread);
void set_scheduling(Thread& thread, Scheduling scheduling);
// Time for which a thread has run.
[[nodiscard]] Duration cpu_time(const Thread& thread);
// The same for all threads together, those that ended included.
[[nodiscard]] Duration total_cpu_time();

// The timer's interrupt.
void timer_interrupt();
// At the end of an interrupt or a system call: switches if another thread is due.
void reschedule_if_due();

// First thing of a new thread: ends the switch that brought it here.
void finish_switch();

struct Counts {
    uint64_t context_switches = 0;
    uint64_t timer_interrupts = 0;
    uint64_t preemptions = 0;
};
[[nodiscard]] Counts counts();

}  // namespace eremite::sched
