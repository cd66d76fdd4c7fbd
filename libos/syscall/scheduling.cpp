#include "libos/syscall/scheduling.hpp"

#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "libos/arch/smp.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::syscall {

namespace {

// use(thread) for the thread with this id. EINVAL, ESRCH.
template <typename Use>
auto of_thread(int id, Use&& use) -> decltype(use(sched::current_thread())) {
    if (id < 0) return Error{EINVAL};
    return sched::with_thread(id, use);
}

constexpr bool is_real_time(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }
constexpr bool is_ordinary(int policy) { return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE; }

// EINVAL: no such policy, or a priority that it does not have.
Result<long> change(sched::Thread& thread, int policy, int priority) {
    constexpr int highest = 99;
    if (!is_real_time(policy) && !is_ordinary(policy)) return Error{EINVAL};
    if (is_real_time(policy) ? priority < 1 || priority > highest : priority != 0) return Error{EINVAL};
    sched::set_policy(thread, policy, priority);
    return 0L;
}

}  // namespace

Result<long> sys_sched_yield() {
    sched::yield();
    return 0L;
}

Result<long> sys_sched_getaffinity(int id, size_t size, VirtualAddress mask) {
    const uint64_t cpus = TRY(of_thread(id, [](const sched::Thread& t) -> Result<uint64_t> { return sched::affinity_of(t) & arch::online_cpus(); }));
    if (size < sizeof cpus || size % sizeof cpus != 0) return Error{EINVAL};
    TRY(mm::copy_to_user(mask, &cpus, sizeof cpus));
    return static_cast<long>(sizeof cpus);
}

Result<long> sys_sched_setaffinity(int id, size_t size, VirtualAddress mask) {
    uint64_t cpus = 0;
    TRY(mm::copy_from_user(&cpus, mask, std::min(size, sizeof cpus)));
    return of_thread(id, [cpus](sched::Thread& thread) -> Result<long> {
        if ((cpus & arch::online_cpus()) == 0) return Error{EINVAL};
        sched::set_affinity(thread, cpus);
        return 0L;
    });
}

Result<long> sys_sched_getscheduler(int id) {
    return of_thread(id, [](const sched::Thread& t) -> Result<long> { return static_cast<long>(sched::scheduling_of(t).policy); });
}

Result<long> sys_sched_setscheduler(int id, int policy, VirtualAddress parameters) {
    if (parameters.value == 0 || policy < 0) return Error{EINVAL};
    const int priority = TRY(mm::UserPtr<int>{parameters}.load());
    return of_thread(id, [=](sched::Thread& thread) { return change(thread, policy & ~SCHED_RESET_ON_FORK, priority); });
}

Result<long> sys_sched_getparam(int id, VirtualAddress parameters) {
    if (parameters.value == 0) return Error{EINVAL};
    const int priority = TRY(of_thread(id, [](const sched::Thread& t) -> Result<int> { return sched::scheduling_of(t).priority; }));
    TRY(mm::UserPtr<int>{parameters}.store(priority));
    return 0L;
}

Result<long> sys_sched_setparam(int id, VirtualAddress parameters) {
    if (parameters.value == 0) return Error{EINVAL};
    const int priority = TRY(mm::UserPtr<int>{parameters}.load());
    return of_thread(id, [=](sched::Thread& thread) { return change(thread, sched::scheduling_of(thread).policy, priority); });
}

Result<long> sys_sched_get_priority_max(int policy) {
    if (is_real_time(policy)) return 99L;
    return is_ordinary(policy) ? Result<long>{0L} : Error{EINVAL};
}

Result<long> sys_sched_get_priority_min(int policy) {
    if (is_real_time(policy)) return 1L;
    return is_ordinary(policy) ? Result<long>{0L} : Error{EINVAL};
}

Result<long> sys_sched_rr_get_interval(int id, VirtualAddress interval) {
    const Duration slice = TRY(of_thread(id, [](const sched::Thread& t) -> Result<Duration> { return sched::slice_of(t); }));
    const int64_t time[2] = {0, slice.ns == INT64_MAX ? 0 : slice.ns};
    TRY(mm::copy_to_user(interval, time, sizeof time));
    return 0L;
}

Result<long> sys_getcpu(mm::UserPtr<uint32_t> cpu, mm::UserPtr<uint32_t> node) {
    if (cpu) TRY(cpu.store(arch::cpu_index()));
    if (node) TRY(node.store(0));
    return 0L;
}

namespace {

// There is one process, and one user.
Result<int> thread_named(int which, int who) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Error{EINVAL};
    if (which != PRIO_PROCESS && who > 1) return Error{ESRCH};
    return which == PRIO_PROCESS ? who : 0;
}

}  // namespace

Result<long> sys_getpriority(int which, int who) {
    // Never negative: the C library turns it around.
    return sched::with_thread(TRY(thread_named(which, who)), [](const sched::Thread& t) -> Result<long> { return 20L - sched::scheduling_of(t).nice; });
}

Result<long> sys_setpriority(int which, int who, int nice) {
    return sched::with_thread(TRY(thread_named(which, who)), [nice](sched::Thread& thread) -> Result<long> {
        sched::set_nice(thread, std::clamp(nice, -20, 19));
        return 0L;
    });
}

}  // namespace eremite::syscall
