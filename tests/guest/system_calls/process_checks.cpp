#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <ctime>

#include "check.hpp"

namespace system_calls {

namespace {

void check_prctl() {
    char name[16];
    CHECK(call(SYS_prctl, PR_SET_NAME, "short"));
    CHECK(call(SYS_prctl, PR_GET_NAME, name));
    CHECK_TEXT(name);
    CHECK(call(SYS_prctl, PR_SET_NAME, "longer than fifteen characters"));
    CHECK(call(SYS_prctl, PR_GET_NAME, name));
    CHECK_TEXT(name);
    CHECK(call(SYS_prctl, PR_SET_NAME, nowhere));
    CHECK(call(SYS_prctl, PR_GET_NAME, nowhere));
    CHECK(call(SYS_prctl, PR_GET_DUMPABLE));
    CHECK(call(SYS_prctl, PR_SET_DUMPABLE, 5));
    CHECK(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    CHECK(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK(call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    CHECK(call(SYS_prctl, 123456, 0, 0, 0, 0));
}

void check_arch_prctl() {
    unsigned long base = 0, self = 0;
    asm("movq %%fs:0, %0" : "=r"(self));  // the thread control block begins with its own address
    CHECK(call(SYS_arch_prctl, ARCH_GET_FS, &base));
    CHECK(base == self);
    CHECK(call(SYS_arch_prctl, ARCH_SET_FS, base));
    CHECK(call(SYS_arch_prctl, ARCH_SET_FS, ~0ul));
    CHECK(call(SYS_arch_prctl, ARCH_GET_FS, nowhere));
    CHECK(call(SYS_arch_prctl, 0x9999, 0));
}

void check_scheduling() {
    cpu_set_t set;
    const long size = call(SYS_sched_getaffinity, 0, sizeof set, &set);
    CHECK(size > 0 && size % 8 == 0);
    CHECK(call(SYS_sched_getaffinity, call(SYS_getpid), sizeof set, &set) == size);
    CHECK(call(SYS_sched_getaffinity, 0, 1, &set));
    CHECK(call(SYS_sched_getaffinity, 0, 12, &set));
    CHECK(call(SYS_sched_getaffinity, 0x7fffffff, sizeof set, &set));
    CHECK(call(SYS_sched_getaffinity, 0, sizeof set, nowhere));
    CPU_ZERO(&set);
    CHECK(sched_getaffinity(0, sizeof set, &set));
    CHECK(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(sched_setaffinity(0, sizeof set, &set));
    unsigned cpu = ~0u, node = ~0u;
    CHECK(call(SYS_getcpu, &cpu, &node, nullptr));
    CHECK(CPU_ISSET(cpu, &set) != 0);
    CHECK(call(SYS_getcpu, nullptr, nullptr, nullptr));
    CHECK(call(SYS_getcpu, nowhere, nullptr, nullptr));
    CPU_ZERO(&set);
    CHECK(call(SYS_sched_setaffinity, 0, sizeof set, &set));
    CHECK(call(SYS_sched_setaffinity, 0, sizeof set, nowhere));
    CHECK(call(SYS_sched_yield));
    const long priority = call(SYS_getpriority, PRIO_PROCESS, 0);  // 20 - nice
    CHECK(priority >= 1 && priority <= 40);
    CHECK(call(SYS_setpriority, PRIO_PROCESS, 0, 20 - priority));
    CHECK(call(SYS_getpriority, 3, 0));
    CHECK(call(SYS_getpriority, PRIO_PROCESS, 0x7fffffff));
    CHECK(call(SYS_setpriority, 3, 0, 0));
}

void check_children() {
    CHECK(call(SYS_wait4, -1, nullptr, 0, nullptr));
    CHECK(call(SYS_wait4, -1, nullptr, WNOHANG, nullptr));
    CHECK(call(SYS_wait4, -1, nullptr, 0x1000, nullptr));
    CHECK(call(SYS_waitid, P_ALL, 0, nullptr, WEXITED, nullptr));
    CHECK(call(SYS_waitid, P_ALL, 0, nullptr, 0, nullptr));
    CHECK(call(SYS_waitid, 99, 0, nullptr, WEXITED, nullptr));
}

void check_signals() {
    // Signals that nobody is sent: their sets and actions.
    struct {
        void* handler;
        unsigned long flags;
        void* restorer;
        uint64_t mask;
    } action{}, old{};
    CHECK(call(SYS_rt_sigaction, SIGUSR1, nullptr, &old, 8));
    CHECK(old.handler == nullptr && old.flags == 0);
    action.handler = reinterpret_cast<void*>(SIG_IGN);
    CHECK(call(SYS_rt_sigaction, SIGUSR1, &action, nullptr, 8));
    CHECK(call(SYS_rt_sigaction, SIGUSR1, nullptr, &old, 8));
    CHECK(old.handler == reinterpret_cast<void*>(SIG_IGN));
    CHECK(call(SYS_kill, call(SYS_getpid), SIGUSR1));  // ignored
    CHECK(call(SYS_rt_sigaction, SIGKILL, &action, nullptr, 8));
    CHECK(call(SYS_rt_sigaction, SIGSTOP, &action, nullptr, 8));
    CHECK(call(SYS_rt_sigaction, 65, nullptr, &old, 8));
    CHECK(call(SYS_rt_sigaction, 0, nullptr, &old, 8));
    CHECK(call(SYS_rt_sigaction, SIGUSR1, nullptr, &old, 4));
    CHECK(call(SYS_rt_sigaction, SIGUSR1, nowhere, nullptr, 8));
    uint64_t set = 1ul << (SIGUSR2 - 1) | 1ul << (SIGKILL - 1), before = ~0ul;
    CHECK(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, &before, 8));
    CHECK(before);
    CHECK(call(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &before, 8));
    CHECK(before);  // SIGKILL cannot be blocked
    CHECK(call(SYS_kill, call(SYS_getpid), SIGUSR2));
    uint64_t pending = 0;
    CHECK(call(SYS_rt_sigpending, &pending, 8));
    CHECK(pending);
    action.handler = reinterpret_cast<void*>(SIG_IGN);
    CHECK(call(SYS_rt_sigaction, SIGUSR2, &action, nullptr, 8));  // takes the pending one away
    CHECK(call(SYS_rt_sigpending, &pending, 8));
    CHECK(pending);
    CHECK(call(SYS_rt_sigprocmask, 7, &set, nullptr, 8));
    CHECK(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, 4));
    CHECK(call(SYS_rt_sigprocmask, SIG_BLOCK, nowhere, nullptr, 8));
    CHECK(call(SYS_kill, call(SYS_getpid), 0));
    CHECK(call(SYS_kill, call(SYS_getpid), 65));
    CHECK(call(SYS_kill, 0x7fffffff, 0));
    CHECK(call(SYS_tgkill, call(SYS_getpid), call(SYS_gettid), 0));
    CHECK(call(SYS_tgkill, -1, -1, 0));
    CHECK(call(SYS_tkill, call(SYS_gettid), 0));
    stack_t stack{};
    CHECK(call(SYS_sigaltstack, nullptr, &stack));
    CHECK(stack.ss_flags == SS_DISABLE);
    static char memory[65536];
    stack = {memory, 0, 100};
    CHECK(call(SYS_sigaltstack, &stack, nullptr));
    stack = {memory, 0, sizeof memory};
    CHECK(call(SYS_sigaltstack, &stack, nullptr));
    stack_t kept{};
    CHECK(call(SYS_sigaltstack, nullptr, &kept));
    CHECK(kept.ss_sp == memory && kept.ss_size == sizeof memory && kept.ss_flags == 0);
    stack.ss_flags = 99;
    CHECK(call(SYS_sigaltstack, &stack, nullptr));
    CHECK(call(SYS_sigaltstack, nowhere, nullptr));
}

void check_futex() {
    uint32_t word = 7;
    const timespec short_time{0, 1'000'000}, bad{0, -1};
    CHECK(call(SYS_futex, &word, FUTEX_WAKE, 1));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT, 8, nullptr));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT, 7, &short_time));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, &short_time));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT, 7, &bad));
    CHECK(call(SYS_futex, reinterpret_cast<char*>(&word) + 1, FUTEX_WAIT, 7, &short_time));
    CHECK(call(SYS_futex, nowhere, FUTEX_WAIT, 7, &short_time));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT_BITSET, 7, &short_time, nullptr, ~0u));
    CHECK(call(SYS_futex, &word, FUTEX_WAIT_BITSET, 7, &short_time, nullptr, 0));
    CHECK(call(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, nullptr, nullptr, 0));
    CHECK(call(SYS_set_robust_list, nullptr, 3));
}

}  // namespace

void check_process() {
    check_prctl();
    check_arch_prctl();
    check_scheduling();
    check_children();
    check_signals();
    check_futex();
    // Numbers without a system call.
    CHECK(call(999));
    CHECK(call(-1));
}

}  // namespace system_calls
