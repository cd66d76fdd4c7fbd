#include "vmm/sandbox/system_calls.hpp"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>

#include "vmm/error.hpp"

namespace eremite::vmm::sandbox {

namespace {

// What threads, locks, memory, loops and the end of the process take.
constexpr std::array always{
    SYS_read,          SYS_write,        SYS_readv,          SYS_writev,          SYS_close,         SYS_futex,        SYS_epoll_wait,
    SYS_epoll_pwait,   SYS_epoll_ctl,    SYS_poll,           SYS_ppoll,           SYS_munmap,        SYS_mremap,       SYS_madvise,
    SYS_brk,           SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,    SYS_sigaltstack,   SYS_exit,         SYS_exit_group,
    SYS_getpid,        SYS_gettid,       SYS_sched_yield,    SYS_clock_gettime,   SYS_gettimeofday,  SYS_time,         SYS_nanosleep,
    SYS_clock_nanosleep, SYS_getrandom,  SYS_restart_syscall, SYS_set_robust_list, SYS_rseq,         SYS_membarrier,   SYS_fstat,
    SYS_newfstatat,    SYS_lseek,
};

// Whoever tries what is not allowed is told of, and then nothing more is done.
void refuse(int, siginfo_t* info, void*) {
    std::array<char, 96> text{};
    constexpr char before[] = "cell: the monitor is not allowed the system call ", after[] = ": the machine is stopped\n";
    std::memcpy(text.data(), before, sizeof before - 1);
    char* end = std::to_chars(text.data() + sizeof before - 1, text.data() + text.size() - sizeof after, info->si_syscall).ptr;
    std::memcpy(end, after, sizeof after - 1);
    end += sizeof after - 1;
    (void)!::write(STDERR_FILENO, text.data(), static_cast<size_t>(end - text.data()));
    ::_exit(1);
}

}  // namespace

void restrict_system_calls(std::span<const AllowedCall> allowed) {
    const std::unique_ptr<void, decltype(&seccomp_release)> filter{seccomp_init(SCMP_ACT_TRAP), &seccomp_release};
    if (!filter) throw Error{"the system calls of the monitor cannot be restricted: there is no memory"};
    const auto check = [](int result) {
        if (result != 0) throw Error{std::string{"the system calls of the monitor cannot be restricted: "} + std::strerror(-result)};
    };
    const auto allow = [&filter, &check](const AllowedCall& call) {
        if (call.argument < 0) return check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call.number, 0, nullptr));
        const scmp_arg_cmp comparison{static_cast<unsigned>(call.argument), SCMP_CMP_MASKED_EQ, call.mask, call.value};
        // The same rule may come from two devices.
        const int result = seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call.number, 1, &comparison);
        if (result != -EEXIST) check(result);
    };
    check(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    for (const long number : always) allow({.number = static_cast<int>(number)});
    for (const long number : {SYS_mmap, SYS_mprotect}) allow({static_cast<int>(number), 2, PROT_EXEC, 0});
    allow(with_argument(SYS_tgkill, 0, static_cast<uint64_t>(::getpid())));
    for (const AllowedCall& call : allowed) allow(call);
    struct sigaction action {};
    action.sa_sigaction = refuse;
    action.sa_flags = SA_SIGINFO;
    if (::sigaction(SIGSYS, &action, nullptr) != 0) throw system_error("sigaction");
    check(seccomp_load(filter.get()));
}

}  // namespace eremite::vmm::sandbox
