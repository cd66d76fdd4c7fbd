#pragma once
// What the scheduler keeps for each CPU. Private to this folder.
#include <atomic>
#include <cstdint>

#include "base/tree.hpp"
#include "libos/arch/smp.hpp"
#include "libos/sched/idle_task.hpp"
#include "libos/sched/run_queue.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::sched {

struct ByDeadline {
    static Instant key(const Thread& thread) { return thread.deadline; }
};

// `lock` guards everything here, and the state and the links of the threads whose `cpu` this is. It is held across a switch of
// threads: whoever holds it sees no thread of this CPU half switched.
struct alignas(64) Cpu {
    explicit Cpu(unsigned number) : index{number} {}

    sync::Spinlock lock{sync::Rank::RunQueue};
    const unsigned index;
    Thread* current = nullptr;
    Thread* idle = nullptr;
    Thread* dead = nullptr;    // ended, and its stack was in use until the switch was done
    Thread* moving = nullptr;  // the same for one that goes on at another CPU
    RunQueue ready;
    Tree<Thread, ByDeadline, ByTimer> sleepers;
    Instant armed = Instant::never();  // when the timer will interrupt
    Instant slice_end{};  // the first thread's has passed as soon as there is a second one
    std::atomic<bool> due{false};  // another thread should run
    // The idle thread looks at `ready` all the time, and at the rest before it sleeps: no need to interrupt it.
    bool polling = false;
    Duration poll_time{};  // for which it looks
    List<IdleTask, ByIdle> idle_tasks;
    Counts counts{};
};

extern constinit Cpu* cpus[arch::max_cpus];
[[nodiscard]] inline Cpu& cpu_at(unsigned index) { return *cpus[index]; }
// ENOMEM
[[nodiscard]] Result<void> add_cpu(unsigned index, Thread& current, Thread& idle);
// Good until threads are switched.
[[nodiscard]] inline Cpu& this_cpu() { return cpu_at(arch::cpu_index()); }

// The CPU to which the thread belongs, locked.
[[nodiscard]] Cpu& lock_home(const Thread& thread);

// After a change of what the thread's level and slice follow from. Requires: it is in no run queue.
void weigh(Thread& thread);
// Requires the lock. Queues the thread, which is Ready and whose `cpu` this is, and makes the CPU look.
void enqueue(Cpu& cpu, Thread& thread);
// Requires the lock of this CPU. Gives the CPU to another thread and releases the lock. The current one is in its new state.
void schedule(Cpu& cpu);
// Requires the lock. Puts the current thread, which is Ready, where it will go on.
void requeue_current(Cpu& cpu, bool first);
// Requires the lock of this CPU.
void arm_timer(Cpu& cpu);
// Where a thread that was woken should run: its last CPU, unless another one is idle.
[[nodiscard]] unsigned place(const Thread& thread);
// Queues the thread, which is Ready and in no queue, at its `cpu`. Requires: no lock of a CPU is held.
void send(Thread& thread);
// Lets an idle CPU look for work, because this one has some to give away.
void offer_work(const Cpu& cpu);

// What an idle thread does, and where it begins when it is switched to.
[[noreturn]] void idle_loop();
[[noreturn]] void start_idle_thread(void*);

}  // namespace eremite::sched
