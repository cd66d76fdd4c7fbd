#pragma once
// Who runs. Each CPU has a queue of its own (cpu.hpp); an idle CPU takes threads over from a busy one. A CPU with one thread
// that could run gets no timer interrupt for it. All functions require that the virtual interrupt flag is clear, as it is
// throughout the library OS.
#include "base/result.hpp"
#include "libos/sched/thread.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::sched {

// How long a thread of nice 0 runs before another of the same importance has its turn.
inline constexpr Duration time_slice = Duration::milliseconds(4);

[[nodiscard]] Thread& current_thread();

// Whether a thread waits for this CPU; and whether none has it, or waits for it.
[[nodiscard]] bool others_are_ready();
[[nodiscard]] bool is_idle();
// Makes a new thread run.
void start_thread(Thread& thread);
// Lets others run that are as important; returns at once when there are none.
void yield();
// Gives the CPU away until wake(), until `deadline`, or until a signal is due. `lock` guards what the thread waits for:
// it is released only once wake() works, and held again on return. Whoever wakes holds it too, which keeps the thread alive.
Wakeup block(sync::Spinlock& lock, Instant deadline);
// The same where only time or a signal ends the wait.
Wakeup block(Instant deadline);
// The same where signals wait until it is over: for what ends by itself before long, such as the answer of a device.
Wakeup block_uninterruptibly(sync::Spinlock& lock, Instant deadline = Instant::never());
// Makes a blocked thread ready. Does nothing to any other.
void wake(Thread& thread, Wakeup why = Wakeup::Woken);
// The thread's `signal_due` was set: ends its wait, or makes it look before it goes on in the program. Requires: something
// keeps the thread alive (it is the running one, or the lock of the list of threads is held).
void interrupt(Thread& thread);

// What others may change at any time is read as a whole.
[[nodiscard]] Scheduling scheduling_of(const Thread& thread);
[[nodiscard]] uint64_t affinity_of(const Thread& thread);
// How long it runs when others of the same importance wait.
[[nodiscard]] Duration slice_of(const Thread& thread);
void set_policy(Thread& thread, int policy, int priority);
void set_nice(Thread& thread, int nice);
// How important a thread is, what it inherits included; and that of the threads for which it holds a lock.
[[nodiscard]] unsigned importance(const Thread& thread);
void set_inherited_importance(Thread& thread, unsigned level);
// A mask of CPUs, at least one of them online.
void set_affinity(Thread& thread, uint64_t cpus);

// The timer's interrupt, and that of another CPU.
void timer_interrupt();
void attention();
// At the end of an interrupt or a system call: switches if another thread is due.
void reschedule_if_due();
// First thing of a new thread: ends the switch that brought it here.
void finish_switch();

struct Counts {
    uint64_t context_switches = 0;
    uint64_t timer_interrupts = 0;
    uint64_t preemptions = 0;
    uint64_t stolen = 0;  // threads that other CPUs took over
};
[[nodiscard]] Counts counts(unsigned cpu);
// Threads that run or could run.
[[nodiscard]] uint32_t runnable_count();

}  // namespace eremite::sched
