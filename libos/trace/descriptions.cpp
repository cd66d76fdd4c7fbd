// The system calls in the order of the dispatch table (libos/syscall/table.cpp). Parameters as in section 2 of the manual; where
// the C library's differ, as the system call has them.
#include "libos/trace/descriptions.hpp"

#include <asm/unistd.h>

#include "base/packed_names.hpp"

// Newer than some headers.
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

namespace eremite::trace {

namespace {

using enum Kind;

constexpr Description unknown{0xffff, 0, Long, {Hex, Hex, Hex, Hex, Hex, Hex}};

constexpr Description descriptions[] = {
    {__NR_getpid, 0, Int, {}},
    {__NR_getppid, 0, Int, {}},
    {__NR_gettid, 0, Int, {}},
    {__NR_getuid, with_identity, Int, {}},
    {__NR_geteuid, with_identity, Int, {}},
    {__NR_getgid, with_identity, Int, {}},
    {__NR_getegid, with_identity, Int, {}},
    {__NR_getresuid, with_identity, Int, {out(IntValue), out(IntValue), out(IntValue)}},
    {__NR_getresgid, with_identity, Int, {out(IntValue), out(IntValue), out(IntValue)}},
    {__NR_setuid, with_identity, Int, {Int}},
    {__NR_setgid, with_identity, Int, {Int}},
    {__NR_getpgid, 0, Int, {Int}},
    {__NR_getpgrp, 0, Int, {}},
    {__NR_getsid, 0, Int, {Int}},
    {__NR_setpgid, 0, Int, {Int, Int}},
    {__NR_getgroups, with_identity, Int, {Int, out(IntArray)}},
    {__NR_uname, 0, Int, {out(SystemNames)}},
    {__NR_sethostname, 0, Int, {Buffer, Size}},
    {__NR_sysinfo, 0, Int, {out(SystemInfo)}},
    {__NR_getrlimit, 0, Int, {Resource, out(Limit)}},
    {__NR_setrlimit, 0, Int, {Resource, Limit}},
    {__NR_prlimit64, 0, Int, {Int, Resource, Limit, out(Limit)}},
    {__NR_getrusage, 0, Int, {UsageWho, out(Usage)}},
    {__NR_times, 0, Long, {Pointer}},
    {__NR_getpriority, 0, Int, {PriorityWhich, Int}},
    {__NR_setpriority, 0, Int, {PriorityWhich, Int, Int}},
    {__NR_arch_prctl, 0, Int, {ArchOption, Pointer}},
    {__NR_prctl, with_identity, Int, {PrctlOption, Special, Special, Special, Special}},
    {__NR_getrandom, 0, Long, {out(Buffer), Size, RandomFlags}},
    {__NR_set_tid_address, 0, Int, {Pointer}},
    {__NR_set_robust_list, 0, Int, {Pointer, Size}},
    {__NR_get_robust_list, 0, Int, {Int, out(PointerValue), out(LongValue)}},
    {__NR_futex, 0, Int, {Pointer, FutexOperation, Unsigned, Special, Special, Special}},
    {__NR_rseq, 0, Int, {Pointer, Hex, Hex, Hex}},
    {__NR_sched_yield, 0, Int, {}},
    {__NR_sched_getaffinity, 0, Int, {Int, Size, out(CpuSet)}},
    {__NR_sched_setaffinity, 0, Int, {Int, Size, CpuSet}},
    {__NR_sched_getscheduler, 0, Special, {Int}},
    {__NR_sched_setscheduler, 0, Int, {Int, Policy, IntValue}},
    {__NR_sched_getparam, 0, Int, {Int, out(IntValue)}},
    {__NR_sched_setparam, 0, Int, {Int, IntValue}},
    {__NR_sched_get_priority_max, 0, Int, {Policy}},
    {__NR_sched_get_priority_min, 0, Int, {Policy}},
    {__NR_sched_rr_get_interval, 0, Int, {Int, out(Timespec)}},
    {__NR_membarrier, 0, Hex, {BarrierCommand, Hex, Int}},
    {__NR_getcpu, 0, Int, {out(IntValue), out(IntValue), Pointer}},
    {__NR_fork, with_process, Int, {}},
    {__NR_vfork, with_process, Int, {}},
    {__NR_clone, with_process, Int, {Special, Special, Special, Special, Special}},
    {__NR_clone3, with_process, Int, {CloneArguments, Size}},
    {__NR_execve, with_process | with_file, Int, {Path, Pointer, Pointer}},
    {__NR_execveat, with_process | with_file | with_fd, Int, {Directory, Path, Pointer, Pointer, AtFlags}},
    {__NR_wait4, with_process, Int, {Int, Pointer, WaitOptions, Pointer}},
    {__NR_waitid, with_process, Int, {WaitType, Int, Pointer, WaitOptions, Pointer}},
    {__NR_exit, with_process, None, {Int}},
    {__NR_exit_group, with_process, None, {Int}},

    {__NR_clock_gettime, with_clock, Int, {Clock, out(Timespec)}},
    {__NR_clock_settime, with_clock, Int, {Clock, Timespec}},
    {__NR_clock_getres, with_clock, Int, {Clock, out(Timespec)}},
    {__NR_clock_nanosleep, with_clock, Int, {Clock, TimerFlags, Timespec, out(Remaining)}},
    {__NR_nanosleep, with_clock, Int, {Timespec, out(Remaining)}},
    {__NR_time, with_clock, Long, {out(LongValue)}},
    {__NR_gettimeofday, with_clock, Int, {out(Timeval), Pointer}},

    {__NR_socket, with_network, Int, {Domain, SocketType, Int}},
    {__NR_socketpair, with_network, Int, {Domain, SocketType, Int, out(IntPair)}},
    {__NR_bind, with_network, Int, {Fd, Pointer, Int}},
    {__NR_connect, with_network, Int, {Fd, Pointer, Int}},
    {__NR_listen, with_network, Int, {Fd, Int}},
    {__NR_accept, with_network, Int, {Fd, Pointer, out(IntValue)}},
    {__NR_accept4, with_network, Int, {Fd, Pointer, out(IntValue), SocketType}},
    {__NR_shutdown, with_network, Int, {Fd, ShutdownHow}},
    {__NR_getsockname, with_network, Int, {Fd, Pointer, out(IntValue)}},
    {__NR_getpeername, with_network, Int, {Fd, Pointer, out(IntValue)}},
    {__NR_getsockopt, with_network, Int, {Fd, SocketLevel, SocketOption, out(IntValue), out(IntValue)}},
    {__NR_setsockopt, with_network, Int, {Fd, SocketLevel, SocketOption, IntValue, Int}},
    {__NR_sendto, with_network, Long, {Fd, Buffer, Size, MessageFlags, Pointer, Int}},
    {__NR_recvfrom, with_network, Long, {Fd, out(Buffer), Size, MessageFlags, Pointer, Pointer}},
    {__NR_sendmsg, with_network, Long, {Fd, Message, MessageFlags}},
    {__NR_recvmsg, with_network, Long, {Fd, out(Message), MessageFlags}},
    {__NR_sendmmsg, with_network, Int, {Fd, Pointer, Unsigned, MessageFlags}},
    {__NR_recvmmsg, with_network, Int, {Fd, Pointer, Unsigned, MessageFlags, Timespec}},

    {__NR_timerfd_create, with_fd, Int, {Clock, TimerFileFlags}},
    {__NR_timerfd_settime, with_fd, Int, {Fd, TimerFlags, TimerSetting, out(TimerSetting)}},
    {__NR_timerfd_gettime, with_fd, Int, {Fd, out(TimerSetting)}},
    {__NR_timer_create, 0, Int, {Clock, SignalEvent, out(IntValue)}},
    {__NR_timer_settime, 0, Int, {Int, TimerFlags, TimerSetting, out(TimerSetting)}},
    {__NR_timer_gettime, 0, Int, {Int, out(TimerSetting)}},
    {__NR_timer_getoverrun, 0, Int, {Int}},
    {__NR_timer_delete, 0, Int, {Int}},
    {__NR_getitimer, 0, Int, {IntervalTimer, out(IntervalSetting)}},
    {__NR_setitimer, 0, Int, {IntervalTimer, IntervalSetting, out(IntervalSetting)}},
    {__NR_alarm, 0, Int, {Unsigned}},

    {__NR_rt_sigaction, with_signal, Int, {Signal, SignalAction, out(SignalAction), Size}},
    {__NR_rt_sigprocmask, with_signal, Int, {MaskChange, SignalSet, out(SignalSet), Size}},
    {__NR_rt_sigpending, with_signal, Int, {out(SignalSet), Size}},
    {__NR_sigaltstack, with_signal, Int, {SignalStack, out(SignalStack)}},
    {__NR_rt_sigsuspend, with_signal, Int, {SignalSet, Size}},
    {__NR_rt_sigtimedwait, with_signal, Special, {SignalSet, out(SignalInformation), Timespec, Size}},
    {__NR_rt_sigqueueinfo, with_signal | with_process, Int, {Int, Signal, SignalInformation}},
    {__NR_rt_tgsigqueueinfo, with_signal | with_process, Int, {Int, Int, Signal, SignalInformation}},
    {__NR_rt_sigreturn, with_signal, Long, {}},
    {__NR_pause, with_signal, Int, {}},
    {__NR_kill, with_signal | with_process, Int, {Int, Signal}},
    {__NR_tkill, with_signal | with_process, Int, {Int, Signal}},
    {__NR_tgkill, with_signal | with_process, Int, {Int, Int, Signal}},
    {__NR_signalfd, with_signal | with_fd, Int, {Fd, SignalSet, Size}},
    {__NR_signalfd4, with_signal | with_fd, Int, {Fd, SignalSet, Size, TimerFileFlags}},

    {__NR_pipe, with_fd, Int, {out(IntPair)}},
    {__NR_pipe2, with_fd, Int, {out(IntPair), CreationFlags}},
    {__NR_eventfd, with_fd, Int, {Unsigned}},
    {__NR_eventfd2, with_fd, Int, {Unsigned, EventFlags}},
    {__NR_epoll_create, with_fd, Int, {Int}},
    {__NR_epoll_create1, with_fd, Int, {EpollFlags}},
    {__NR_epoll_ctl, with_fd, Int, {Fd, EpollOperation, Fd, EpollEvent}},
    {__NR_epoll_wait, with_fd, Int, {Fd, out(EpollEvents), Int, Int}},
    {__NR_epoll_pwait, with_fd, Int, {Fd, out(EpollEvents), Int, Int, SignalSet, Size}},
    {__NR_epoll_pwait2, with_fd, Int, {Fd, out(EpollEvents), Int, Timespec, SignalSet, Size}},

    {__NR_mmap, with_memory | with_fd, Pointer, {Pointer, Size, Protection, MapFlags, Fd, Hex}},
    {__NR_munmap, with_memory, Int, {Pointer, Size}},
    {__NR_mprotect, with_memory, Int, {Pointer, Size, Protection}},
    {__NR_mremap, with_memory, Pointer, {Pointer, Size, Size, RemapFlags, Special}},
    {__NR_brk, with_memory, Pointer, {Pointer}},
    {__NR_madvise, with_memory, Int, {Pointer, Size, Advice}},
    {__NR_mincore, with_memory, Int, {Pointer, Size, Pointer}},
    {__NR_mlock, with_memory, Int, {Pointer, Size}},
    {__NR_mlock2, with_memory, Int, {Pointer, Size, LockFlags}},
    {__NR_munlock, with_memory, Int, {Pointer, Size}},
    {__NR_mlockall, with_memory, Int, {LockAllFlags}},
    {__NR_munlockall, with_memory, Int, {}},
    {__NR_msync, with_memory, Int, {Pointer, Size, SyncFlags}},

    {__NR_chmod, with_file, Int, {Path, Octal}},
    {__NR_fchmod, with_fd, Int, {Fd, Octal}},
    {__NR_fchmodat, with_file | with_fd, Int, {Directory, Path, Octal}},
    {__NR_fchmodat2, with_file | with_fd, Int, {Directory, Path, Octal, AtFlags}},
    {__NR_chown, with_file, Int, {Path, Int, Int}},
    {__NR_lchown, with_file, Int, {Path, Int, Int}},
    {__NR_fchown, with_fd, Int, {Fd, Int, Int}},
    {__NR_fchownat, with_file | with_fd, Int, {Directory, Path, Int, Int, AtFlags}},
    {__NR_utimensat, with_file | with_fd, Int, {Directory, Path, Pointer, AtFlags}},
    {__NR_utimes, with_file, Int, {Path, Pointer}},
    {__NR_futimesat, with_file | with_fd, Int, {Directory, Path, Pointer}},
    {__NR_utime, with_file, Int, {Path, Pointer}},
    {__NR_dup, with_fd, Int, {Fd}},
    {__NR_dup2, with_fd, Int, {Fd, Fd}},
    {__NR_dup3, with_fd, Int, {Fd, Fd, CreationFlags}},
    {__NR_fcntl, with_fd, Special, {Fd, FcntlCommand, Special}},
    {__NR_flock, with_fd, Int, {Fd, FlockOperation}},
    {__NR_ioctl, with_fd, Int, {Fd, IoctlRequest, Pointer}},
    {__NR_getdents64, with_fd, Int, {Fd, Pointer, Size}},
    {__NR_getdents, with_fd, Int, {Fd, Pointer, Size}},
    {__NR_getcwd, with_file, Long, {out(Path), Size}},
    {__NR_chdir, with_file, Int, {Path}},
    {__NR_fchdir, with_fd, Int, {Fd}},
    {__NR_umask, 0, Octal, {Octal}},
    {__NR_read, with_fd, Long, {Fd, out(Buffer), Size}},
    {__NR_write, with_fd, Long, {Fd, Buffer, Size}},
    {__NR_readv, with_fd, Long, {Fd, out(IoVectors), Int}},
    {__NR_writev, with_fd, Long, {Fd, IoVectors, Int}},
    {__NR_pread64, with_fd, Long, {Fd, out(Buffer), Size, Long}},
    {__NR_pwrite64, with_fd, Long, {Fd, Buffer, Size, Long}},
    {__NR_preadv, with_fd, Long, {Fd, out(IoVectors), Int, Long}},
    {__NR_pwritev, with_fd, Long, {Fd, IoVectors, Int, Long}},
    {__NR_preadv2, with_fd, Long, {Fd, out(IoVectors), Int, Long, Skip, TransferFlags}},
    {__NR_pwritev2, with_fd, Long, {Fd, IoVectors, Int, Long, Skip, TransferFlags}},
    {__NR_lseek, with_fd, Long, {Fd, Long, Whence}},
    {__NR_mkdir, with_file, Int, {Path, Octal}},
    {__NR_mkdirat, with_file | with_fd, Int, {Directory, Path, Octal}},
    {__NR_rmdir, with_file, Int, {Path}},
    {__NR_unlink, with_file, Int, {Path}},
    {__NR_unlinkat, with_file | with_fd, Int, {Directory, Path, UnlinkFlags}},
    {__NR_rename, with_file, Int, {Path, Path}},
    {__NR_renameat, with_file | with_fd, Int, {Directory, Path, Directory, Path}},
    {__NR_renameat2, with_file | with_fd, Int, {Directory, Path, Directory, Path, RenameFlags}},
    {__NR_link, with_file, Int, {Path, Path}},
    {__NR_linkat, with_file | with_fd, Int, {Directory, Path, Directory, Path, AtFlags}},
    {__NR_symlink, with_file, Int, {Path, Path}},
    {__NR_symlinkat, with_file | with_fd, Int, {Path, Directory, Path}},
    {__NR_mknod, with_file, Int, {Path, FileMode, Hex}},
    {__NR_mknodat, with_file | with_fd, Int, {Directory, Path, FileMode, Hex}},
    {__NR_mount, with_file, Int, {Path, Path, Text, Hex, Text}},
    {__NR_umount2, with_file, Int, {Path, Hex}},
    {__NR_inotify_init, with_fd, Int, {}},
    {__NR_inotify_init1, with_fd, Int, {CreationFlags}},
    {__NR_inotify_add_watch, with_file | with_fd, Int, {Fd, Path, Hex}},
    {__NR_inotify_rm_watch, with_fd, Int, {Fd, Int}},
    {__NR_open, with_file | with_fd, Int, {Path, OpenFlags, Special}},
    {__NR_openat, with_file | with_fd, Int, {Directory, Path, OpenFlags, Special}},
    {__NR_openat2, with_file | with_fd, Int, {Directory, Path, OpenHow, Size}},
    {__NR_creat, with_file | with_fd, Int, {Path, Octal}},
    {__NR_close, with_fd, Int, {Fd}},
    {__NR_close_range, with_fd, Int, {Unsigned, Unsigned, CloseFlags}},
    {__NR_memfd_create, with_fd, Int, {Text, FileMemoryFlags}},
    {__NR_poll, with_fd, Special, {PollFiles, Unsigned, Int}},
    {__NR_ppoll, with_fd, Special, {PollFiles, Unsigned, Timespec, SignalSet, Size}},
    {__NR_select, with_fd, Special, {Int, FdSet, FdSet, FdSet, Timeval}},
    {__NR_pselect6, with_fd, Special, {Int, FdSet, FdSet, FdSet, Timespec, Pointer}},
    {__NR_truncate, with_file, Int, {Path, Long}},
    {__NR_ftruncate, with_fd, Int, {Fd, Long}},
    {__NR_fallocate, with_fd, Int, {Fd, AllocateMode, Long, Long}},
    {__NR_sync, 0, Int, {}},
    {__NR_syncfs, with_fd, Int, {Fd}},
    {__NR_fsync, with_fd, Int, {Fd}},
    {__NR_fdatasync, with_fd, Int, {Fd}},
    {__NR_sync_file_range, with_fd, Int, {Fd, Long, Long, Hex}},
    {__NR_fadvise64, with_fd, Int, {Fd, Long, Size, FileAdvice}},
    {__NR_readahead, with_fd, Long, {Fd, Long, Size}},
    {__NR_stat, with_file, Int, {Path, out(Status)}},
    {__NR_lstat, with_file, Int, {Path, out(Status)}},
    {__NR_fstat, with_fd, Int, {Fd, out(Status)}},
    {__NR_newfstatat, with_file | with_fd, Int, {Directory, Path, out(Status), AtFlags}},
    {__NR_statx, with_file | with_fd, Int, {Directory, Path, AtFlags, StatusMask, out(ExtendedStatus)}},
    {__NR_access, with_file, Int, {Path, AccessMode}},
    {__NR_faccessat, with_file | with_fd, Int, {Directory, Path, AccessMode}},
    {__NR_faccessat2, with_file | with_fd, Int, {Directory, Path, AccessMode, AccessFlags}},
    {__NR_readlink, with_file, Long, {Path, out(Buffer), Size}},
    {__NR_readlinkat, with_file | with_fd, Long, {Directory, Path, out(Buffer), Size}},
    {__NR_statfs, with_file, Int, {Path, Pointer}},
    {__NR_fstatfs, with_fd, Int, {Fd, Pointer}},
    {__NR_name_to_handle_at, with_file | with_fd, Int, {Directory, Path, Pointer, Pointer, AtFlags}},
    {__NR_open_by_handle_at, with_fd, Int, {Directory, Pointer, OpenFlags}},
    {__NR_sendfile, with_fd | with_network, Long, {Fd, Fd, out(LongValue), Size}},
    {__NR_splice, with_fd, Long, {Fd, out(LongValue), Fd, out(LongValue), Size, Hex}},
    {__NR_tee, with_fd, Long, {Fd, Fd, Size, Hex}},
    {__NR_vmsplice, with_fd, Long, {Fd, IoVectors, Size, Hex}},
    {__NR_copy_file_range, with_fd, Long, {Fd, out(LongValue), Fd, out(LongValue), Size, Hex}},
    {__NR_getxattr, with_file, Long, {Path, Text, out(Buffer), Size}},
    {__NR_lgetxattr, with_file, Long, {Path, Text, out(Buffer), Size}},
    {__NR_fgetxattr, with_fd, Long, {Fd, Text, out(Buffer), Size}},
    {__NR_setxattr, with_file, Int, {Path, Text, Buffer, Size, AttributeFlags}},
    {__NR_lsetxattr, with_file, Int, {Path, Text, Buffer, Size, AttributeFlags}},
    {__NR_fsetxattr, with_fd, Int, {Fd, Text, Buffer, Size, AttributeFlags}},
    {__NR_listxattr, with_file, Long, {Path, out(Buffer), Size}},
    {__NR_llistxattr, with_file, Long, {Path, out(Buffer), Size}},
    {__NR_flistxattr, with_fd, Long, {Fd, out(Buffer), Size}},
    {__NR_removexattr, with_file, Int, {Path, Text}},
    {__NR_lremovexattr, with_file, Int, {Path, Text}},
    {__NR_fremovexattr, with_fd, Int, {Fd, Text}},
};

constexpr auto groups = pack_names<[] {
    return std::to_array<NamedValue>({{with_file, "file"}, {with_fd, "desc"}, {with_memory, "memory"}, {with_process, "process"},
                                      {with_signal, "signal"}, {with_network, "network"}, {with_clock, "clock"}, {with_identity, "creds"}});
}>();

}  // namespace

const Description& description_of(uint64_t number) {
    for (const Description& description : descriptions)
        if (description.number == number) return description;
    return unknown;
}

uint8_t group_named(std::string_view name) {
    PackedNames all{groups.data()};
    for (NamedValue group = all.next(); !group.name.empty(); group = all.next())
        if (group.name == name) return static_cast<uint8_t>(group.value);
    return 0;
}

void write_group_names(TextSink& out) {
    PackedNames all{groups.data()};
    std::string_view separator = "%";
    for (NamedValue group = all.next(); !group.name.empty(); group = all.next()) {
        out.write(separator);
        out.write(group.name);
        separator = ", %";
    }
}

}  // namespace eremite::trace
