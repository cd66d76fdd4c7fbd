// Names of flags and of values that stand for something, from the headers that programs use.
#include "libos/trace/name_sets.hpp"

#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <utility>

#include "base/packed_names.hpp"

namespace eremite::trace {

namespace {

// The first entry of a set tells how it is read, and what all of its names begin with.
enum Style : uint64_t { is_flags = 1, is_decimal = 2, field_shift = 2 };
// The name of zero stands for zero in the bits of `field`; elsewhere, for no flag at all.
constexpr NamedValue flags(std::string_view prefix, uint64_t field = 0) { return {is_flags | field << field_shift, prefix}; }
constexpr NamedValue choice(std::string_view prefix) { return {0, prefix}; }
// What has no name is shown in decimal.
constexpr NamedValue number(std::string_view prefix) { return {is_decimal, prefix}; }

template <Kind kind>
constexpr int names_of = 0;

#define N(prefix, name) NamedValue{static_cast<uint64_t>(prefix##name), #name}
#define NAMES(kind, ...) \
    template <>          \
    constexpr auto names_of<Kind::kind> = pack_names<[] { return std::to_array<NamedValue>({__VA_ARGS__}); }>();

// Flags that contain others stand before them.
NAMES(OpenFlags, flags("O_", O_ACCMODE), N(O_, RDONLY), N(O_, WRONLY), N(O_, RDWR), N(O_, CREAT), N(O_, EXCL), N(O_, NOCTTY), N(O_, TRUNC),
      N(O_, APPEND), N(O_, NONBLOCK), N(O_, SYNC), N(O_, DSYNC), N(O_, ASYNC), N(O_, DIRECT), {0100000, "LARGEFILE"}, N(O_, TMPFILE),
      N(O_, DIRECTORY), N(O_, NOFOLLOW), N(O_, NOATIME), N(O_, CLOEXEC), N(O_, PATH))
NAMES(CreationFlags, flags("O_"), {O_EXCL, "NOTIFICATION_PIPE"}, N(O_, NONBLOCK), N(O_, DIRECT), N(O_, CLOEXEC))
NAMES(Protection, flags("PROT_"), N(PROT_, NONE), N(PROT_, READ), N(PROT_, WRITE), N(PROT_, EXEC), N(PROT_, GROWSDOWN))
NAMES(MapFlags, flags("MAP_"), N(MAP_, SHARED_VALIDATE), N(MAP_, SHARED), N(MAP_, PRIVATE), N(MAP_, FIXED), N(MAP_, ANONYMOUS), N(MAP_, 32BIT),
      N(MAP_, GROWSDOWN), N(MAP_, LOCKED), N(MAP_, NORESERVE), N(MAP_, POPULATE), N(MAP_, NONBLOCK), N(MAP_, STACK), N(MAP_, HUGETLB),
      N(MAP_, FIXED_NOREPLACE))
NAMES(RemapFlags, flags("MREMAP_"), N(MREMAP_, MAYMOVE), N(MREMAP_, FIXED), {4, "DONTUNMAP"})
NAMES(Advice, choice("MADV_"), N(MADV_, NORMAL), N(MADV_, RANDOM), N(MADV_, SEQUENTIAL), N(MADV_, WILLNEED), N(MADV_, DONTNEED), N(MADV_, FREE),
      N(MADV_, REMOVE), N(MADV_, DONTFORK), N(MADV_, DOFORK), N(MADV_, HUGEPAGE), N(MADV_, NOHUGEPAGE), N(MADV_, DONTDUMP), N(MADV_, DODUMP),
      {20, "COLD"}, {21, "PAGEOUT"}, {22, "POPULATE_READ"}, {23, "POPULATE_WRITE"})
NAMES(SyncFlags, flags("MS_"), N(MS_, ASYNC), N(MS_, INVALIDATE), N(MS_, SYNC))
NAMES(LockFlags, flags("MLOCK_"), N(MLOCK_, ONFAULT))
NAMES(LockAllFlags, flags("MCL_"), N(MCL_, CURRENT), N(MCL_, FUTURE), N(MCL_, ONFAULT))
NAMES(CloneFlags, flags("CLONE_"), N(CLONE_, VM), N(CLONE_, FS), N(CLONE_, FILES), N(CLONE_, SIGHAND), N(CLONE_, PIDFD), N(CLONE_, PTRACE),
      N(CLONE_, VFORK), N(CLONE_, PARENT), N(CLONE_, THREAD), N(CLONE_, NEWNS), N(CLONE_, SYSVSEM), N(CLONE_, SETTLS), N(CLONE_, PARENT_SETTID),
      N(CLONE_, CHILD_CLEARTID), N(CLONE_, DETACHED), N(CLONE_, UNTRACED), N(CLONE_, CHILD_SETTID), N(CLONE_, IO))

NAMES(Clock, choice("CLOCK_"), N(CLOCK_, REALTIME), N(CLOCK_, MONOTONIC), N(CLOCK_, PROCESS_CPUTIME_ID), N(CLOCK_, THREAD_CPUTIME_ID),
      N(CLOCK_, MONOTONIC_RAW), N(CLOCK_, REALTIME_COARSE), N(CLOCK_, MONOTONIC_COARSE), N(CLOCK_, BOOTTIME), N(CLOCK_, REALTIME_ALARM),
      N(CLOCK_, BOOTTIME_ALARM), N(CLOCK_, TAI))
NAMES(TimerFlags, flags("TIMER_"), N(TIMER_, ABSTIME))
NAMES(TimerFileFlags, flags("TFD_"), N(TFD_, NONBLOCK), N(TFD_, CLOEXEC))
NAMES(IntervalTimer, choice("ITIMER_"), N(ITIMER_, REAL), N(ITIMER_, VIRTUAL), N(ITIMER_, PROF))

NAMES(PollEvents, flags("POLL"), N(POLL, IN), N(POLL, PRI), N(POLL, OUT), N(POLL, ERR), N(POLL, HUP), N(POLL, NVAL), N(POLL, RDNORM),
      N(POLL, RDBAND), N(POLL, WRNORM), N(POLL, WRBAND), N(POLL, RDHUP))
NAMES(EpollEventBits, flags("EPOLL"), N(EPOLL, IN), N(EPOLL, PRI), N(EPOLL, OUT), N(EPOLL, ERR), N(EPOLL, HUP), N(EPOLL, RDNORM),
      N(EPOLL, RDBAND), N(EPOLL, WRNORM), N(EPOLL, WRBAND), N(EPOLL, RDHUP), N(EPOLL, EXCLUSIVE), N(EPOLL, WAKEUP), N(EPOLL, ONESHOT),
      {static_cast<uint32_t>(EPOLLET), "ET"})
NAMES(EpollOperation, choice("EPOLL_CTL_"), N(EPOLL_CTL_, ADD), N(EPOLL_CTL_, DEL), N(EPOLL_CTL_, MOD))
NAMES(EpollFlags, flags("EPOLL_"), N(EPOLL_, CLOEXEC))
NAMES(EventFlags, flags("EFD_"), N(EFD_, SEMAPHORE), N(EFD_, NONBLOCK), N(EFD_, CLOEXEC))

NAMES(FileMemoryFlags, flags("MFD_"), N(MFD_, CLOEXEC), N(MFD_, ALLOW_SEALING), N(MFD_, HUGETLB))
NAMES(AccessMode, flags(""), N(, F_OK), N(, R_OK), N(, W_OK), N(, X_OK))
NAMES(AtFlags, flags("AT_"), N(AT_, SYMLINK_NOFOLLOW), N(AT_, SYMLINK_FOLLOW), N(AT_, NO_AUTOMOUNT), N(AT_, EMPTY_PATH), {0x2000, "STATX_FORCE_SYNC"},
      {0x4000, "STATX_DONT_SYNC"})
NAMES(UnlinkFlags, flags("AT_"), N(AT_, REMOVEDIR))
NAMES(AccessFlags, flags("AT_"), N(AT_, EACCESS), N(AT_, SYMLINK_NOFOLLOW), N(AT_, EMPTY_PATH))
NAMES(Whence, choice("SEEK_"), N(SEEK_, SET), N(SEEK_, CUR), N(SEEK_, END), N(SEEK_, DATA), N(SEEK_, HOLE))
NAMES(FcntlCommand, choice("F_"), N(F_, DUPFD), N(F_, GETFD), N(F_, SETFD), N(F_, GETFL), N(F_, SETFL), N(F_, GETLK), N(F_, SETLK), N(F_, SETLKW),
      N(F_, SETOWN), N(F_, GETOWN), N(F_, SETSIG), N(F_, GETSIG), N(F_, SETOWN_EX), N(F_, GETOWN_EX), N(F_, OFD_GETLK), N(F_, OFD_SETLK),
      N(F_, OFD_SETLKW), N(F_, SETLEASE), N(F_, GETLEASE), N(F_, NOTIFY), N(F_, DUPFD_CLOEXEC), N(F_, SETPIPE_SZ), N(F_, GETPIPE_SZ),
      N(F_, ADD_SEALS), N(F_, GET_SEALS))
NAMES(FdFlags, flags("FD_"), N(FD_, CLOEXEC))
NAMES(FlockOperation, flags("LOCK_"), N(LOCK_, SH), N(LOCK_, EX), N(LOCK_, UN), N(LOCK_, NB))
NAMES(LockType, choice("F_"), N(F_, RDLCK), N(F_, WRLCK), N(F_, UNLCK))
NAMES(IoctlRequest, choice(""), N(, TCGETS), N(, TCSETS), N(, TCSETSW), N(, TCSETSF), N(, TCSBRK), N(, TCFLSH), N(, TIOCSCTTY), N(, TIOCGPGRP),
      N(, TIOCSPGRP), N(, TIOCGWINSZ), N(, TIOCSWINSZ), N(, FIONREAD), N(, FIONBIO), N(, TCSBRKP), N(, TIOCGSID), N(, FIONCLEX), N(, FIOCLEX),
      N(, FIOASYNC))
NAMES(RenameFlags, flags("RENAME_"), {1, "NOREPLACE"}, {2, "EXCHANGE"}, {4, "WHITEOUT"})
NAMES(AllocateMode, flags("FALLOC_FL_"), {1, "KEEP_SIZE"}, {2, "PUNCH_HOLE"}, {8, "COLLAPSE_RANGE"}, {16, "ZERO_RANGE"}, {32, "INSERT_RANGE"})
NAMES(FileAdvice, choice("POSIX_FADV_"), N(POSIX_FADV_, NORMAL), N(POSIX_FADV_, RANDOM), N(POSIX_FADV_, SEQUENTIAL), N(POSIX_FADV_, WILLNEED),
      N(POSIX_FADV_, DONTNEED), N(POSIX_FADV_, NOREUSE))
NAMES(StatusMask, flags("STATX_"), {STATX_ALL, "ALL"}, N(STATX_, BASIC_STATS), N(STATX_, TYPE), N(STATX_, MODE), N(STATX_, NLINK), N(STATX_, UID),
      N(STATX_, GID), N(STATX_, ATIME), N(STATX_, MTIME), N(STATX_, CTIME), N(STATX_, INO), N(STATX_, SIZE), N(STATX_, BLOCKS), N(STATX_, BTIME),
      {0x1000, "MNT_ID"})
NAMES(TransferFlags, flags("RWF_"), N(RWF_, HIPRI), N(RWF_, DSYNC), N(RWF_, SYNC), N(RWF_, NOWAIT), N(RWF_, APPEND))
NAMES(AttributeFlags, flags("XATTR_"), N(XATTR_, CREATE), N(XATTR_, REPLACE))
NAMES(MountFlags, flags("MS_"), N(MS_, RDONLY), N(MS_, NOSUID), N(MS_, NODEV), N(MS_, NOEXEC), N(MS_, SYNCHRONOUS), N(MS_, REMOUNT),
      N(MS_, MANDLOCK), N(MS_, DIRSYNC), N(MS_, NOATIME), N(MS_, NODIRATIME), N(MS_, BIND), N(MS_, MOVE), N(MS_, REC), N(MS_, SILENT),
      N(MS_, UNBINDABLE), N(MS_, PRIVATE), N(MS_, SLAVE), N(MS_, SHARED), N(MS_, RELATIME), N(MS_, STRICTATIME), N(MS_, LAZYTIME))
NAMES(UnmountFlags, flags(""), {MNT_FORCE, "MNT_FORCE"}, {MNT_DETACH, "MNT_DETACH"}, {MNT_EXPIRE, "MNT_EXPIRE"},
      {UMOUNT_NOFOLLOW, "UMOUNT_NOFOLLOW"})
NAMES(CloseFlags, flags("CLOSE_RANGE_"), N(CLOSE_RANGE_, UNSHARE), N(CLOSE_RANGE_, CLOEXEC))
NAMES(FileType, choice("S_IF"), N(S_IF, REG), N(S_IF, DIR), N(S_IF, CHR), N(S_IF, BLK), N(S_IF, IFO), N(S_IF, LNK), N(S_IF, SOCK))

NAMES(FutexCommand, choice("FUTEX_"), N(FUTEX_, WAIT), N(FUTEX_, WAKE), N(FUTEX_, REQUEUE), N(FUTEX_, CMP_REQUEUE), N(FUTEX_, WAKE_OP),
      N(FUTEX_, LOCK_PI), N(FUTEX_, UNLOCK_PI), N(FUTEX_, TRYLOCK_PI), N(FUTEX_, WAIT_BITSET), N(FUTEX_, WAKE_BITSET), N(FUTEX_, WAIT_REQUEUE_PI),
      N(FUTEX_, CMP_REQUEUE_PI), {13, "LOCK_PI2"})
NAMES(WaitBits, choice(""), {FUTEX_BITSET_MATCH_ANY, "FUTEX_BITSET_MATCH_ANY"})
NAMES(Policy, choice("SCHED_"), {0, "OTHER"}, {1, "FIFO"}, {2, "RR"}, N(SCHED_, BATCH), N(SCHED_, IDLE), N(SCHED_, DEADLINE))
NAMES(PriorityWhich, choice("PRIO_"), N(PRIO_, PROCESS), N(PRIO_, PGRP), N(PRIO_, USER))
NAMES(BarrierCommand, choice("MEMBARRIER_CMD_"), N(MEMBARRIER_CMD_, QUERY), N(MEMBARRIER_CMD_, GLOBAL), N(MEMBARRIER_CMD_, GLOBAL_EXPEDITED),
      N(MEMBARRIER_CMD_, REGISTER_GLOBAL_EXPEDITED), N(MEMBARRIER_CMD_, PRIVATE_EXPEDITED), N(MEMBARRIER_CMD_, REGISTER_PRIVATE_EXPEDITED),
      N(MEMBARRIER_CMD_, PRIVATE_EXPEDITED_SYNC_CORE), N(MEMBARRIER_CMD_, REGISTER_PRIVATE_EXPEDITED_SYNC_CORE))

NAMES(MaskChange, choice("SIG_"), N(SIG_, BLOCK), N(SIG_, UNBLOCK), N(SIG_, SETMASK))
NAMES(ActionFlags, flags("SA_"), {0x04000000, "RESTORER"}, N(SA_, ONSTACK), N(SA_, RESTART), {static_cast<uint32_t>(SA_NODEFER), "NODEFER"},
      {static_cast<uint32_t>(SA_RESETHAND), "RESETHAND"}, N(SA_, SIGINFO), N(SA_, NOCLDSTOP), N(SA_, NOCLDWAIT))
NAMES(Handler, choice("SIG_"), {0, "DFL"}, {1, "IGN"})
NAMES(StackFlags, flags("SS_"), {1U << 31, "AUTODISARM"}, N(SS_, ONSTACK), N(SS_, DISABLE))
NAMES(NotifyMode, choice("SIGEV_"), N(SIGEV_, SIGNAL), N(SIGEV_, NONE), N(SIGEV_, THREAD), N(SIGEV_, THREAD_ID))
NAMES(SignalCode, number("SI_"), N(SI_, USER), N(SI_, KERNEL), {static_cast<uint32_t>(SI_QUEUE), "QUEUE"}, {static_cast<uint32_t>(SI_TIMER), "TIMER"},
      {static_cast<uint32_t>(SI_TKILL), "TKILL"}, {static_cast<uint32_t>(SI_MESGQ), "MESGQ"}, {static_cast<uint32_t>(SI_ASYNCIO), "ASYNCIO"})
NAMES(SegvCode, number("SEGV_"), N(SEGV_, MAPERR), N(SEGV_, ACCERR))
NAMES(BusCode, number("BUS_"), N(BUS_, ADRALN), N(BUS_, ADRERR))
NAMES(FpeCode, number("FPE_"), N(FPE_, INTDIV), N(FPE_, INTOVF), N(FPE_, FLTDIV), N(FPE_, FLTOVF), N(FPE_, FLTUND), N(FPE_, FLTRES), N(FPE_, FLTINV))
NAMES(IllCode, number("ILL_"), N(ILL_, ILLOPC), N(ILL_, ILLOPN))
NAMES(TrapCode, number("TRAP_"), N(TRAP_, BRKPT), N(TRAP_, TRACE))
NAMES(SignalName, number("SIG"), N(SIG, HUP), N(SIG, INT), N(SIG, QUIT), N(SIG, ILL), N(SIG, TRAP), N(SIG, ABRT), N(SIG, BUS), N(SIG, FPE),
      N(SIG, KILL), N(SIG, USR1), N(SIG, SEGV), N(SIG, USR2), N(SIG, PIPE), N(SIG, ALRM), N(SIG, TERM), N(SIG, STKFLT), N(SIG, CHLD), N(SIG, CONT),
      N(SIG, STOP), N(SIG, TSTP), N(SIG, TTIN), N(SIG, TTOU), N(SIG, URG), N(SIG, XCPU), N(SIG, XFSZ), N(SIG, VTALRM), N(SIG, PROF), N(SIG, WINCH),
      N(SIG, IO), N(SIG, PWR), N(SIG, SYS), {32, "RTMIN"})

NAMES(Resource, choice("RLIMIT_"), N(RLIMIT_, CPU), N(RLIMIT_, FSIZE), N(RLIMIT_, DATA), N(RLIMIT_, STACK), N(RLIMIT_, CORE), N(RLIMIT_, RSS),
      N(RLIMIT_, NPROC), N(RLIMIT_, NOFILE), N(RLIMIT_, MEMLOCK), N(RLIMIT_, AS), N(RLIMIT_, LOCKS), N(RLIMIT_, SIGPENDING), N(RLIMIT_, MSGQUEUE),
      N(RLIMIT_, NICE), N(RLIMIT_, RTPRIO), N(RLIMIT_, RTTIME))
NAMES(LimitValue, number("RLIM64_"), {~uint64_t{0}, "INFINITY"})
NAMES(UsageWho, choice("RUSAGE_"), N(RUSAGE_, SELF), {static_cast<uint32_t>(RUSAGE_CHILDREN), "CHILDREN"}, N(RUSAGE_, THREAD))
NAMES(PrctlOption, choice("PR_"), N(PR_, SET_PDEATHSIG), N(PR_, GET_PDEATHSIG), N(PR_, GET_DUMPABLE), N(PR_, SET_DUMPABLE), N(PR_, SET_NAME),
      N(PR_, GET_NAME), N(PR_, GET_SECCOMP), N(PR_, SET_SECCOMP), N(PR_, CAPBSET_READ), N(PR_, SET_TIMERSLACK), N(PR_, GET_TIMERSLACK),
      N(PR_, SET_NO_NEW_PRIVS), N(PR_, GET_NO_NEW_PRIVS), N(PR_, SET_THP_DISABLE), N(PR_, GET_THP_DISABLE), {0x53564d41, "SET_VMA"})
NAMES(ArchOption, choice("ARCH_"), N(ARCH_, SET_GS), N(ARCH_, SET_FS), N(ARCH_, GET_FS), N(ARCH_, GET_GS), {0x3001, "CET_STATUS"})
NAMES(RandomFlags, flags("GRND_"), N(GRND_, NONBLOCK), N(GRND_, RANDOM))
NAMES(WaitOptions, flags("W"), N(W, NOHANG), N(W, STOPPED), N(W, EXITED), N(W, CONTINUED), N(W, NOWAIT))
NAMES(WaitType, choice("P_"), {0, "ALL"}, {1, "PID"}, {2, "PGID"}, {3, "PIDFD"})

NAMES(Domain, choice("AF_"), N(AF_, UNSPEC), N(AF_, UNIX), N(AF_, INET), N(AF_, INET6), N(AF_, NETLINK), N(AF_, PACKET))
// The types are numbers in the low bits.
NAMES(SocketType, flags("SOCK_"), {5, "SEQPACKET"}, {3, "RAW"}, {2, "DGRAM"}, {1, "STREAM"}, {SOCK_NONBLOCK, "NONBLOCK"}, {SOCK_CLOEXEC, "CLOEXEC"})
NAMES(ShutdownHow, choice("SHUT_"), {0, "RD"}, {1, "WR"}, {2, "RDWR"})
NAMES(MessageFlags, flags("MSG_"), {1, "OOB"}, {2, "PEEK"}, {4, "DONTROUTE"}, {8, "CTRUNC"}, {0x20, "TRUNC"}, {0x40, "DONTWAIT"}, {0x80, "EOR"},
      {0x100, "WAITALL"}, {0x4000, "NOSIGNAL"}, {0x8000, "MORE"}, {0x40000000, "CMSG_CLOEXEC"})
NAMES(SocketLevel, choice("SOL_"), N(SOL_, SOCKET), {0, "IP"}, {6, "TCP"}, {41, "IPV6"})
NAMES(SocketOption, choice("SO_"), N(SO_, REUSEADDR), N(SO_, TYPE), N(SO_, ERROR), N(SO_, DONTROUTE), N(SO_, BROADCAST), N(SO_, SNDBUF),
      N(SO_, RCVBUF), N(SO_, KEEPALIVE), N(SO_, LINGER), N(SO_, REUSEPORT), N(SO_, PASSCRED), N(SO_, PEERCRED), N(SO_, RCVLOWAT), N(SO_, SNDLOWAT),
      N(SO_, RCVTIMEO), N(SO_, SNDTIMEO), N(SO_, ACCEPTCONN), N(SO_, SNDBUFFORCE), N(SO_, RCVBUFFORCE), N(SO_, PROTOCOL), N(SO_, DOMAIN),
      N(SO_, BINDTODEVICE), N(SO_, ZEROCOPY))
NAMES(IpOption, choice("IP_"), N(IP_, TOS), N(IP_, TTL), N(IP_, PKTINFO), N(IP_, MTU_DISCOVER), N(IP_, RECVERR), N(IP_, RECVTTL), N(IP_, RECVTOS),
      N(IP_, MTU), N(IP_, FREEBIND), N(IP_, BIND_ADDRESS_NO_PORT), N(IP_, MULTICAST_IF), N(IP_, MULTICAST_TTL), N(IP_, MULTICAST_LOOP),
      N(IP_, ADD_MEMBERSHIP), N(IP_, DROP_MEMBERSHIP))
NAMES(TcpOption, choice("TCP_"), N(TCP_, NODELAY), N(TCP_, MAXSEG), N(TCP_, CORK), N(TCP_, KEEPIDLE), N(TCP_, KEEPINTVL), N(TCP_, KEEPCNT),
      N(TCP_, SYNCNT), N(TCP_, LINGER2), N(TCP_, DEFER_ACCEPT), N(TCP_, WINDOW_CLAMP), N(TCP_, INFO), N(TCP_, QUICKACK), N(TCP_, CONGESTION),
      N(TCP_, USER_TIMEOUT), N(TCP_, FASTOPEN))
NAMES(Ipv6Option, choice("IPV6_"), N(IPV6_, UNICAST_HOPS), N(IPV6_, MULTICAST_IF), N(IPV6_, MULTICAST_HOPS), N(IPV6_, MULTICAST_LOOP),
      N(IPV6_, JOIN_GROUP), N(IPV6_, LEAVE_GROUP), N(IPV6_, MTU), N(IPV6_, RECVERR), N(IPV6_, V6ONLY), N(IPV6_, RECVPKTINFO), N(IPV6_, RECVHOPLIMIT),
      N(IPV6_, TCLASS))

#undef NAMES
#undef N

constexpr size_t first = static_cast<size_t>(first_names), count = static_cast<size_t>(Kind::Count_) - first;
constexpr auto all_names = []<size_t... i>(std::index_sequence<i...>) {
    return std::array<const uint8_t*, count>{names_of<static_cast<Kind>(first + i)>.data()...};
}(std::make_index_sequence<count>{});

PackedNames names_at(Kind kind) { return PackedNames{all_names[static_cast<size_t>(kind) - first]}; }

void write_number(TextSink& out, uint64_t value, uint64_t style) {
    if (style & is_decimal) format(out, "{}", static_cast<int64_t>(value));
    else format(out, value == 0 ? "{}" : "{:x}", value);
}

}  // namespace

std::string_view short_name(Kind kind, uint64_t value) {
    PackedNames names = names_at(kind);
    (void)names.next();
    return names.find(value);
}

void write_names(TextSink& out, Kind kind, uint64_t value) {
    PackedNames names = names_at(kind);
    const auto [style, prefix] = names.next();
    if (!(style & is_flags)) {
        const std::string_view name = names.find(value);
        if (name.empty()) return write_number(out, value, style);
        out.write(prefix);
        return out.write(name);
    }
    const uint64_t field = style >> field_shift;
    bool written = false;
    uint64_t left = value;
    for (NamedValue entry = names.next(); !entry.name.empty(); entry = names.next()) {
        const bool is_set = entry.value != 0 ? (left & entry.value) == entry.value : (field != 0 ? (value & field) : value) == 0;
        if (!is_set) continue;
        left &= ~entry.value;
        if (written) out.write("|");
        out.write(prefix);
        out.write(entry.name);
        written = true;
    }
    if (left == 0 && written) return;
    if (written) out.write("|");
    write_number(out, left, style);
}

}  // namespace eremite::trace
