// Stream sockets and signals: SIGPIPE, interrupted waits and whether they begin again; several messages in one call.
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "show.hpp"

namespace {

constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
const char* const names[] = {"stream", "datagram", "packets"};

std::atomic<int> pipe_signals{0}, interruptions{0};
int pipe_code = 0;
bool from_self = false;

struct Pair {
    explicit Pair(int type) {
        if (::socketpair(AF_UNIX, type, 0, ends) < 0) std::printf("no pair\n");
    }
    ~Pair() {
        for (const int end : ends) ::close(end);
    }
    int ends[2];
};

void show_sent(const char* what, long result) {
    show(what, result);
    std::printf("signals %d\n", pipe_signals.exchange(0));
}

void broken(int type) {
    Pair p{type};
    ::close(p.ends[1]);
    show_sent("write", ::write(p.ends[0], "a", 1));
    show_sent("send", ::send(p.ends[0], "a", 1, 0));
    show_sent("no signal", ::send(p.ends[0], "a", 1, MSG_NOSIGNAL));
    show_sent("not waiting", ::send(p.ends[0], "a", 1, MSG_DONTWAIT));
    show_sent("nothing", ::send(p.ends[0], "", 0, 0));
    iovec piece{const_cast<char*>("ab"), 2};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    show_sent("message", ::sendmsg(p.ends[0], &message, 0));
    show_sent("vector", ::writev(p.ends[0], &piece, 1));
    Pair shut{type};
    ::shutdown(shut.ends[0], SHUT_WR);
    show_sent("own end", ::write(shut.ends[0], "a", 1));
    Pair deaf{type};
    ::shutdown(deaf.ends[1], SHUT_RD);
    show_sent("peer's end", ::write(deaf.ends[0], "a", 1));
    p.ends[1] = -1;
}

// The peer goes while a write waits: what was written counts, and the next write is told.
void broken_while_waiting() {
    Pair p{SOCK_STREAM};
    const std::vector<char> much(4 << 20);
    long first = 0;
    std::thread writer{[&] { first = ::write(p.ends[0], much.data(), much.size()); }};
    std::vector<char> some(100'000);
    ::recv(p.ends[1], some.data(), some.size(), MSG_WAITALL);
    ::close(p.ends[1]);
    writer.join();
    std::printf("a part: %d, signals %d\n", first > 0 && first < static_cast<long>(much.size()), pipe_signals.exchange(0));
    show_sent("again", ::write(p.ends[0], "a", 1));
    p.ends[1] = -1;
}

void install(bool restart) {
    struct sigaction action{};
    action.sa_handler = [](int) { ++interruptions; };
    action.sa_flags = restart ? SA_RESTART : 0;
    ::sigaction(SIGUSR1, &action, nullptr);
}

void set_timeouts(int socket) {
    const timeval time{1000, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

// Interrupts a call on the first socket until it has ended; `help`: makes it end well once it was interrupted a few times.
template <typename Call, typename Help>
void interrupt(const char* what, Call call, Help help) {
    std::atomic<bool> done{false};
    long result = 0;
    int error = 0;
    interruptions = 0;
    std::thread caller{[&] {
        result = call();
        error = errno;
        done = true;
    }};
    while (!done) {
        ::pthread_kill(caller.native_handle(), SIGUSR1);
        ::usleep(1000);
        if (interruptions > 3) help();
    }
    caller.join();
    errno = error;
    show(what, result);
}

void interrupted(int type, bool restart, bool timeout) {
    std::printf("restart %d, timeout %d\n", restart, timeout);
    install(restart);
    Pair p{type};
    const int mine = p.ends[0], peer = p.ends[1];
    if (timeout) set_timeouts(mine);
    const auto feed = [&, fed = false]() mutable {
        if (restart && !timeout && !fed) fed = ::send(peer, "ab", 2, MSG_DONTWAIT) == 2;
    };
    char bytes[2];
    interrupt("read", [&] { return ::read(mine, bytes, 2); }, feed);
    interrupt("recv", [&] { return ::recv(mine, bytes, 2, 0); }, feed);
    iovec piece{bytes, 2};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    interrupt("recvmsg", [&] { return ::recvmsg(mine, &message, 0); }, feed);
    mmsghdr one{message, 0};
    interrupt("recvmmsg", [&] { return static_cast<long>(::recvmmsg(mine, &one, 1, 0, nullptr)); }, feed);
    while (::send(mine, "0123456789", 10, MSG_DONTWAIT) > 0) {
    }
    std::vector<char> room(1 << 20);
    // Room for what is sent, but for one message only: the next send waits again.
    const auto drain = [&] {
        if (restart && !timeout) ::recv(peer, room.data(), room.size(), MSG_DONTWAIT);
    };
    const auto fill = [&] {
        while (::send(mine, "0123456789", 10, MSG_DONTWAIT) > 0) {
        }
    };
    interrupt("write", [&] { return ::write(mine, "ab", 2); }, drain);
    fill();
    interrupt("send", [&] { return ::send(mine, "ab", 2, 0); }, drain);
    fill();
    interrupt("sendmsg", [&] { return ::sendmsg(mine, &message, 0); }, drain);
    fill();
    interrupt("sendmmsg", [&] { return static_cast<long>(::sendmmsg(mine, &one, 1, 0)); }, drain);
}

struct Messages {
    explicit Messages(size_t size) : bytes(8 * size) {
        for (size_t i = 0; i < 8; ++i) {
            pieces[i] = {bytes.data() + i * size, size};
            list[i].msg_hdr.msg_iov = &pieces[i];
            list[i].msg_hdr.msg_iovlen = 1;
        }
    }
    void show_list(long count) {
        for (long i = 0; i < count; ++i)
            std::printf("  %u \"%.*s\" %#x\n", list[i].msg_len, static_cast<int>(list[i].msg_len), static_cast<char*>(pieces[i].iov_base),
                        static_cast<unsigned>(list[i].msg_hdr.msg_flags));
    }
    std::vector<char> bytes;
    iovec pieces[8];
    mmsghdr list[8]{};
};

void several(int type) {
    Pair p{type};
    Messages out{4}, in{4};
    for (size_t i = 0; i < 8; ++i) {
        out.pieces[i].iov_len = i % 4 + 1;
        std::fill_n(static_cast<char*>(out.pieces[i].iov_base), 4, static_cast<char>('a' + i));
    }
    show("send none", ::sendmmsg(p.ends[0], out.list, 0, 0));
    show("send", ::sendmmsg(p.ends[0], out.list, 6, 0));
    std::printf("lengths %u %u %u, unset %u\n", out.list[0].msg_len, out.list[1].msg_len, out.list[5].msg_len, out.list[6].msg_len);
    show("receive none", ::recvmmsg(p.ends[1], in.list, 0, 0, nullptr));
    in.show_list(show("receive", ::recvmmsg(p.ends[1], in.list, 2, 0, nullptr)));
    in.show_list(show("what is there", ::recvmmsg(p.ends[1], in.list, 8, MSG_WAITFORONE, nullptr)));
    show("nothing", ::recvmmsg(p.ends[1], in.list, 8, MSG_DONTWAIT, nullptr));
    ::sendmmsg(p.ends[0], out.list, 6, 0);
    timespec none{}, wrong{0, 2'000'000'000};
    in.show_list(show("time is up", ::recvmmsg(p.ends[1], in.list, 8, 0, &none)));
    timespec long_time{1000, 0};
    in.show_list(show("in time", ::recvmmsg(p.ends[1], in.list, 1, 0, &long_time)));
    std::printf("some time passed: %d\n", long_time.tv_sec == 999);
    show("wrong time", ::recvmmsg(p.ends[1], in.list, 8, 0, &wrong));
    out.list[1].msg_hdr.msg_iov = nullptr;
    show("bad one behind", ::sendmmsg(p.ends[0], out.list, 3, 0));
    out.list[0].msg_hdr.msg_iov = nullptr;
    show("bad one", ::sendmmsg(p.ends[0], out.list, 3, 0));
    show("no socket", ::sendmmsg(0, out.list, 3, 0));
    show("closed", ::recvmmsg(77, in.list, 3, 0, nullptr));
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* information, void*) {
        ++pipe_signals;
        pipe_code = information->si_code;
        from_self = information->si_pid == ::getpid();
    };
    ::sigaction(SIGPIPE, &action, nullptr);
    for (size_t i = 0; i < 3; ++i) {
        std::printf("--- %s\n", names[i]);
        broken(types[i]);
        several(types[i]);
        interrupted(types[i], false, false);
        interrupted(types[i], true, false);
        interrupted(types[i], true, true);
    }
    broken_while_waiting();
    std::printf("code %d, from self %d\n", pipe_code, from_self);
}
