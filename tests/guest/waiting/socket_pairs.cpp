// socketpair of every type: data, ends, options, waiting, passing of files, and every error.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

#include "show.hpp"

namespace {

constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
const char* const names[] = {"stream", "datagram", "packets"};

struct Pair {
    explicit Pair(int type) {
        int both[2];
        if (::socketpair(AF_UNIX, type, 0, both) < 0) std::printf("no pair\n");
        a = both[0];
        b = both[1];
    }
    ~Pair() {
        close_a();
        close_b();
    }
    void close_a() {
        if (a >= 0) ::close(a);
        a = -1;
    }
    void close_b() {
        if (b >= 0) ::close(b);
        b = -1;
    }
    int a, b;
};

void show_events(const char* what, int descriptor) {
    pollfd p{descriptor, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND, 0};
    ::poll(&p, 1, 0);
    std::printf("%s: %#x\n", what, static_cast<unsigned>(p.revents));
}

void show_received(const char* what, int descriptor, size_t size, int flags = 0) {
    char buffer[200];
    const ssize_t n = ::recv(descriptor, buffer, size, flags | MSG_DONTWAIT);
    const int error = errno;
    if (n < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: %zd \"%.*s\"\n", what, n, static_cast<int>(std::min<ssize_t>(n, static_cast<ssize_t>(size))), buffer);
}

void data(int type) {
    Pair p{type};
    show_events("fresh", p.a);
    show_received("nothing", p.a, 10);
    show("send", ::send(p.a, "hello", 5, 0));
    show("write", ::write(p.a, "world", 5));
    show_events("ready", p.b);
    int waiting = -1;
    show("bytes", ::ioctl(p.b, FIONREAD, &waiting));
    std::printf("%d\n", waiting);
    show_received("peek", p.b, 3, MSG_PEEK);
    show_received("peek, whole size", p.b, 3, MSG_PEEK | MSG_TRUNC);
    show_received("short", p.b, 3);
    show_received("rest", p.b, 100);
    show_received("end", p.b, 100);
    show("empty", ::send(p.b, "", 0, 0));
    show_events("after empty", p.a);
    show_received("empty", p.a, 100);
    // Several pieces of memory.
    char parts[2][4]{};
    iovec out[2] = {{const_cast<char*>("abc"), 3}, {const_cast<char*>("defg"), 4}}, in[2] = {{parts[0], 2}, {parts[1], 3}};
    show("writev", ::writev(p.a, out, 2));
    show("readv", ::readv(p.b, in, 2));
    std::printf("%.2s %.3s\n", parts[0], parts[1]);
    msghdr message{};
    message.msg_iov = in;
    message.msg_iovlen = 2;
    show("send again", ::send(p.a, "0123456789", 10, MSG_EOR));
    show("recvmsg", ::recvmsg(p.b, &message, MSG_DONTWAIT));
    std::printf("flags %#x, name %u, control %zu\n", static_cast<unsigned>(message.msg_flags), message.msg_namelen, message.msg_controllen);
    struct stat status;
    ::fstat(p.a, &status);
    std::printf("is a socket: %d\n", S_ISSOCK(status.st_mode));
    show("seek", ::lseek(p.a, 0, SEEK_CUR));
    show("out of band", ::recv(p.a, parts, 1, MSG_OOB | MSG_DONTWAIT));
    show("bad memory", ::send(p.a, reinterpret_cast<char*>(8), 5, 0));
    show("bad memory", ::syscall(SYS_recvfrom, p.a, 0xffff800000000000L, 10, 0, nullptr, nullptr));
}

void ends(int type) {
    {
        Pair p{type};
        ::send(p.a, "last", 4, 0);
        p.close_a();
        show_events("peer closed, data", p.b);
        show_received("data", p.b, 100);
        if (type != SOCK_DGRAM) show_received("end", p.b, 100);
        show_events("peer closed", p.b);
        show("send", ::send(p.b, "x", 1, MSG_NOSIGNAL));
    }
    {
        Pair p{type};
        ::send(p.a, "unread", 6, 0);
        p.close_b();
        show_events("peer closed, unread", p.a);
        if (type != SOCK_DGRAM) {
            show_received("reset", p.a, 100);
            show_received("then the end", p.a, 100);
        }
        show_events("after", p.a);
    }
    {
        Pair p{type};
        ::send(p.a, "before", 6, 0);
        show("shutdown", ::shutdown(p.a, SHUT_WR));
        show_events("own half", p.a);
        show_events("peer's half", p.b);
        show("send", ::send(p.a, "x", 1, MSG_NOSIGNAL));
        show_received("data", p.b, 100);
        if (type != SOCK_DGRAM) show_received("end", p.b, 100);
        show("other way", ::send(p.b, "back", 4, 0));
        show_received("back", p.a, 100);
        show("shutdown", ::shutdown(p.b, SHUT_WR));
        show_events("both halves", p.a);
        show_events("both halves", p.b);
    }
    {
        Pair p{type};
        show("shutdown of reading", ::shutdown(p.a, SHUT_RD));
        show_events("own half", p.a);
        show_events("peer's half", p.b);
        show("send", ::send(p.b, "x", 1, MSG_NOSIGNAL));
        show("bad shutdown", ::shutdown(p.a, 3));
    }
}

void options(int type) {
    Pair p{type};
    const struct {
        const char* name;
        int option;
    } list[] = {{"type", SO_TYPE}, {"error", SO_ERROR}, {"domain", SO_DOMAIN}, {"protocol", SO_PROTOCOL}, {"listens", SO_ACCEPTCONN},
                {"keepalive", SO_KEEPALIVE}, {"reuse", SO_REUSEADDR}, {"broadcast", SO_BROADCAST}, {"none", 9999}};
    for (const auto& o : list) {
        int value = -1;
        socklen_t size = sizeof value;
        show(o.name, ::getsockopt(p.a, SOL_SOCKET, o.option, &value, &size));
        std::printf("%d, %u bytes\n", value, size);
    }
    for (int option : {SO_SNDBUF, SO_RCVBUF}) {
        int value = 0, wanted = 10'000;
        socklen_t size = sizeof value;
        show("set size", ::setsockopt(p.a, SOL_SOCKET, option, &wanted, sizeof wanted));
        ::getsockopt(p.a, SOL_SOCKET, option, &value, &size);
        std::printf("%d\n", value);
        wanted = 1;
        ::setsockopt(p.a, SOL_SOCKET, option, &wanted, sizeof wanted);
        ::getsockopt(p.a, SOL_SOCKET, option, &value, &size);
        std::printf("%d\n", value);
    }
    timeval wait{0, 20'000};
    show("timeout", ::setsockopt(p.a, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait));
    char c;
    const auto start = std::chrono::steady_clock::now();
    show("receive", ::recv(p.a, &c, 1, 0));
    show_waited("receive", start, 19);
    int value = 0;
    socklen_t size = 2;
    show("short value", ::getsockopt(p.a, SOL_SOCKET, SO_TYPE, &value, &size));
    std::printf("%u bytes\n", size);
    show("set, short", ::setsockopt(p.a, SOL_SOCKET, SO_SNDBUF, &value, 2));
    show("set, bad pointer", ::setsockopt(p.a, SOL_SOCKET, SO_SNDBUF, reinterpret_cast<void*>(8), 4));
    show("set, unknown", ::setsockopt(p.a, SOL_SOCKET, 9999, &value, 4));
    size = sizeof value;
    show("other level", ::getsockopt(p.a, IPPROTO_TCP, 1, &value, &size));
    sockaddr_storage address{};
    size = sizeof address;
    show("name", ::getsockname(p.a, reinterpret_cast<sockaddr*>(&address), &size));
    std::printf("family %d, %u bytes\n", address.ss_family, size);
    size = sizeof address;
    show("peer", ::getpeername(p.a, reinterpret_cast<sockaddr*>(&address), &size));
    std::printf("family %d, %u bytes\n", address.ss_family, size);
}

void errors() {
    int both[2];
    show("no such family", ::socketpair(4711, SOCK_STREAM, 0, both));
    show("no such type", ::socketpair(AF_UNIX, 9, 0, both));
    show("no such protocol", ::socketpair(AF_UNIX, SOCK_STREAM, 77, both));
    show("bad flags", ::socketpair(AF_UNIX, SOCK_STREAM | 0x100000, 0, both));
    show("bad pointer", ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8L));
    const int counter = ::eventfd(0, 0);
    char c;
    show("not a socket", ::send(counter, &c, 1, 0));
    show("not a socket", ::recv(counter, &c, 1, 0));
    show("not a socket", ::shutdown(counter, SHUT_RD));
    show("closed", ::shutdown(700, SHUT_RD));
    ::close(counter);
    show("pair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both));
    show("flags", ::fcntl(both[0], F_GETFL) & O_NONBLOCK);
    show("close on exec", ::fcntl(both[1], F_GETFD));
    show("read", ::read(both[0], &c, 1));
    sockaddr_un name{AF_UNIX, "/nowhere"};
    show("to a name", ::sendto(both[0], "x", 1, 0, reinterpret_cast<sockaddr*>(&name), sizeof name));
    char block[8192]{};
    long total = 0;
    for (ssize_t n; (n = ::write(both[0], block, sizeof block)) > 0;) total += n;
    std::printf("full: %s, more than 64 KiB: %d\n", std::strerror(errno), total > 65536);
    show_events("full", both[0]);
    long drained = 0;
    for (ssize_t n; (n = ::read(both[1], block, sizeof block)) > 0;) drained += n;
    std::printf("all of it: %d\n", drained == total);
    show_events("drained", both[0]);
    ::close(both[0]);
    ::close(both[1]);
    Pair p{SOCK_DGRAM};
    std::string large(500'000, 'x');
    show("too large", ::send(p.a, large.data(), large.size(), 0));
}

void passing_files(int type) {
    Pair p{type};
    int pipe_ends[2];
    ::pipe(pipe_ends);
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))]{};
    iovec one{const_cast<char*>("f"), 1};
    msghdr message{};
    message.msg_iov = &one;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    std::memcpy(CMSG_DATA(header), pipe_ends, sizeof pipe_ends);
    ::send(p.a, "before", 6, 0);
    show("send files", ::sendmsg(p.a, &message, 0));
    ::send(p.a, "behind", 6, 0);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    if (type != SOCK_STREAM) show_received("before", p.b, 6);
    char text[20]{};
    iovec in{text, sizeof text};
    char got[CMSG_SPACE(2 * sizeof(int))]{};
    message = {};
    message.msg_iov = &in;
    message.msg_iovlen = 1;
    message.msg_control = got;
    message.msg_controllen = sizeof got;
    show("receive files", ::recvmsg(p.b, &message, MSG_CMSG_CLOEXEC));
    std::printf("%s, flags %#x, control %zu\n", text, static_cast<unsigned>(message.msg_flags), message.msg_controllen);
    header = CMSG_FIRSTHDR(&message);
    if (header) {
        int received[2];
        std::memcpy(received, CMSG_DATA(header), sizeof received);
        std::printf("level %d, type %d, %zu bytes\n", header->cmsg_level, header->cmsg_type, header->cmsg_len);
        show("close on exec", ::fcntl(received[0], F_GETFD));
        show("write through it", ::write(received[1], "through", 7));
        char back[8]{};
        show("read through it", ::read(received[0], back, 7));
        std::printf("%s\n", back);
        ::close(received[0]);
        ::close(received[1]);
    }
    show_received("behind", p.b, 10);
    // No room for what came along, and files that nobody receives.
    const int counter = ::eventfd(0, 0);
    message = {};
    message.msg_iov = &one;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &counter, sizeof counter);
    show("send", ::sendmsg(p.a, &message, 0));
    show("send", ::sendmsg(p.a, &message, 0));
    msghdr plain{};
    plain.msg_iov = &in;
    plain.msg_iovlen = 1;
    show("receive", ::recvmsg(p.b, &plain, 0));
    std::printf("flags %#x\n", static_cast<unsigned>(plain.msg_flags));
    const int closed = 777;
    std::memcpy(CMSG_DATA(header), &closed, sizeof closed);
    show("send closed", ::sendmsg(p.a, &message, 0));
    header->cmsg_type = 99;
    show("send unknown", ::sendmsg(p.a, &message, 0));
    header->cmsg_len = 3;
    show("send, bad length", ::sendmsg(p.a, &message, 0));
    ::close(counter);
}

// More than fits, both ways at once.
void streams(int type) {
    Pair p{type};
    constexpr size_t total = 1'000'000, piece = 3'000;
    const auto write_all = [&](int to) {
        std::string block(piece, 0);
        for (size_t done = 0; done < total; done += piece) {
            for (size_t i = 0; i < piece; ++i) block[i] = static_cast<char>((done + i) * 31 / 7);
            for (size_t sent = 0; sent < piece;) {
                const ssize_t n = ::write(to, block.data() + sent, piece - sent);
                if (n <= 0) return;
                sent += static_cast<size_t>(n);
            }
        }
        ::shutdown(to, SHUT_WR);
    };
    const auto read_all = [&](int from) {
        size_t at = 0, wrong = 0;
        char block[7001];
        while (at < (total + piece - 1) / piece * piece) {
            pollfd r{from, POLLIN, 0};
            ::poll(&r, 1, -1);
            const ssize_t n = ::recv(from, block, sizeof block, MSG_DONTWAIT);
            if (n <= 0) break;
            for (ssize_t i = 0; i < n; ++i) wrong += block[i] != static_cast<char>((at + static_cast<size_t>(i)) * 31 / 7);
            at += static_cast<size_t>(n);
        }
        return at * 10 + (wrong != 0);
    };
    size_t there = 0, back = 0;
    std::thread t1{[&] { write_all(p.a); }}, t2{[&] { write_all(p.b); }}, t3{[&] { there = read_all(p.b); }};
    back = read_all(p.a);
    t1.join();
    t2.join();
    t3.join();
    std::printf("arrived: %zu %zu\n", there, back);
}

// A waiting thread is woken by the end.
void wakes_at_the_end(int type) {
    Pair p{type};
    char c;
    long got = -1;
    std::thread reader{[&] { got = ::recv(p.a, &c, 1, 0); }};
    ::shutdown(p.a, SHUT_RDWR);
    reader.join();
    show("woken", got);
    Pair all{SOCK_STREAM};
    char text[9]{};
    std::thread slow{[&] {
        for (const char* word : {"one", "two", "six"}) ::write(all.b, word, 3);
    }};
    show("all of it", ::recv(all.a, text, 9, MSG_WAITALL));
    slow.join();
    std::printf("%s\n", text);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    std::signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 3; ++i) {
        std::printf("--- %s\n", names[i]);
        data(types[i]);
        ends(types[i]);
        options(types[i]);
        passing_files(types[i]);
        streams(types[i]);
        wakes_at_the_end(types[i]);
    }
    errors();
}
