// The CPUs: bringing them into service, what they do with nothing to do, and which one a thread goes to.
#include "libos/sched/cpus.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "libos/arch/cpu.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/heap.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpu.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::sched {

constinit Cpu* cpus[arch::max_cpus]{};

namespace {

// CPUs that have nothing to do. Whoever gives one something takes its bit, so that nobody else wakes it for the same.
constinit std::atomic<uint64_t> idle_cpus{0};

constexpr uint64_t bit(unsigned cpu) { return uint64_t{1} << cpu; }
bool take_idle(unsigned cpu) { return idle_cpus.fetch_and(~bit(cpu)) & bit(cpu); }

// How long an idle CPU looks for work before it sleeps: waking it up again takes several microseconds, and tens of them in a virtual
// machine. Another CPU's work may come any time. The only CPU looks for interrupts, and longer, as long as they do come soon (as Linux's
// haltpoll); several that did would together keep the host from what they wait for.
constexpr Duration shortest_poll = Duration::microseconds(20), first_poll = Duration::microseconds(50);
constinit Duration longest_poll = Duration::microseconds(200);
// An emulated CPU does not rest by it, but stops QEMU's other threads.
constinit bool relaxes = true;

// Looks for some time whether something came: an interrupt, or a thread. With the lock held at the end: whoever queued a thread, or wants
// the timer earlier, without interrupting this CPU is noticed here, and whoever comes later interrupts.
bool poll(Cpu& cpu) {
    const Instant end = platform::monotonic_now() + cpu.poll_time;
    while (cpu.ready.size() == 0 && !arch::interrupt_is_pending() && platform::monotonic_now() < end)
        if (relaxes) arch::relax();
    const sync::Guard guard{cpu.lock};
    cpu.polling = false;
    arm_timer(cpu);
    return cpu.ready.size() != 0 || arch::interrupt_is_pending();
}

// Takes a thread over from a CPU that has more than one. Requires: no lock of a CPU is held.
bool steal(unsigned thief) {
    for (uint64_t victims = arch::online_cpus() & ~bit(thief); victims != 0; victims &= victims - 1) {
        Cpu& victim = cpu_at(static_cast<unsigned>(std::countr_zero(victims)));
        if (victim.ready.size() == 0) continue;
        victim.lock.lock();
        // What an idle CPU has in its queue was just given to it.
        Thread* const thread = victim.current == victim.idle ? nullptr : victim.ready.first_for(thief);
        if (thread) {
            victim.ready.remove(*thread);
            ++victim.counts.stolen;
            thread->cpu.store(thief, std::memory_order_release);
        }
        victim.lock.unlock();
        if (!thread) continue;
        send(*thread);
        return true;
    }
    return false;
}

}  // namespace

Result<void> add_cpu(unsigned index, Thread& current, Thread& idle) {
    auto* const cpu = new (std::nothrow) Cpu{index};
    if (!cpu) return Error{ENOMEM};
    idle.cpu.store(index, std::memory_order_relaxed);
    cpu->current = &current;
    cpu->idle = &idle;
    cpus[index] = cpu;
    return {};
}

void set_idle_poll(Duration most, bool relaxed) {
    longest_poll = most;
    relaxes = relaxed;
}

Duration longest_idle_poll() { return arch::many_cpus() ? Duration{} : longest_poll; }

Duration adapted_poll_time(Duration poll_time, Duration waited) {
    if (waited > longest_poll) return {};
    return waited > poll_time ? std::min(std::max(Duration{poll_time.ns * 2}, first_poll), longest_poll) : poll_time;
}

unsigned start_cpus(std::span<const uint32_t> hardware_ids) {
    constexpr Duration patience = Duration::milliseconds(200);
    unsigned index = 1;
    for (const uint32_t id : hardware_ids) {
        if (index == arch::max_cpus) {
            log::warn("only {} CPUs are used: the kernel was built for no more (EREMITE_MAX_CPUS)", index);
            break;
        }
        auto idle = create_kernel_thread();
        if (!idle.ok() || !mm::add_cpu(index).ok() || !add_cpu(index, *idle.value(), *idle.value()).ok()) {
            log::warn("too little memory for more than {} CPUs", index);
            break;
        }
        if (!arch::start_cpu(index, id, idle.value()->stack)) break;
        const Instant end = platform::monotonic_now() + patience;
        while (!(arch::online_cpus() & bit(index)) && platform::monotonic_now() < end) arch::relax();
        if (!(arch::online_cpus() & bit(index)) && arch::cancel_cpu()) {
            log::warn("the CPU with id {} does not start", id);
            continue;
        }
        while (!(arch::online_cpus() & bit(index))) arch::relax();
        ++index;
    }
    return index;
}

// Another CPU that is idle is better than to wait for one's own. Where an interrupt found this one idle, this one is: to wake another takes
// longer than what the thread left in the other's caches is worth.
unsigned place(const Thread& thread) {
    const unsigned last = thread.cpu.load(std::memory_order_relaxed);
    if (!arch::many_cpus()) return last;
    const uint64_t allowed = thread.affinity & arch::online_cpus();
    const Cpu& here = this_cpu();
    if (here.current == here.idle && here.ready.size() == 0 && (allowed & bit(here.index)) != 0) {
        take_idle(here.index);
        return here.index;
    }
    const bool may_stay = allowed & bit(last);
    if (may_stay && take_idle(last)) return last;
    for (uint64_t idle = idle_cpus.load(std::memory_order_relaxed) & allowed; idle != 0; idle &= idle - 1) {
        const auto cpu = static_cast<unsigned>(std::countr_zero(idle));
        if (take_idle(cpu)) return cpu;
    }
    return may_stay ? last : static_cast<unsigned>(std::countr_zero(allowed));
}

void send(Thread& thread) {
    for (;;) {
        Cpu& cpu = cpu_at(thread.cpu.load(std::memory_order_relaxed));
        cpu.lock.lock();
        // Its affinity may have changed on the way.
        if (thread.affinity & bit(cpu.index)) {
            enqueue(cpu, thread);
            cpu.lock.unlock();
            return;
        }
        thread.cpu.store(place(thread), std::memory_order_release);
        cpu.lock.unlock();
    }
}

void offer_work(const Cpu& cpu) {
    const uint64_t idle = idle_cpus.load(std::memory_order_relaxed);
    if (idle == 0 || cpu.ready.size() == 0 || cpu.current == cpu.idle) return;
    const auto taker = static_cast<unsigned>(std::countr_zero(idle));
    if (take_idle(taker)) arch::interrupt_cpu(taker);
}

void IdleTask::request() {
    if (requested_.exchange(true)) return;
    Cpu& cpu = this_cpu();
    const sync::Guard guard{cpu.lock};
    cpu.idle_tasks.push_back(*this);
}

// False: there was none.
bool run_idle_task() {
    Cpu& cpu = this_cpu();
    IdleTask* task;
    {
        const sync::Guard guard{cpu.lock};
        task = cpu.idle_tasks.pop_front();
    }
    if (!task) return false;
    task->requested_.store(false);
    task->run_(*task);
    return true;
}

void start_idle_thread(void*) {
    finish_switch();
    idle_loop();
}

void idle_loop() {
    Cpu& cpu = this_cpu();
    for (;;) {
        cpu.lock.lock();
        cpu.polling = false;
        if (cpu.ready.size() != 0) {
            schedule(cpu);
            continue;
        }
        const bool many = arch::many_cpus();
        cpu.polling = many;
        cpu.lock.unlock();
        if (run_idle_task()) {
            arch::handle_interrupts();
            continue;
        }
        if (many) {
            if (steal(cpu.index)) continue;
            idle_cpus.fetch_or(bit(cpu.index));
        }
        const Instant begin = platform::monotonic_now();
        // Who did not see that this CPU is idle has queued its thread elsewhere by now.
        if (poll(cpu) || (many && steal(cpu.index))) {
            arch::handle_interrupts();
        } else {
            arch::wait_for_interrupt();
            cpu.poll_time = many ? std::min(shortest_poll, longest_poll) : adapted_poll_time(cpu.poll_time, platform::monotonic_now() - begin);
        }
        if (many) take_idle(cpu.index);
    }
}

Counts counts(unsigned cpu) {
    if (!cpus[cpu]) return {};
    const sync::Guard guard{cpus[cpu]->lock};
    return cpus[cpu]->counts;
}

uint32_t runnable_count() {
    uint32_t sum = 0;
    for (uint64_t mask = arch::online_cpus(); mask != 0; mask &= mask - 1) {
        Cpu& cpu = cpu_at(static_cast<unsigned>(std::countr_zero(mask)));
        const sync::Guard guard{cpu.lock};
        sum += cpu.ready.size() + (cpu.current != cpu.idle ? 1 : 0);
    }
    return sum;
}

}  // namespace eremite::sched

namespace eremite::arch {

void run_cpu() { sched::idle_loop(); }

}  // namespace eremite::arch
