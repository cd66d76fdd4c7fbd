#include "libos/sched/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "base/panic.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/kernel_stacks.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/timer.hpp"

namespace eremite::sched {

namespace {

// Levels of importance: 0 is SCHED_IDLE and SCHED_BATCH, 1 SCHED_OTHER, 2 to 100 the real-time priorities 1 to 99.
constexpr unsigned level_count = 101;
constexpr int fifo = 1, round_robin = 2, batch = 3, idle = 5;

unsigned level_of(const Thread& thread) {
    const Scheduling& s = thread.scheduling;
    if (s.policy == fifo || s.policy == round_robin) return 1 + static_cast<unsigned>(s.priority);
    return s.policy == batch || s.policy == idle ? 0 : 1;
}

class RunQueue {
public:
    void push_back(Thread& thread) {
        const unsigned level = level_of(thread);
        levels_[level].push_back(thread);
        occupied_[level / 64] |= uint64_t{1} << level % 64;
        ++size_;
    }
    void push_front(Thread& thread) {
        push_back(thread);
        levels_[level_of(thread)].remove(thread);
        levels_[level_of(thread)].push_front(thread);
    }
    void remove(Thread& thread) {
        const unsigned level = level_of(thread);
        levels_[level].remove(thread);
        if (levels_[level].empty()) occupied_[level / 64] &= ~(uint64_t{1} << level % 64);
        --size_;
    }
    [[nodiscard]] Thread* first() const {
        for (unsigned word = 2; word-- > 0;)
            if (occupied_[word] != 0) return levels_[word * 64 + 63 - static_cast<unsigned>(std::countl_zero(occupied_[word]))].front();
        return nullptr;
    }
    [[nodiscard]] uint32_t size() const { return size_; }

private:
    List<Thread, ByQueue> levels_[level_count];
    uint64_t occupied_[2]{};
    uint32_t size_ = 0;
};

struct ByDeadline {
    static Instant key(const Thread& thread) { return thread.deadline; }
};

// What belongs to a CPU.
struct Cpu {
    Thread* current = nullptr;
    Thread* idle = nullptr;
    Thread* dead = nullptr;  // ended, and its stack was in use until the next switch is done
    RunQueue ready;
    Tree<Thread, ByDeadline, ByTimer> sleepers;
    Instant armed = Instant::never();  // when the timer will interrupt
    Instant slice_end = Instant::never();
    Instant timer_deadline = Instant::never();  // of the first timer (libos/sched/timer.hpp)
    bool due = false;        // another thread should run
    Counts counts{};
};

struct Threads {
    List<Thread, ByExist> all;
    uint32_t count = 0;
    int next_id = 2;
    Duration ended{};  // CPU time of threads that ended
};

template <typename T>
struct Storage {
    alignas(T) unsigned char bytes[sizeof(T)];
};
constinit Storage<Cpu> cpu_storage{};
constinit Storage<Threads> threads_storage{};
constinit Storage<Thread> main_storage{}, idle_storage{};
constinit Cpu* boot_cpu = nullptr;
constinit Threads* threads = nullptr;
// The main thread's extended state is saved before anything is known of its size.
constexpr size_t largest_state = 4096;
alignas(64) constinit uint8_t main_state[largest_state]{};

Cpu& this_cpu() { return *boot_cpu; }

// The timer interrupts for the next sleeper, and at the end of the time slice if somebody else wants to run: a thread that
// is alone is left alone.
void arm_timer() {
    Cpu& cpu = this_cpu();
    Instant next = Instant::never();
    if (const Thread* sleeper = cpu.sleepers.first()) next = sleeper->deadline;
    if (cpu.ready.size() != 0) next = std::min(next, cpu.slice_end);
    next = std::min(next, cpu.timer_deadline);
    if (next >= cpu.armed) return;  // it interrupts earlier, and then looks again
    cpu.armed = next;
    platform::arm_timer_at(next);
}

void reap() {
    Cpu& cpu = this_cpu();
    Thread* const dead = cpu.dead;
    if (!dead) return;
    cpu.dead = nullptr;
    arch::forget_context(dead->context);
    free_kernel_stack(dead->stack);
    operator delete(dead->context.extended_state, std::align_val_t{64});
    delete dead;
}

void schedule() {
    Cpu& cpu = this_cpu();
    Thread& previous = *cpu.current;
    Thread* next = cpu.ready.first();
    if (next) cpu.ready.remove(*next);
    else next = cpu.idle;
    cpu.due = false;
    const Instant now = platform::monotonic_now();
    cpu.slice_end = next->scheduling.policy == fifo ? Instant::never() : now + time_slice;
    arm_timer();
    next->state = State::Running;
    if (next == &previous) return;
    previous.cpu_time += (now - previous.running_since).ns;
    next->running_since = now;
    cpu.current = next;
    ++cpu.counts.context_switches;
    arch::switch_context(previous.context, next->context, next->stack);
    reap();
}

void make_ready(Thread& thread) {
    Cpu& cpu = this_cpu();
    thread.state = State::Ready;
    cpu.ready.push_back(thread);
    if (cpu.current == cpu.idle || level_of(thread) > level_of(*cpu.current)) {
        cpu.due = true;
        arch::look_before_return();
    }
    arm_timer();
}

[[noreturn]] void idle_loop(void*) {
    for (;;) {
        Cpu& cpu = this_cpu();
        if (cpu.ready.size() != 0) schedule();
        else arch::wait_for_interrupt();
    }
}

}  // namespace

Result<void> start_threads() {
    boot_cpu = new (cpu_storage.bytes) Cpu{};
    threads = new (threads_storage.bytes) Threads{};
    Thread* const main = new (main_storage.bytes) Thread{1};
    Thread* const idle_thread = new (idle_storage.bytes) Thread{0};
    if (arch::extended_state_size() > largest_state) return Error{ENOTSUP};
    main->context.extended_state = main_state;
    main->stack = arch::main_kernel_stack();
    main->state = State::Running;
    idle_thread->stack = TRY(allocate_kernel_stack());
    arch::prepare_kernel_thread(idle_thread->context, idle_thread->stack, idle_loop, nullptr);
    threads->all.push_back(*main);
    threads->count = 1;
    boot_cpu->current = main;
    boot_cpu->idle = idle_thread;
    return {};
}

Thread& current_thread() { return *this_cpu().current; }
uint32_t thread_count() { return threads->count; }
uint32_t runnable_count() { return this_cpu().ready.size() + 1; }

Thread* find_thread(int id) {
    for (Thread& thread : threads->all)
        if (thread.id == id) return &thread;
    return nullptr;
}

Result<Thread*> create_thread(const arch::TrapFrame& registers, uint64_t stack_pointer) {
    constexpr uint32_t most_threads = 32768;
    if (threads->count >= most_threads) return Error{EAGAIN};
    auto* const state = static_cast<uint8_t*>(operator new(arch::extended_state_size(), std::align_val_t{64}, std::nothrow));
    if (!state) return Error{ENOMEM};
    std::unique_ptr<Thread> thread{new (std::nothrow) Thread{threads->next_id}};
    auto stack = thread ? allocate_kernel_stack() : Result<arch::KernelStack>{Error{ENOMEM}};
    if (!stack.ok()) {
        operator delete(state, std::align_val_t{64});
        return stack.error();
    }
    ++threads->next_id;
    const Thread& parent = current_thread();
    thread->stack = stack.value();
    thread->context.extended_state = state;
    thread->context.thread_pointer = arch::thread_pointer();
    thread->scheduling = parent.scheduling;
    thread->blocked_signals = parent.blocked_signals;
    std::copy(std::begin(parent.name), std::end(parent.name), thread->name);
    arch::prepare_program_thread(thread->context, thread->stack, registers, stack_pointer);
    threads->all.push_back(*thread);
    ++threads->count;
    return thread.release();
}

void start_thread(Thread& thread) { make_ready(thread); }

void exit_thread() {
    Cpu& cpu = this_cpu();
    Thread& thread = *cpu.current;
    thread.state = State::Dead;
    threads->ended = threads->ended + cpu_time(thread);
    threads->all.remove(thread);
    --threads->count;
    // The main thread's memory is not from the heap.
    if (thread.id != 1) cpu.dead = &thread;
    schedule();
    panic("a thread that ended runs again");
}

void yield() {
    Cpu& cpu = this_cpu();
    const Thread* const next = cpu.ready.first();
    if (!next || level_of(*next) < level_of(*cpu.current)) return;
    cpu.current->state = State::Ready;
    cpu.ready.push_back(*cpu.current);
    schedule();
}

Wakeup block(sync::Spinlock& lock, Instant deadline) {
    lock.unlock();
    const Wakeup why = block(deadline);
    lock.lock();
    return why;
}

Wakeup block(Instant deadline) {
    if (current_thread().signal_due.load()) return Wakeup::Interrupted;
    Cpu& cpu = this_cpu();
    Thread& thread = *cpu.current;
    thread.state = State::Blocked;
    thread.wakeup = Wakeup::Woken;
    if (deadline != Instant::never()) {
        thread.deadline = deadline;
        cpu.sleepers.insert(thread);
    }
    schedule();
    if (static_cast<TreeNode<ByTimer>&>(thread).linked()) cpu.sleepers.remove(thread);
    return thread.wakeup;
}

void wake(Thread& thread, Wakeup why) {
    if (thread.state != State::Blocked) return;
    thread.wakeup = why;
    make_ready(thread);
}

void interrupt(Thread& thread) {
    if (&thread == &current_thread()) arch::look_before_return();
    else wake(thread, Wakeup::Interrupted);
}

void set_scheduling(Thread& thread, Scheduling scheduling) {
    Cpu& cpu = this_cpu();
    const bool queued = thread.state == State::Ready;
    if (queued) cpu.ready.remove(thread);
    thread.scheduling = scheduling;
    if (queued) cpu.ready.push_back(thread);
    if (const Thread* next = cpu.ready.first(); next && level_of(*next) > level_of(*cpu.current)) cpu.due = true;
}

Duration cpu_time(const Thread& thread) {
    const int64_t running = &thread == this_cpu().current ? (platform::monotonic_now() - thread.running_since).ns : 0;
    return {thread.cpu_time + running};
}

Duration total_cpu_time() {
    Duration sum = threads->ended;
    for (const Thread& thread : threads->all) sum = sum + cpu_time(thread);
    return sum;
}

void reschedule_if_due() {
    if (!boot_cpu) return;
    Cpu& cpu = this_cpu();
    if (!cpu.due || cpu.current == cpu.idle) return;
    ++cpu.counts.preemptions;
    Thread& thread = *cpu.current;
    thread.state = State::Ready;
    // Who gives way to somebody more important has not used up its turn.
    if (platform::monotonic_now() < cpu.slice_end) cpu.ready.push_front(thread);
    else cpu.ready.push_back(thread);
    schedule();
}

void finish_switch() { reap(); }

Counts counts() { return boot_cpu ? this_cpu().counts : Counts{}; }

Result<void> sleep_until(Instant when) {
    while (platform::monotonic_now() < when) block(when);
    return {};
}

void set_timer_deadline(Instant deadline) {
    this_cpu().timer_deadline = std::min(this_cpu().timer_deadline, deadline);
    arm_timer();
}

void timer_interrupt() {
    if (!boot_cpu) return;
    Cpu& cpu = this_cpu();
    ++cpu.counts.timer_interrupts;
    cpu.armed = Instant::never();
    const Instant now = platform::monotonic_now();
    while (Thread* const sleeper = cpu.sleepers.first()) {
        if (sleeper->deadline > now) break;
        cpu.sleepers.remove(*sleeper);
        wake(*sleeper, Wakeup::TimedOut);
    }
    if (cpu.timer_deadline <= now) {
        cpu.timer_deadline = Instant::never();
        const Instant next = run_timers(now);
        cpu.timer_deadline = std::min(cpu.timer_deadline, next);
    }
    if (now >= cpu.slice_end && cpu.ready.size() != 0) cpu.due = true;
    else arm_timer();
}

}  // namespace eremite::sched
