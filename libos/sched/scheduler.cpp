#include "libos/sched/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "libos/arch/supervisor.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpu.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/threads.hpp"
#include "libos/sched/timer.hpp"

namespace eremite::sched {

namespace {

// Of the program's timers, which the first CPU looks after; its lock guards it.
constinit Instant timer_deadline = Instant::never();

bool sleeps(Thread& thread) { return static_cast<TreeNode<ByTimer>&>(thread).linked(); }
bool queued(Thread& thread) { return static_cast<ListNode<ByQueue>&>(thread).linked(); }

// Requires the lock. Makes the CPU look: it has something more important to do, or a second thread.
void request_attention(Cpu& cpu, bool preempts) {
    if (preempts) cpu.due.store(true, std::memory_order_relaxed);
    if (cpu.index != arch::cpu_index()) {
        if (!cpu.polling) arch::interrupt_cpu(cpu.index);
    } else {
        if (preempts) arch::look_before_return();
        arm_timer(cpu);
    }
}

// A call may start timers, for which set_timer_deadline is called again.
void run_due_timers(Cpu& first_cpu, Instant now) {
    first_cpu.lock.lock();
    const bool due = timer_deadline <= now;
    if (due) timer_deadline = Instant::never();
    first_cpu.lock.unlock();
    if (!due) return;
    const Instant next = run_timers(now);
    first_cpu.lock.lock();
    timer_deadline = std::min(timer_deadline, next);
    first_cpu.lock.unlock();
}

// Requires home's lock, releases it. The thread is Blocked there.
void make_ready(Cpu& home, Thread& thread, Wakeup why) {
    thread.wakeup = why;
    if (sleeps(thread)) home.sleepers.remove(thread);
    thread.state = State::Ready;
    const unsigned target = place(thread);
    if (target == home.index) {
        enqueue(home, thread);
        home.lock.unlock();
        return;
    }
    thread.cpu.store(target, std::memory_order_release);
    home.lock.unlock();
    send(thread);
}

Wakeup block(sync::Spinlock* lock, Instant deadline, bool interruptible = true) {
    Cpu& cpu = this_cpu();
    Thread& thread = *cpu.current;
    cpu.lock.lock();
    // Wakers find the thread Blocked, and need the CPU's lock for it, which is held until the switch is done.
    thread.wakeup = Wakeup::Woken;
    thread.state = State::Blocked;
    thread.interruptible = interruptible;
    if (lock) lock->unlock();
    // Who sets the flag later finds the thread Blocked.
    if (interruptible && thread.signal_due.load()) {
        thread.state = State::Running;
        thread.wakeup = Wakeup::Interrupted;
        arch::look_before_return();
        cpu.lock.unlock();
    } else {
        if (deadline != Instant::never()) {
            thread.deadline = deadline;
            cpu.sleepers.insert(thread);
        }
        schedule(cpu);
    }
    if (lock) lock->lock();
    return thread.wakeup;
}

}  // namespace

Cpu& lock_home(const Thread& thread) {
    for (;;) {
        Cpu& cpu = cpu_at(thread.cpu.load(std::memory_order_relaxed));
        cpu.lock.lock();
        if (thread.cpu.load(std::memory_order_acquire) == cpu.index) return cpu;
        cpu.lock.unlock();
    }
}

// The timer interrupts for the next sleeper, and at the end of the time slice if somebody else wants to run: a thread that
// is alone is left alone.
void arm_timer(Cpu& cpu) {
    Instant next = cpu.index == 0 ? timer_deadline : Instant::never();
    if (const Thread* sleeper = cpu.sleepers.first()) next = std::min(next, sleeper->deadline);
    // A switch that is due needs no timer; where interrupts are slow, one in the past would never let it come.
    if (cpu.ready.size() != 0 && !cpu.due.load(std::memory_order_relaxed)) next = std::min(next, cpu.slice_end);
    if (next >= cpu.armed) return;  // it interrupts earlier, and then looks again
    cpu.armed = next;
    platform::arm_timer_at(next);
}

void enqueue(Cpu& cpu, Thread& thread) {
    const bool preempts = cpu.current == cpu.idle || thread.level > cpu.current->level;
    cpu.ready.push_back(thread);
    if (preempts || cpu.ready.size() == 1) request_attention(cpu, preempts);
}

void weigh(Thread& thread) {
    const auto& [policy, priority, nice] = thread.scheduling;
    const bool real_time = policy == policy_fifo || policy == policy_round_robin;
    const unsigned level = real_time ? 1 + static_cast<unsigned>(priority) : policy == policy_batch || policy == policy_idle ? 0 : 1;
    thread.level = std::max(level, thread.inherited_level);
    // Nanoseconds of a slice grow by a quarter for each step of nice, as Linux's weights do, within reason.
    constexpr int64_t shortest = 250'000, longest = 40'000'000;
    int64_t ns = time_slice.ns;
    for (int step = nice; step < 0; ++step) ns += ns / 4;
    for (int step = nice; step > 0; --step) ns -= ns / 5;
    thread.slice = policy == policy_fifo ? Duration{INT64_MAX} : real_time ? time_slice : Duration{std::clamp(ns, shortest, longest)};
}

void schedule(Cpu& cpu) {
    if constexpr (sync::locks_are_checked) sync::check_only_held(cpu.lock);
    Thread& previous = *cpu.current;
    Thread* next = cpu.ready.first();
    if (next) cpu.ready.remove(*next);
    else next = cpu.idle;
    cpu.due.store(false, std::memory_order_relaxed);
    const Instant now = platform::monotonic_now();
    cpu.slice_end = next->slice.ns == INT64_MAX ? Instant::never() : now + next->slice;
    arm_timer(cpu);
    next->state = State::Running;
    if (next == &previous) {
        cpu.lock.unlock();
        return;
    }
    previous.cpu_time += (now - previous.running_since).ns;
    next->running_since = now;
    cpu.current = next;
    ++cpu.counts.context_switches;
    arch::switch_context(previous.context, next->context, next->stack);
    finish_switch();
}

// Possibly on another CPU than the one that the thread left.
void finish_switch() {
    Cpu& cpu = this_cpu();
    Thread* const dead = std::exchange(cpu.dead, nullptr);
    Thread* const moving = std::exchange(cpu.moving, nullptr);
    if (moving) moving->cpu.store(place(*moving), std::memory_order_release);
    cpu.lock.unlock();
    // On its way back the thread looks for its signals, and tells the program the number of its new CPU.
    const Thread& thread = *cpu.current;
    if (thread.signal_due.load() || (thread.rseq_area.value != 0 && thread.rseq_cpu != cpu.index)) arch::look_before_return();
    if (moving) send(*moving);
    if (dead) reap(*dead);
}

Thread& current_thread() { return *this_cpu().current; }
bool others_are_ready() { return this_cpu().ready.size() != 0; }
bool is_idle() { return this_cpu().current == this_cpu().idle && !others_are_ready(); }

void start_thread(Thread& thread) {
    Cpu& home = lock_home(thread);
    thread.cpu.store(place(thread), std::memory_order_release);
    home.lock.unlock();
    send(thread);
}

void requeue_current(Cpu& cpu, bool first) {
    Thread& thread = *cpu.current;
    thread.state = State::Ready;
    if (!(thread.affinity >> cpu.index & 1)) cpu.moving = &thread;
    else if (first) cpu.ready.push_front(thread);
    else cpu.ready.push_back(thread);
}

void yield() {
    Cpu& cpu = this_cpu();
    if (cpu.ready.size() == 0) return;
    cpu.lock.lock();
    const Thread* const next = cpu.ready.first();
    if (!next || next->level < cpu.current->level) {
        cpu.lock.unlock();
        return;
    }
    requeue_current(cpu, false);
    schedule(cpu);
}

Wakeup block(sync::Spinlock& lock, Instant deadline) { return block(&lock, deadline); }
Wakeup block(Instant deadline) { return block(nullptr, deadline); }
Wakeup block_uninterruptibly(sync::Spinlock& lock, Instant deadline) { return block(&lock, deadline, false); }

void wake(Thread& thread, Wakeup why) {
    Cpu& home = lock_home(thread);
    if (thread.state == State::Blocked) make_ready(home, thread, why);
    else home.lock.unlock();
}

void interrupt(Thread& thread) {
    Cpu& home = lock_home(thread);
    // It may have taken the signal since, before it began to wait for something else.
    if (thread.state == State::Blocked && thread.interruptible && thread.signal_due.load()) return make_ready(home, thread, Wakeup::Interrupted);
    const bool running = home.current == &thread;
    home.lock.unlock();
    // One that waits for its turn looks when it has it.
    if (!running) return;
    if (home.index == arch::cpu_index()) arch::look_before_return();
    else arch::interrupt_cpu(home.index);
}

namespace {

template <typename Read>
auto read_locked(const Thread& thread, Read&& read) {
    Cpu& home = lock_home(thread);
    const auto value = read();
    home.lock.unlock();
    return value;
}

// Changes what a thread's level follows from, with the thread out of its queue.
template <typename Change>
void change_level(Thread& thread, Change&& change) {
    Cpu& home = lock_home(thread);
    const bool was_queued = queued(thread);
    if (was_queued) home.ready.remove(thread);
    change();
    weigh(thread);
    if (was_queued) home.ready.push_back(thread);
    if (const Thread* next = home.ready.first(); next && next->level > home.current->level) request_attention(home, true);
    home.lock.unlock();
}

}  // namespace

Scheduling scheduling_of(const Thread& thread) {
    return read_locked(thread, [&] { return thread.scheduling; });
}

uint64_t affinity_of(const Thread& thread) {
    return read_locked(thread, [&] { return thread.affinity; });
}

Duration slice_of(const Thread& thread) {
    return read_locked(thread, [&] { return thread.slice; });
}

unsigned importance(const Thread& thread) {
    return read_locked(thread, [&] { return thread.level; });
}

void set_policy(Thread& thread, int policy, int priority) {
    change_level(thread, [&] {
        thread.scheduling.policy = policy;
        thread.scheduling.priority = priority;
    });
}

void set_nice(Thread& thread, int nice) {
    change_level(thread, [&] { thread.scheduling.nice = nice; });
}

void set_inherited_importance(Thread& thread, unsigned level) {
    if (thread.inherited_level == level) return;
    change_level(thread, [&] { thread.inherited_level = level; });
}

void set_affinity(Thread& thread, uint64_t cpus) {
    Cpu& home = lock_home(thread);
    thread.affinity = cpus;
    const bool stays = cpus >> home.index & 1;
    if (stays || (home.current != &thread && !queued(thread))) {
        home.lock.unlock();
    } else if (home.current == &thread) {
        request_attention(home, true);
        home.lock.unlock();
    } else {
        home.ready.remove(thread);
        thread.cpu.store(place(thread), std::memory_order_release);
        home.lock.unlock();
        send(thread);
    }
}

void reschedule_if_due() {
    if (!threads_started()) return;
    Cpu& cpu = this_cpu();
    if (!cpu.due.load(std::memory_order_relaxed) || cpu.current == cpu.idle) return;
    cpu.lock.lock();
    ++cpu.counts.preemptions;
    // Who gives way to somebody more important has not used up its turn.
    requeue_current(cpu, platform::monotonic_now() < cpu.slice_end);
    schedule(cpu);
}

void set_timer_deadline(Instant when) {
    Cpu& cpu = cpu_at(0);
    cpu.lock.lock();
    timer_deadline = std::min(timer_deadline, when);
    if (when < cpu.armed) request_attention(cpu, false);
    cpu.lock.unlock();
}

void attention() {
    Cpu& cpu = this_cpu();
    cpu.lock.lock();
    arm_timer(cpu);
    cpu.lock.unlock();
}

Result<void> sleep_until(Instant when) {
    while (platform::monotonic_now() < when)
        if (block(when) == Wakeup::Interrupted) return Error{EINTR};
    return {};
}

void timer_interrupt() {
    if (!threads_started()) return;
    Cpu& cpu = this_cpu();
    const Instant now = platform::monotonic_now();
    if (cpu.index == 0) run_due_timers(cpu, now);
    cpu.lock.lock();
    ++cpu.counts.timer_interrupts;
    cpu.armed = Instant::never();
    while (Thread* const sleeper = cpu.sleepers.first()) {
        if (sleeper->deadline > now) break;
        // Maybe elsewhere: its affinity may have changed meanwhile.
        make_ready(cpu, *sleeper, Wakeup::TimedOut);
        cpu.lock.lock();
    }
    if (now >= cpu.slice_end && cpu.ready.size() != 0) request_attention(cpu, true);
    arm_timer(cpu);
    cpu.lock.unlock();
    offer_work(cpu);
}

}  // namespace eremite::sched

namespace eremite::arch {

// What was changed from another CPU: its timer may be wanted earlier. The rest is looked at on the way back to the program.
void attention_interrupt() { sched::attention(); }

}  // namespace eremite::arch
