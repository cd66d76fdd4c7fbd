#include "machine.hpp"

#include <sched.h>
#include <time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/panic.hpp"
#include "fiber.hpp"
#include "host_cpu.hpp"
#include "libos/arch/context.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/heap.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpu.hpp"
#include "libos/sched/cpus.hpp"
#include "libos/sched/kernel_stacks.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::test {

namespace {

std::array<HostCpu, cpu_count> cpus;
std::atomic<uint64_t> online{1};
std::atomic<uint64_t> steps{0};
std::atomic<uint32_t> fibers{0};
// Each changes with every switch of threads, so nobody keeps a reference across one.
thread_local unsigned index_here = 0;
thread_local Fiber* running_here = nullptr;

__attribute__((noinline)) HostCpu& this_host_cpu() { return cpus[index_here]; }
__attribute__((noinline)) Fiber*& running() { return running_here; }

// A KernelStack's address stands for the fiber.
Fiber& fiber_of(const arch::KernelStack& stack) { return *stack.memory.start.as<Fiber>(); }
Fiber& fiber_of(const arch::ThreadContext& context) { return *VirtualAddress{context.stack_pointer}.as<Fiber>(); }

void take_interrupts() {
    sync::check_none_held();
    HostCpu& cpu = this_host_cpu();
    for (bool again = true; again;) {
        again = false;
        if (cpu.take_timer()) {
            sched::timer_interrupt();
            again = true;
        }
        if (cpu.take_interrupt()) {
            arch::attention_interrupt();
            again = true;
        }
    }
}

// Whatever it finds, without locks: the program ends with it.
__attribute__((no_sanitize_thread)) void report_stall() {
    std::fprintf(stderr, "nothing has advanced: a wake-up was lost\n");
    for (unsigned i = 0; i < cpu_count; ++i) {
        const sched::Cpu& cpu = sched::cpu_at(i);
        std::fprintf(stderr, "CPU %u: %s, %u queued, first sleeper %lld, timer %lld, now %lld\n", i, cpu.current == cpu.idle ? "idle" : "busy",
                     cpu.ready.size(), cpu.sleepers.first() ? static_cast<long long>(cpu.sleepers.first()->deadline.ns) : -1LL,
                     static_cast<long long>(cpu.armed.ns), static_cast<long long>(now().ns));
    }
    std::abort();
}

// A loaded host may stop for seconds.
void watch() {
    constexpr int patience = 60;
    uint64_t before = 0;
    for (int quiet = 0; quiet < patience; ++quiet) {
        std::this_thread::sleep_for(std::chrono::seconds{1});
        const uint64_t present = steps.load(std::memory_order_relaxed);
        if (present != before) quiet = 0;
        before = present;
    }
    report_stall();
}

}  // namespace

void start_machine() {
    static Fiber main_fiber;
    running() = &main_fiber;
    check(sched::start_threads().ok(), "the main thread");
    sched::set_affinity(sched::current_thread(), 1);
    constexpr std::array<uint32_t, cpu_count - 1> ids{1, 2, 3};
    check(sched::start_cpus(ids) == cpu_count, "all CPUs start");
    std::thread{watch}.detach();
}

void leave_kernel() {
    sync::check_none_held();
    do {
        this_host_cpu().take_look();
        take_interrupts();
        sched::reschedule_if_due();
    } while (this_host_cpu().wants_attention());
}

void check(bool condition, std::string_view what) {
    if (!condition) panic(what);
}

void progress() { steps.fetch_add(1, std::memory_order_relaxed); }
uint32_t fiber_count() { return fibers.load(std::memory_order_relaxed); }
Instant now() { return platform::monotonic_now(); }

}  // namespace eremite::test

namespace eremite {

using namespace test;

void panic(std::string_view message) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
    std::abort();
}

namespace log {
bool enabled(Level) { return true; }
void write_line(Level, std::string_view text, std::span<const FormatArgument> arguments) {
    char line[256];
    BufferSink sink{line};
    format_to(sink, text, arguments);
    std::fprintf(stderr, "%.*s\n", static_cast<int>(sink.view().size()), sink.view().data());
}
}  // namespace log

namespace platform {

// Now and then somebody else runs first: windows between two looks at the clock are wider than on a real machine.
Instant monotonic_now() {
    static thread_local unsigned calls = 0;
    if (++calls % 61 == 0) sched_yield();
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return Instant{time.tv_sec * 1'000'000'000 + time.tv_nsec};
}
int64_t realtime_now() { return monotonic_now().ns; }
void arm_timer_at(Instant when) { this_host_cpu().arm(when); }

}  // namespace platform

namespace arch {

__attribute__((noinline)) unsigned cpu_index() { return index_here; }
uint64_t online_cpus() { return online.load(std::memory_order_acquire); }

bool start_cpu(unsigned index, uint32_t, const KernelStack&) {
    std::thread{[index] {
        Fiber fiber;
        index_here = index;
        running() = &fiber;
        online.fetch_or(uint64_t{1} << index);
        run_cpu();
    }}.detach();
    return true;
}
bool cancel_cpu() { return false; }
void interrupt_cpu(unsigned index) { cpus[index].interrupt(); }
void look_before_return() { this_host_cpu().look(); }

void wait_for_interrupt() {
    sync::check_none_held();
    this_host_cpu().sleep();
    take_interrupts();
}

bool interrupt_is_pending() { return this_host_cpu().wants_attention(); }
void handle_interrupts() { take_interrupts(); }

size_t extended_state_size() { return 64; }
void forget_context(const ThreadContext&) {}
uint64_t thread_pointer() { return 0; }
KernelStack main_kernel_stack() { return {}; }

void prepare_kernel_thread(ThreadContext& context, const KernelStack& stack, void (*function)(void*), void* argument) {
    context.stack_pointer = reinterpret_cast<uint64_t>(new (&fiber_of(stack)) Fiber{[=] { function(argument); }});
}

void prepare_program_thread(ThreadContext& context, const KernelStack& stack, const TrapFrame& registers, uint64_t) {
    context.stack_pointer = reinterpret_cast<uint64_t>(new (&fiber_of(stack)) Fiber{[body = registers.body] {
        sched::finish_switch();
        leave_kernel();
        body();
        sync::check_none_held();
        (void)sched::exit_thread();
    }});
}

void switch_context(ThreadContext& from, ThreadContext& to, const KernelStack&) {
    Fiber& self = *running();
    Fiber& next = fiber_of(to);
    from.stack_pointer = reinterpret_cast<uint64_t>(&self);
    // Of a CPU that was started, the idle thread is the host thread's own fiber.
    running() = &next;
    self.switch_to(next);
}

}  // namespace arch

namespace sched {

// Room for a fiber, which is made when the thread's beginning is prepared.
Result<arch::KernelStack> allocate_kernel_stack() {
    void* const room = ::operator new(sizeof(Fiber));
    std::memset(room, 0, sizeof(Fiber));
    fibers.fetch_add(1, std::memory_order_relaxed);
    return arch::KernelStack{{}, {VirtualAddress{room}, VirtualAddress{room} + sizeof(Fiber)}};
}

void free_kernel_stack(const arch::KernelStack& stack) {
    fiber_of(stack).~Fiber();
    ::operator delete(stack.memory.start.as<void>());
    fibers.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace sched

namespace mm {

Result<void> add_cpu(unsigned) { return {}; }

}  // namespace mm

}  // namespace eremite
