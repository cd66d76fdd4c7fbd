// Whole calls: what is shown when they begin, and when they end.
#include "libos/trace/call.hpp"

#include <asm/unistd.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "libos/signal/signals.hpp"
#include "libos/trace/arguments.hpp"
#include "machine.hpp"

namespace eremite::trace {

namespace {

using test::text_of;
using test::UserMemory;

std::string start(const Call& call) {
    return text_of([&](TextSink& out) { write_start(out, call); });
}
std::string end(const Call& call) {
    return text_of([&](TextSink& out) { write_end(out, call); });
}
std::string whole(const Call& call) { return start(call) + end(call); }
std::string hex(uint64_t value) {
    return text_of([&](TextSink& out) { format(out, "{:x}", value); });
}
constexpr uint64_t cwd = static_cast<uint32_t>(AT_FDCWD);

TEST(CallTest, Openat) {
    UserMemory memory;
    const uint64_t path = memory.put_text("/etc/x");
    EXPECT_EQ(whole({__NR_openat, {cwd, path, O_RDONLY | O_CLOEXEC}, 3}), "openat(AT_FDCWD, \"/etc/x\", O_RDONLY|O_CLOEXEC) = 3");
    EXPECT_EQ(whole({__NR_openat, {cwd, path, O_RDONLY, 0644}, -ENOENT}),
              "openat(AT_FDCWD, \"/etc/x\", O_RDONLY) = -1 ENOENT (No such file or directory)");
    EXPECT_EQ(whole({__NR_openat, {7, path, O_WRONLY | O_CREAT, 0644}, 3}), "openat(7, \"/etc/x\", O_WRONLY|O_CREAT, 0644) = 3");
    EXPECT_EQ(whole({__NR_open, {path, O_RDWR | O_TMPFILE, 0600}, 3}), "open(\"/etc/x\", O_RDWR|O_TMPFILE, 0600) = 3");
}

TEST(CallTest, OptionsOfSocketsByTheirLevel) {
    UserMemory memory;
    const uint64_t value = memory.put(1);
    const auto set = [&](uint64_t level, uint64_t option) { return whole({__NR_setsockopt, {3, level, option, value, 4}, 0}); };
    EXPECT_EQ(set(SOL_SOCKET, SO_REUSEADDR), "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
    EXPECT_EQ(set(IPPROTO_TCP, TCP_NODELAY), "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0");
    EXPECT_EQ(set(IPPROTO_IP, IP_TTL), "setsockopt(3, SOL_IP, IP_TTL, [1], 4) = 0");
    EXPECT_EQ(set(IPPROTO_IPV6, IPV6_V6ONLY), "setsockopt(3, SOL_IPV6, IPV6_V6ONLY, [1], 4) = 0");
    EXPECT_EQ(set(255, 7), "setsockopt(3, 0xff, 7, [1], 4) = 0");
}

TEST(CallTest, WhatTheCallFillsIsShownAtItsEnd) {
    UserMemory memory;
    const uint64_t buffer = memory.put_text("abcdef");
    const Call read{__NR_read, {0, buffer, 100}, 3};
    EXPECT_EQ(start(read), "read(0, ");
    EXPECT_EQ(end(read), "\"abc\", 100) = 3");
    EXPECT_EQ(whole({__NR_read, {0, buffer, 100}, -EAGAIN}), "read(0, " + hex(buffer) + ", 100) = -1 EAGAIN (Resource temporarily unavailable)");
    const Call write{__NR_write, {1, buffer, 3}, 3};
    EXPECT_EQ(start(write), "write(1, \"abc\", 3");
    EXPECT_EQ(end(write), ") = 3");
    const Call pipe{__NR_pipe2, {memory.put(std::array{3, 4}), O_CLOEXEC}, 0};
    EXPECT_EQ(start(pipe), "pipe2(");
    EXPECT_EQ(end(pipe), "[3, 4], O_CLOEXEC) = 0");
}

TEST(CallTest, InterruptedOnesSayWhatFollows) {
    EXPECT_EQ(whole({__NR_read, {0, 0x1000, 1}, -512}), "read(0, 0x1000, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
}

TEST(CallTest, NeverEnding) { EXPECT_EQ(whole({__NR_exit_group, {5}}), "exit_group(5) = ?"); }

TEST(CallTest, WithoutArguments) { EXPECT_EQ(whole({__NR_getpid, {1, 2, 3}, 1}), "getpid() = 1"); }

TEST(CallTest, Unknown) {
    EXPECT_EQ(whole({511, {1, 2, 3, 0, 5, ~uint64_t{0}}, -ENOSYS}),
              "syscall_0x1ff(0x1, 0x2, 0x3, 0, 0x5, 0xffffffffffffffff) = -1 ENOSYS (Function not implemented)");
    EXPECT_EQ(start({__NR_ptrace, {1}}), "ptrace(0x1, 0, 0, 0, 0, 0");
}

TEST(CallTest, Memory) {
    EXPECT_EQ(whole({__NR_mmap, {0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0}, 0x7f0000000000}),
              "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000");
    EXPECT_EQ(whole({__NR_brk, {0}, 0x1000}), "brk(NULL) = 0x1000");
    EXPECT_EQ(whole({__NR_mremap, {0x1000, 1, 2, MREMAP_MAYMOVE, 0x77}, 0x2000}), "mremap(0x1000, 1, 2, MREMAP_MAYMOVE) = 0x2000");
    EXPECT_EQ(whole({__NR_mremap, {0x1000, 1, 2, MREMAP_MAYMOVE | MREMAP_FIXED, 0x3000}, 0x3000}),
              "mremap(0x1000, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x3000) = 0x3000");
}

TEST(CallTest, Futex) {
    UserMemory memory;
    const uint64_t time = memory.put(timespec{1, 5});
    EXPECT_EQ(whole({__NR_futex, {0x1000, FUTEX_WAIT_PRIVATE, 2, 0, 9, 9}, 0}), "futex(0x1000, FUTEX_WAIT_PRIVATE, 2, NULL) = 0");
    EXPECT_EQ(whole({__NR_futex, {0x1000, FUTEX_WAIT, 2, time, 9, 9}, -ETIMEDOUT}),
              "futex(0x1000, FUTEX_WAIT, 2, {tv_sec=1, tv_nsec=5}) = -1 ETIMEDOUT (Connection timed out)");
    EXPECT_EQ(whole({__NR_futex, {0x1000, FUTEX_WAKE_PRIVATE, 1, 9, 9, 9}, 1}), "futex(0x1000, FUTEX_WAKE_PRIVATE, 1) = 1");
    EXPECT_EQ(whole({__NR_futex, {0x1000, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 2, 0, 9, FUTEX_BITSET_MATCH_ANY}, 0}),
              "futex(0x1000, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 2, NULL, FUTEX_BITSET_MATCH_ANY) = 0");
    EXPECT_EQ(whole({__NR_futex, {0x1000, FUTEX_CMP_REQUEUE, 1, 2, 0x2000, 7}, 0}), "futex(0x1000, FUTEX_CMP_REQUEUE, 1, 2, 0x2000, 7) = 0");
}

TEST(CallTest, Fcntl) {
    UserMemory memory;
    EXPECT_EQ(whole({__NR_fcntl, {3, F_GETFL, 9}, O_RDWR | O_NONBLOCK}), "fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)");
    EXPECT_EQ(whole({__NR_fcntl, {3, F_GETFD, 9}, 0}), "fcntl(3, F_GETFD) = 0");
    EXPECT_EQ(whole({__NR_fcntl, {3, F_SETFD, FD_CLOEXEC}, 0}), "fcntl(3, F_SETFD, FD_CLOEXEC) = 0");
    EXPECT_EQ(whole({__NR_fcntl, {3, F_DUPFD, 10}, 10}), "fcntl(3, F_DUPFD, 10) = 10");
    const struct flock lock{F_WRLCK, SEEK_SET, 5, 10, 0};
    EXPECT_EQ(whole({__NR_fcntl, {3, F_SETLK, memory.put(lock)}, 0}), "fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=5, l_len=10}) = 0");
}

TEST(CallTest, Poll) {
    UserMemory memory;
    const pollfd files[] = {{3, POLLIN, 0}, {4, POLLOUT, POLLOUT}, {-1, 0, 0}};
    const uint64_t at = memory.put(files);
    EXPECT_EQ(whole({__NR_poll, {at, 3, ~uint64_t{0}}, 1}),
              "poll([{fd=3, events=POLLIN}, {fd=4, events=POLLOUT}, {fd=-1, events=0}], 3, -1) = 1 ([{fd=4, revents=POLLOUT}])");
    EXPECT_EQ(whole({__NR_poll, {at, 1, 10}, 0}), "poll([{fd=3, events=POLLIN}], 1, 10) = 0 (Timeout)");
    EXPECT_EQ(whole({__NR_poll, {0, 0, 10}, 0}), "poll(NULL, 0, 10) = 0 (Timeout)");
    // Only the first of the array can be read.
    const uint64_t last = memory.put(files[0], 4096 - sizeof(pollfd));
    EXPECT_EQ(start({__NR_poll, {last, 2, 10}}), "poll([{fd=3, events=POLLIN}, " + hex(memory.end()) + "], 2, 10");
}

TEST(CallTest, Select) {
    UserMemory memory;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(0, &set);
    FD_SET(5, &set);
    const uint64_t in = memory.put(set), time = memory.put(timeval{1, 2}, 1024);
    EXPECT_EQ(whole({__NR_select, {6, in, 0, 0, time}, 2}), "select(6, [0 5], NULL, NULL, {tv_sec=1, tv_usec=2}) = 2 (in [0 5])");
    EXPECT_EQ(whole({__NR_select, {5, in, 0, 0, 0}, 0}), "select(5, [0], NULL, NULL, NULL) = 0 (Timeout)");
}

TEST(CallTest, Epoll) {
    UserMemory memory;
    epoll_event events[2] = {{EPOLLIN, {.u64 = 7}}, {EPOLLOUT | EPOLLET, {.u64 = 8}}};
    const uint64_t at = memory.put(events);
    EXPECT_EQ(whole({__NR_epoll_ctl, {3, EPOLL_CTL_ADD, 4, at}, 0}), "epoll_ctl(3, EPOLL_CTL_ADD, 4, {events=EPOLLIN, data={u32=7, u64=7}}) = 0");
    const Call wait{__NR_epoll_wait, {3, at, 2, ~uint64_t{0}}, 2};
    EXPECT_EQ(start(wait), "epoll_wait(3, ");
    EXPECT_EQ(end(wait), "[{events=EPOLLIN, data={u32=7, u64=7}}, {events=EPOLLOUT|EPOLLET, data={u32=8, u64=8}}], 2, -1) = 2");
    EXPECT_EQ(whole({__NR_epoll_wait, {3, at, 2, 0}, 0}), "epoll_wait(3, [], 2, 0) = 0");
}

TEST(CallTest, Vectors) {
    UserMemory memory;
    const uint64_t text = memory.put_text("onetwo", 1024);
    const iovec vectors[] = {{reinterpret_cast<void*>(text), 3}, {reinterpret_cast<void*>(text + 3), 10}};
    const uint64_t at = memory.put(vectors);
    EXPECT_EQ(whole({__NR_writev, {1, at, 1}, 3}), "writev(1, [{iov_base=\"one\", iov_len=3}], 1) = 3");
    // As far as they were filled.
    EXPECT_EQ(whole({__NR_readv, {1, at, 2}, 6}), "readv(1, [{iov_base=\"one\", iov_len=3}, {iov_base=\"two\", iov_len=10}], 2) = 6");
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(at);
    message.msg_iovlen = 1;
    EXPECT_EQ(whole({__NR_sendmsg, {3, memory.put(message, 2048), MSG_NOSIGNAL}, 3}),
              "sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"one\", iov_len=3}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, "
              "MSG_NOSIGNAL) = 3");
}

TEST(CallTest, Signals) {
    UserMemory memory;
    const signal::Action action{0x401000, 0x04000000 | SA_RESTART, 0x402000, 1 << (SIGTERM - 1)};
    EXPECT_EQ(whole({__NR_rt_sigaction, {SIGUSR1, memory.put(action), 0, 8}, 0}),
              "rt_sigaction(SIGUSR1, {sa_handler=0x401000, sa_mask=[TERM], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x402000}, NULL, 8) = 0");
    const uint64_t set = memory.put(uint64_t{1} << (SIGINT - 1));
    EXPECT_EQ(whole({__NR_rt_sigprocmask, {SIG_BLOCK, set, 0, 8}, 0}), "rt_sigprocmask(SIG_BLOCK, [INT], NULL, 8) = 0");
    EXPECT_EQ(whole({__NR_rt_sigtimedwait, {set, 0, 0, 8}, SIGINT}), "rt_sigtimedwait([INT], NULL, NULL, 8) = 2 (SIGINT)");
    EXPECT_EQ(whole({__NR_tgkill, {1, 2, SIGKILL}, 0}), "tgkill(1, 2, SIGKILL) = 0");
}

TEST(CallTest, SignalInformation) {
    const auto text = [](auto change) {
        siginfo_t information{};
        change(information);
        return text_of([&](TextSink& out) { write_signal_information(out, information); });
    };
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGSEGV, i.si_code = SEGV_MAPERR; }), "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}");
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGFPE, i.si_code = FPE_INTDIV, i.si_addr = reinterpret_cast<void*>(16); }),
              "{si_signo=SIGFPE, si_code=FPE_INTDIV, si_addr=0x10}");
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGUSR1, i.si_code = SI_USER, i.si_pid = 1; }),
              "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=1, si_uid=0}");
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGSEGV, i.si_code = SI_KERNEL; }), "{si_signo=SIGSEGV, si_code=SI_KERNEL}");
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGALRM, i.si_code = SI_TIMER, i.si_timerid = 2, i.si_value.sival_int = 16; }),
              "{si_signo=SIGALRM, si_code=SI_TIMER, si_timerid=2, si_overrun=0, si_value=0x10}");
    EXPECT_EQ(text([](siginfo_t& i) { i.si_signo = SIGCHLD, i.si_code = -77; }), "{si_signo=SIGCHLD, si_code=-77, si_pid=0, si_uid=0}");
}

TEST(CallTest, Clone) {
    UserMemory memory;
    EXPECT_EQ(whole({__NR_clone, {CLONE_VM | CLONE_FS | SIGCHLD, 0x1000, 0x2000, 0x3000, 0x4000}, 2}),
              "clone(child_stack=0x1000, flags=CLONE_VM|CLONE_FS|SIGCHLD, parent_tid=0x2000, child_tidptr=0x3000, tls=0x4000) = 2");
    clone_args arguments{};
    arguments.flags = CLONE_VM | CLONE_THREAD;
    arguments.stack = 0x1000;
    arguments.stack_size = 0x2000;
    EXPECT_EQ(whole({__NR_clone3, {memory.put(arguments), 88}, 2}),
              "clone3({flags=CLONE_VM|CLONE_THREAD, child_tid=NULL, parent_tid=NULL, exit_signal=0, stack=0x1000, stack_size=0x2000, tls=NULL}, 88) = 2");
}

TEST(CallTest, Status) {
    UserMemory memory;
    struct stat status{};
    status.st_mode = S_IFREG | 0644;
    status.st_size = 5;
    const uint64_t at = memory.put(status);
    EXPECT_EQ(whole({__NR_fstat, {3, at}, 0}), "fstat(3, {st_mode=S_IFREG|0644, st_size=5, ...}) = 0");
    EXPECT_EQ(whole({__NR_fstat, {3, at}, -EBADF}), "fstat(3, " + hex(at) + ") = -1 EBADF (Bad file descriptor)");
}

TEST(CallTest, Times) {
    UserMemory memory;
    const uint64_t time = memory.put(timespec{1, 5}), left = memory.put(timespec{0, 7}, 64);
    EXPECT_EQ(whole({__NR_nanosleep, {time, left}, 0}), "nanosleep({tv_sec=1, tv_nsec=5}, " + hex(left) + ") = 0");
    EXPECT_EQ(whole({__NR_nanosleep, {time, left}, -EINTR}), "nanosleep({tv_sec=1, tv_nsec=5}, {tv_sec=0, tv_nsec=7}) = -1 EINTR (Interrupted system call)");
    EXPECT_EQ(whole({__NR_clock_gettime, {CLOCK_REALTIME, time}, 0}), "clock_gettime(CLOCK_REALTIME, {tv_sec=1, tv_nsec=5}) = 0");
    const itimerspec setting{{0, 0}, {2, 0}};
    EXPECT_EQ(whole({__NR_timerfd_settime, {3, 0, memory.put(setting), 0}, 0}),
              "timerfd_settime(3, 0, {it_interval={tv_sec=0, tv_nsec=0}, it_value={tv_sec=2, tv_nsec=0}}, NULL) = 0");
}

TEST(CallTest, Others) {
    UserMemory memory;
    EXPECT_EQ(whole({__NR_prctl, {PR_SET_NAME, memory.put_text("worker"), 9, 9, 9}, 0}), "prctl(PR_SET_NAME, \"worker\") = 0");
    EXPECT_EQ(whole({__NR_sched_getscheduler, {0}, 1}), "sched_getscheduler(0) = 1 (SCHED_FIFO)");
    EXPECT_EQ(whole({__NR_sched_getaffinity, {0, 128, memory.put(uint64_t{5})}, 8}), "sched_getaffinity(0, 128, [0 2]) = 8");
    EXPECT_EQ(whole({__NR_getcwd, {memory.put_text("/tmp"), 100}, 5}), "getcwd(\"/tmp\", 100) = 5");
    EXPECT_EQ(whole({__NR_preadv2, {3, 0x10, 0, 7, 0, 0}, 0}), "preadv2(3, [], 0, 7, 0) = 0");
    EXPECT_EQ(whole({__NR_umask, {022}, 077}), "umask(022) = 077");
    EXPECT_EQ(whole({__NR_mount, {memory.put_text("none"), memory.put_text("/x", 8), memory.put_text("tmpfs", 16), 3, 0}, 0}),
              "mount(\"none\", \"/x\", \"tmpfs\", MS_RDONLY|MS_NOSUID, NULL) = 0");
    EXPECT_EQ(whole({__NR_umount2, {memory.put_text("/x"), 2}, 0}), "umount2(\"/x\", MNT_DETACH) = 0");
    EXPECT_EQ(whole({__NR_lseek, {3, ~uint64_t{0}, SEEK_CUR}, 5}), "lseek(3, -1, SEEK_CUR) = 5");
}

// Whatever a program hands over, each call is shown, and nothing is read that is not there.
TEST(CallTest, WildArguments) {
    UserMemory memory;
    memory.put(std::array<uint64_t, 4>{~uint64_t{0}, 8, memory.address(), ~uint64_t{0}});
    const uint64_t wild[] = {0, 1, 8, ~uint64_t{0}, uint64_t{1} << 63, memory.address(), memory.end() - 1, memory.end() - 8, 0x4000'0000'0000};
    for (uint64_t number = 0; number < 512; ++number) {
        for (const uint64_t a : wild) {
            for (const uint64_t b : wild) {
                for (const int64_t result : {int64_t{0}, int64_t{1}, int64_t{-EFAULT}, INT64_MAX, INT64_MIN}) {
                    const std::string text = whole({number, {a, b, a, b, a, b}, result});
                    EXPECT_NE(text.find("("), std::string::npos);
                    EXPECT_NE(text.find(" = "), std::string::npos) << text;
                    EXPECT_EQ(text.find('\n'), std::string::npos);
                }
            }
        }
    }
}

}  // namespace

}  // namespace eremite::trace
