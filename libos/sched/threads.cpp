#include "libos/sched/threads.hpp"

#include <algorithm>
#include <atomic>
#include <new>

#include "base/panic.hpp"
#include "libos/arch/cpu.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpu.hpp"
#include "libos/sched/kernel_stacks.hpp"

namespace eremite::sched {

namespace {

struct Threads {
    sync::Spinlock lock{sync::Rank::Threads};
    List<Thread, ByExist> all;
    std::atomic<uint32_t> count{0};  // changed with the lock
    std::atomic<int> next_id{2};
    Duration ended{};  // CPU time of threads that ended
};

template <typename T>
struct Storage {
    alignas(T) unsigned char bytes[sizeof(T)];
};
constinit Storage<Threads> threads_storage{};
constinit Storage<Thread> main_storage{};
constinit Threads* threads = nullptr;
// The main thread's extended state is saved before anything is known of its size.
constexpr size_t largest_state = 4096;
alignas(64) constinit uint8_t main_state[largest_state]{};

// Requires the lock.
void count_threads(int change) {
    threads->count.store(threads->count.load(std::memory_order_relaxed) + static_cast<uint32_t>(change), std::memory_order_relaxed);
}

}  // namespace

bool threads_started() { return threads != nullptr; }

Result<void> start_threads() {
    if (arch::extended_state_size() > largest_state) return Error{ENOTSUP};
    Thread* const idle = TRY(create_kernel_thread());
    Thread* const main = new (main_storage.bytes) Thread{1};
    main->context.extended_state = main_state;
    main->stack = arch::main_kernel_stack();
    main->state = State::Running;
    arch::prepare_kernel_thread(idle->context, idle->stack, start_idle_thread, nullptr);
    TRY(add_cpu(0, *main, *idle));
    threads = new (threads_storage.bytes) Threads{};
    threads->all.push_back(*main);
    count_threads(1);
    return {};
}

uint32_t thread_count() { return threads->count.load(std::memory_order_relaxed); }
Thread& main_thread() { return *std::launder(reinterpret_cast<Thread*>(main_storage.bytes)); }
sync::Spinlock& threads_lock() { return threads->lock; }

Thread* find_thread(int id) {
    for (Thread& thread : threads->all)
        if (thread.id == id) return &thread;
    return nullptr;
}

List<Thread, ByExist>& all_threads() { return threads->all; }

Result<Thread*> create_kernel_thread() {
    Thread* const thread = new (std::nothrow) Thread{0};
    if (!thread) return Error{ENOMEM};
    auto stack = allocate_kernel_stack();
    if (!stack.ok()) {
        delete thread;
        return stack.error();
    }
    thread->stack = stack.value();
    return thread;
}

Result<void> start_kernel_thread(void (*function)(void*), void* argument) {
    struct Start {
        void (*function)(void*);
        void* argument;
    };
    auto* const start = new (std::nothrow) Start{function, argument};
    if (!start) return Error{ENOMEM};
    const auto thread = create_kernel_thread();
    if (!thread.ok()) {
        delete start;
        return thread.error();
    }
    Thread& made = *thread.value();
    made.cpu.store(this_cpu().index, std::memory_order_relaxed);
    const auto begin = [](void* memory) {
        finish_switch();
        const Start what = *static_cast<const Start*>(memory);
        delete static_cast<const Start*>(memory);
        what.function(what.argument);
        panic("a thread of the kernel ended");
    };
    weigh(made);
    arch::prepare_kernel_thread(made.context, made.stack, begin, start);
    start_thread(made);
    return {};
}

Result<Thread*> create_thread(const arch::TrapFrame& registers, uint64_t stack_pointer) {
    constexpr uint32_t most_threads = 32768;
    if (thread_count() >= most_threads) return Error{EAGAIN};
    auto* const state = static_cast<uint8_t*>(operator new(arch::extended_state_size(), std::align_val_t{64}, std::nothrow));
    if (!state) return Error{ENOMEM};
    const int id = threads->next_id.fetch_add(1, std::memory_order_relaxed);
    std::unique_ptr<Thread> thread{new (std::nothrow) Thread{id}};
    auto stack = thread ? allocate_kernel_stack() : Result<arch::KernelStack>{Error{ENOMEM}};
    if (!stack.ok()) {
        operator delete(state, std::align_val_t{64});
        return stack.error();
    }
    const Thread& parent = current_thread();
    thread->stack = stack.value();
    thread->context.extended_state = state;
    thread->context.thread_pointer = arch::thread_pointer();
    {
        Cpu& home = lock_home(parent);
        thread->scheduling = parent.scheduling;
        thread->affinity = parent.affinity;
        thread->cpu.store(home.index, std::memory_order_relaxed);
        home.lock.unlock();
    }
    weigh(*thread);
    thread->blocked_signals = parent.blocked_signals;
    std::copy(std::begin(parent.name), std::end(parent.name), thread->name);
    arch::prepare_program_thread(thread->context, thread->stack, registers, stack_pointer);
    const sync::Guard guard{threads->lock};
    threads->all.push_back(*thread);
    count_threads(1);
    return thread.release();
}

bool exit_thread() {
    Thread& thread = current_thread();
    const Duration used = cpu_time(thread);
    {
        const sync::Guard guard{threads->lock};
        if (thread_count() == 1) return false;
        threads->ended = threads->ended + used;
        threads->all.remove(thread);
        count_threads(-1);
    }
    Cpu& cpu = this_cpu();
    cpu.lock.lock();
    thread.state = State::Dead;
    // The main thread's memory is not from the heap.
    if (thread.id != 1) cpu.dead = &thread;
    schedule(cpu);
    panic("a thread that ended runs again");
}

void reap(Thread& thread) {
    arch::forget_context(thread.context);
    free_kernel_stack(thread.stack);
    operator delete(thread.context.extended_state, std::align_val_t{64});
    delete &thread;
}

Duration cpu_time(const Thread& thread) {
    Cpu& home = lock_home(thread);
    const int64_t running = home.current == &thread ? (platform::monotonic_now() - thread.running_since).ns : 0;
    const Duration time{thread.cpu_time + running};
    home.lock.unlock();
    return time;
}

Duration total_cpu_time() {
    const sync::Guard guard{threads->lock};
    Duration sum = threads->ended;
    for (const Thread& thread : threads->all) sum = sum + cpu_time(thread);
    return sum;
}

}  // namespace eremite::sched
