#include "libos/syscall/scheduling.hpp"

#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>

#include "libos/sched/scheduler.hpp"

namespace eremite::syscall {

namespace {

Result<sched::Thread*> thread_of(int id) {
    if (id < 0) return Error{EINVAL};
    sched::Thread* const thread = id == 0 ? &sched::current_thread() : sched::find_thread(id);
    if (!thread) return Error{ESRCH};
    return thread;
}

constexpr bool is_real_time(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }
constexpr bool is_ordinary(int policy) { return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE; }

// EINVAL: no such policy, or a priority that it does not have.
Result<void> change(sched::Thread& thread, int policy, int priority) {
    constexpr int highest = 99;
    if (!is_real_time(policy) && !is_ordinary(policy)) return Error{EINVAL};
    if (is_real_time(policy) ? priority < 1 || priority > highest : priority != 0) return Error{EINVAL};
    sched::set_scheduling(thread, {.policy = policy, .priority = priority, .nice = thread.scheduling.nice});
    return {};
}

}  // namespace

Result<long> sys_sched_yield() {
    sched::yield();
    return 0L;
}

Result<long> sys_sched_getaffinity(int id, size_t size, VirtualAddress mask) {
    TRY(thread_of(id));
    constexpr uint64_t only_cpu = 1;
    if (size < sizeof only_cpu || size % sizeof only_cpu != 0) return Error{EINVAL};
    TRY(mm::copy_to_user(mask, &only_cpu, sizeof only_cpu));
    return static_cast<long>(sizeof only_cpu);
}

Result<long> sys_sched_setaffinity(int id, size_t size, VirtualAddress mask) {
    TRY(thread_of(id));
    uint8_t first = 0;
    if (size != 0) TRY(mm::copy_from_user(&first, mask, 1));
    if (!(first & 1)) return Error{EINVAL};
    return 0L;
}

Result<long> sys_sched_getscheduler(int id) { return static_cast<long>(TRY(thread_of(id))->scheduling.policy); }

Result<long> sys_sched_setscheduler(int id, int policy, VirtualAddress parameters) {
    if (parameters.value == 0 || policy < 0) return Error{EINVAL};
    sched::Thread* const thread = TRY(thread_of(id));
    TRY(change(*thread, policy & ~SCHED_RESET_ON_FORK, TRY(mm::UserPtr<int>{parameters}.load())));
    return 0L;
}

Result<long> sys_sched_getparam(int id, VirtualAddress parameters) {
    if (parameters.value == 0) return Error{EINVAL};
    TRY(mm::UserPtr<int>{parameters}.store(TRY(thread_of(id))->scheduling.priority));
    return 0L;
}

Result<long> sys_sched_setparam(int id, VirtualAddress parameters) {
    if (parameters.value == 0) return Error{EINVAL};
    sched::Thread* const thread = TRY(thread_of(id));
    TRY(change(*thread, thread->scheduling.policy, TRY(mm::UserPtr<int>{parameters}.load())));
    return 0L;
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
    const int policy = TRY(thread_of(id))->scheduling.policy;
    const int64_t time[2] = {0, policy == SCHED_FIFO ? 0 : sched::time_slice.ns};
    TRY(mm::copy_to_user(interval, time, sizeof time));
    return 0L;
}

Result<long> sys_getcpu(mm::UserPtr<uint32_t> cpu, mm::UserPtr<uint32_t> node) {
    if (cpu) TRY(cpu.store(0));
    if (node) TRY(node.store(0));
    return 0L;
}

Result<long> sys_getpriority(int which, int who) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Error{EINVAL};
    const sched::Thread* const thread = which == PRIO_PROCESS && who != 0 ? sched::find_thread(who) : &sched::current_thread();
    if (!thread || (which != PRIO_PROCESS && who > 1)) return Error{ESRCH};
    return 20L - thread->scheduling.nice;  // never negative: the C library turns it around
}

Result<long> sys_setpriority(int which, int who, int nice) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Error{EINVAL};
    sched::Thread* const thread = which == PRIO_PROCESS && who != 0 ? sched::find_thread(who) : &sched::current_thread();
    if (!thread || (which != PRIO_PROCESS && who > 1)) return Error{ESRCH};
    thread->scheduling.nice = std::clamp(nice, -20, 19);
    return 0L;
}

}  // namespace eremite::syscall
