// The system-call table: numbers to handlers. What is not here answers ENOSYS and is named once in the log.
#include <asm/unistd.h>

#include <array>
#include <atomic>

#include "base/restart.hpp"
#include "libos/arch/syscall.hpp"
#include "libos/log/log.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/syscall/adapter.hpp"
#include "libos/syscall/epoll.hpp"
#include "libos/syscall/file_table_entries.hpp"
#include "libos/syscall/futex.hpp"
#include "libos/syscall/ipc.hpp"
#include "libos/syscall/interval_timer.hpp"
#include "libos/syscall/memory.hpp"
#include "libos/syscall/names.hpp"
#include "libos/syscall/posix_timer.hpp"
#include "libos/syscall/process.hpp"
#include "libos/syscall/rseq.hpp"
#include "libos/syscall/scheduling.hpp"
#include "libos/syscall/signal.hpp"
#include "libos/syscall/signal_file.hpp"
#include "libos/syscall/socket.hpp"
#include "libos/syscall/thread.hpp"
#include "libos/syscall/time.hpp"
#include "libos/syscall/timer_file.hpp"

// Stands for every number without a handler: calls eremite_unknown_syscall with that number and answers ENOSYS (entry.S).
extern "C" long eremite_missing_syscall(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
// Handlers that see all of the program's registers (entry.S).
extern "C" long eremite_clone(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
extern "C" long eremite_clone3(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
extern "C" long eremite_sigreturn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

namespace eremite::syscall {

namespace {

constexpr size_t table_size = 512;

constexpr Assignment assignments[] = {
    {__NR_getpid, adapt<sys_getpid>},
    {__NR_getppid, adapt<sys_getppid>},
    {__NR_gettid, adapt<sys_gettid>},
    {__NR_getuid, adapt<sys_identity>},
    {__NR_geteuid, adapt<sys_identity>},
    {__NR_getgid, adapt<sys_identity>},
    {__NR_getegid, adapt<sys_identity>},
    {__NR_getresuid, adapt<sys_getresid>},
    {__NR_getresgid, adapt<sys_getresid>},
    {__NR_setuid, adapt<sys_set_identity>},
    {__NR_setgid, adapt<sys_set_identity>},
    {__NR_getpgid, adapt<sys_getpgid>},
    {__NR_getpgrp, adapt<sys_getpid>},
    {__NR_getsid, adapt<sys_getpgid>},
    {__NR_setpgid, adapt<sys_setpgid>},
    {__NR_getgroups, adapt<sys_getgroups>},
    {__NR_setgroups, adapt<sys_setgroups>},
    {__NR_uname, adapt<sys_uname>},
    {__NR_sethostname, adapt<sys_sethostname>},
    {__NR_sysinfo, adapt<sys_sysinfo>},
    {__NR_getrlimit, adapt<sys_getrlimit>},
    {__NR_setrlimit, adapt<sys_setrlimit>},
    {__NR_prlimit64, adapt<sys_prlimit64>},
    {__NR_getrusage, adapt<sys_getrusage>},
    {__NR_times, adapt<sys_times>},
    {__NR_getpriority, adapt<sys_getpriority>},
    {__NR_setpriority, adapt<sys_setpriority>},
    {__NR_arch_prctl, adapt<sys_arch_prctl>},
    {__NR_prctl, adapt<sys_prctl>},
    {__NR_getrandom, adapt<sys_getrandom>},
    {__NR_set_tid_address, adapt<sys_set_tid_address>},
    {__NR_set_robust_list, adapt<sys_set_robust_list>},
    {__NR_get_robust_list, adapt<sys_get_robust_list>},
    {__NR_futex, adapt<sys_futex>},
    {__NR_rseq, adapt<sys_rseq>},
    {__NR_sched_yield, adapt<sys_sched_yield>},
    {__NR_sched_getaffinity, adapt<sys_sched_getaffinity>},
    {__NR_sched_setaffinity, adapt<sys_sched_setaffinity>},
    {__NR_sched_getscheduler, adapt<sys_sched_getscheduler>},
    {__NR_sched_setscheduler, adapt<sys_sched_setscheduler>},
    {__NR_sched_getparam, adapt<sys_sched_getparam>},
    {__NR_sched_setparam, adapt<sys_sched_setparam>},
    {__NR_sched_get_priority_max, adapt<sys_sched_get_priority_max>},
    {__NR_sched_get_priority_min, adapt<sys_sched_get_priority_min>},
    {__NR_sched_rr_get_interval, adapt<sys_sched_rr_get_interval>},
    {__NR_membarrier, adapt<sys_membarrier>},
    {__NR_getcpu, adapt<sys_getcpu>},
    {__NR_fork, adapt<sys_no_processes>},
    {__NR_vfork, adapt<sys_no_processes>},
    {__NR_clone, eremite_clone},
    {__NR_clone3, eremite_clone3},
    {__NR_execve, adapt<sys_no_processes>},
    {__NR_execveat, adapt<sys_no_processes>},
    {__NR_wait4, adapt<sys_wait4>},
    {__NR_waitid, adapt<sys_waitid>},
    {__NR_exit, adapt<sys_exit>},
    {__NR_exit_group, adapt<sys_exit_group>},

    {__NR_clock_gettime, adapt<sys_clock_gettime>},
    {__NR_clock_settime, adapt<sys_clock_settime>},
    {__NR_clock_getres, adapt<sys_clock_getres>},
    {__NR_clock_nanosleep, adapt<sys_clock_nanosleep>},
    {__NR_nanosleep, adapt<sys_nanosleep>},
    {__NR_time, adapt<sys_time>},
    {__NR_gettimeofday, adapt<sys_gettimeofday>},

    {__NR_socket, adapt<sys_socket>},
    {__NR_bind, adapt<sys_bind>},
    {__NR_connect, adapt<sys_connect>},
    {__NR_listen, adapt<sys_listen>},
    {__NR_accept, adapt<sys_accept>},
    {__NR_accept4, adapt<sys_accept4>},
    {__NR_socketpair, adapt<sys_socketpair>},
    {__NR_shutdown, adapt<sys_shutdown>},
    {__NR_getsockname, adapt<sys_getsockname>},
    {__NR_getpeername, adapt<sys_getpeername>},
    {__NR_getsockopt, adapt<sys_getsockopt>},
    {__NR_setsockopt, adapt<sys_setsockopt>},
    {__NR_sendto, adapt<sys_sendto>},
    {__NR_recvfrom, adapt<sys_recvfrom>},
    {__NR_sendmsg, adapt<sys_sendmsg>},
    {__NR_recvmsg, adapt<sys_recvmsg>},
    {__NR_sendmmsg, adapt<sys_sendmmsg>},
    {__NR_recvmmsg, adapt<sys_recvmmsg>},

    {__NR_timerfd_create, adapt<sys_timerfd_create>},
    {__NR_timerfd_settime, adapt<sys_timerfd_settime>},
    {__NR_timerfd_gettime, adapt<sys_timerfd_gettime>},
    {__NR_timer_create, adapt<sys_timer_create>},
    {__NR_timer_settime, adapt<sys_timer_settime>},
    {__NR_timer_gettime, adapt<sys_timer_gettime>},
    {__NR_timer_getoverrun, adapt<sys_timer_getoverrun>},
    {__NR_timer_delete, adapt<sys_timer_delete>},
    {__NR_getitimer, adapt<sys_getitimer>},
    {__NR_setitimer, adapt<sys_setitimer>},
    {__NR_alarm, adapt<sys_alarm>},

    {__NR_rt_sigaction, adapt<sys_rt_sigaction>},
    {__NR_rt_sigprocmask, adapt<sys_rt_sigprocmask>},
    {__NR_rt_sigpending, adapt<sys_rt_sigpending>},
    {__NR_sigaltstack, adapt<sys_sigaltstack>},
    {__NR_rt_sigsuspend, adapt<sys_rt_sigsuspend>},
    {__NR_rt_sigtimedwait, adapt<sys_rt_sigtimedwait>},
    {__NR_rt_sigqueueinfo, adapt<sys_rt_sigqueueinfo>},
    {__NR_rt_tgsigqueueinfo, adapt<sys_rt_tgsigqueueinfo>},
    {__NR_rt_sigreturn, eremite_sigreturn},
    {__NR_signalfd, adapt<sys_signalfd>},
    {__NR_signalfd4, adapt<sys_signalfd4>},
    {__NR_pause, adapt<sys_pause>},
    {__NR_kill, adapt<sys_kill>},
    {__NR_tkill, adapt<sys_tkill>},
    {__NR_tgkill, adapt<sys_tgkill>},

    {__NR_pipe, adapt<sys_pipe>},
    {__NR_pipe2, adapt<sys_pipe2>},
    {__NR_eventfd, adapt<sys_eventfd>},
    {__NR_eventfd2, adapt<sys_eventfd2>},
    {__NR_epoll_create, adapt<sys_epoll_create>},
    {__NR_epoll_create1, adapt<sys_epoll_create1>},
    {__NR_epoll_ctl, adapt<sys_epoll_ctl>},
    {__NR_epoll_wait, adapt<sys_epoll_wait>},
    {__NR_epoll_pwait, adapt<sys_epoll_pwait>},
    {__NR_epoll_pwait2, adapt<sys_epoll_pwait2>},

    {__NR_mmap, adapt<sys_mmap>},
    {__NR_munmap, adapt<sys_munmap>},
    {__NR_mprotect, adapt<sys_mprotect>},
    {__NR_mremap, adapt<sys_mremap>},
    {__NR_brk, adapt<sys_brk>},
    {__NR_madvise, adapt<sys_madvise>},
    {__NR_mincore, adapt<sys_mincore>},
    {__NR_mlock, adapt<sys_mlock>},
    {__NR_mlock2, adapt<sys_mlock2>},
    {__NR_munlock, adapt<sys_munlock>},
    {__NR_mlockall, adapt<sys_mlockall>},
    {__NR_munlockall, adapt<sys_munlockall>},
    {__NR_msync, adapt<sys_msync>},
};

constinit std::atomic<uint64_t> named[table_size / 64]{};

// Says once for each number that it is missing.
void name_missing(uint64_t number) {
    if (number >= table_size) {
        // The first of them is enough: a program that makes up numbers can make up many.
        static constinit std::atomic<bool> said{false};
        if (!said.exchange(true)) log::warn("unknown system call {}: ENOSYS", number);
        return;
    }
    const uint64_t bit = uint64_t{1} << number % 64;
    if (!(named[number / 64].fetch_or(bit) & bit)) log::warn("system call {} ({}) is not implemented: ENOSYS", name_of(number), number);
}

consteval std::array<Entry, table_size> make_table() {
    std::array<Entry, table_size> table{};
    table.fill(eremite_missing_syscall);
    for (const Assignment& a : assignments) table[a.number] = a.entry;
    for (const Assignment& a : file_assignments) table[a.number] = a.entry;
    return table;
}

}  // namespace

extern "C" {

extern const std::array<Entry, table_size> eremite_syscall_table;
constinit const std::array<Entry, table_size> eremite_syscall_table = make_table();

void eremite_unknown_syscall(uint64_t number) { name_missing(number); }

}

namespace {

// A call that a signal interrupted, or that met memory that has to be waited for, may have to be made again. Returns its error.
[[gnu::noinline]] int end_unfinished(Entry entry, int error) {
    if (error == EFAULT) {
        if (!sched::await_memory()) return EFAULT;
        error = restart_always;
        arch::look_before_return();
    }
    // Each call that can be interrupted has a handler of its own.
    for (size_t number = 0; number < table_size; ++number)
        if (eremite_syscall_table[number] == entry) sched::current_thread().interrupted_syscall = number;
    return error;
}

}  // namespace

long fail(int code, Entry entry) {
    if (is_restart(code) || code == EFAULT) [[unlikely]] code = end_unfinished(entry, code);
    return -code;
}

}  // namespace eremite::syscall
