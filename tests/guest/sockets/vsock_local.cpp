// Sockets between machines whose both ends are here (VMADDR_CID_LOCAL): what vsock(7) and socket(7) promise, with threads. Few kernels of Linux have
// such streams, so that this is compared with nothing.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "vsock_address.hpp"

namespace {

int wrong = 0;

void check(const char* what, long found, long wanted) {
    if (found == wanted) return;
    std::printf("%s: %ld, not %ld (%s)\n", what, found, wanted, std::strerror(errno));
    wrong = 1;
}
void check_error(const char* what, long found, int error) {
    if (found == -1 && errno == error) return;
    std::printf("%s: %ld, %s; not %s\n", what, found, std::strerror(errno), std::strerror(error));
    wrong = 1;
}

struct Listener {
    explicit Listener(int backlog = 8, uint64_t buffer = 0) {
        if (buffer != 0) check("buffer", ::setsockopt(socket, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &buffer, sizeof buffer), 0);
        check("bind", bind_to(socket, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)), 0);
        check("listen", ::listen(socket, backlog), 0);
        port = as_vsock(name_of(socket)).svm_port;
    }
    Socket socket{AF_VSOCK, SOCK_STREAM};
    uint32_t port;
};
struct Pair {
    explicit Pair(uint64_t buffer = 0) {
        const Listener listener{8, buffer};
        check("connect", connect_to(near, vsock_address(VMADDR_CID_LOCAL, listener.port)), 0);
        far = Socket{::accept(listener.socket, nullptr, nullptr)};
        port = listener.port;
    }
    Socket near{AF_VSOCK, SOCK_STREAM}, far{-1};
    uint32_t port;
};
uint32_t events(int s) {
    pollfd p{s, POLLIN | POLLOUT | POLLRDHUP, 0};
    ::poll(&p, 1, 0);
    return static_cast<uint32_t>(p.revents);
}

void names() {
    const Pair p;
    check("name of the far end", as_vsock(name_of(p.far)).svm_port, p.port);
    check("and its number", as_vsock(name_of(p.far)).svm_cid, VMADDR_CID_LOCAL);
    check("peer of the near end", as_vsock(peer_of(p.near)).svm_port, p.port);
    check("peer of the far end", as_vsock(peer_of(p.far)).svm_port, as_vsock(name_of(p.near)).svm_port);
    check_error("connect twice", connect_to(p.near, vsock_address(VMADDR_CID_LOCAL, p.port)), EISCONN);
    check_error("listen when connected", ::listen(p.near, 1), EINVAL);
    check_error("bind when connected", bind_to(p.near, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)), EINVAL);
}

void refusals() {
    const Socket s{AF_VSOCK, SOCK_STREAM};
    check_error("nobody listens", connect_to(s, vsock_address(VMADDR_CID_LOCAL, 999)), ECONNRESET);
    check("no error is left", events(s), POLLOUT);
    check_error("and again", connect_to(s, vsock_address(VMADDR_CID_LOCAL, 999)), ECONNRESET);
    const Socket waits_not{AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK};
    check_error("without waiting", connect_to(waits_not, vsock_address(VMADDR_CID_LOCAL, 999)), EINPROGRESS);
    check("an error", events(waits_not) & POLLERR, POLLERR);
    int error = 0;
    socklen_t size = sizeof error;
    check("asked for it", ::getsockopt(waits_not, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    check("the error", error, ECONNRESET);
    Listener listener{1};
    Socket one{AF_VSOCK, SOCK_STREAM}, two{AF_VSOCK, SOCK_STREAM}, three{AF_VSOCK, SOCK_STREAM};
    check("first", connect_to(one, vsock_address(VMADDR_CID_LOCAL, listener.port)), 0);
    check("second", connect_to(two, vsock_address(VMADDR_CID_LOCAL, listener.port)), 0);
    check_error("one too many", connect_to(three, vsock_address(VMADDR_CID_LOCAL, listener.port)), ECONNRESET);
    listener.socket.close();
    char byte;
    check("those who waited", ::read(one, &byte, 1), 0);
}

void data() {
    const Pair p;
    char buffer[100];
    check_error("nothing", ::recv(p.far, buffer, 10, MSG_DONTWAIT), EAGAIN);
    check("send", ::send(p.near, "abcdef", 6, 0), 6);
    check("peek", ::recv(p.far, buffer, 4, MSG_PEEK), 4);
    check("peek more", ::recv(p.far, buffer, 100, MSG_PEEK), 6);
    int bytes = 0;
    check("ioctl", ::ioctl(p.far, FIONREAD, &bytes), 0);
    check("bytes", bytes, 6);
    check("part", ::recv(p.far, buffer, 4, 0), 4);
    check("the same", std::memcmp(buffer, "abcd", 4), 0);
    std::thread later{[&p] {
        for (const char* piece : {"gh", "ij"}) check("send", ::send(p.near, piece, 2, 0), 2);
    }};
    check("all", ::recv(p.far, buffer, 6, MSG_WAITALL), 6);
    check("the same", std::memcmp(buffer, "efghij", 6), 0);
    later.join();
    const timeval soon{0, 20'000};
    check("timeout", ::setsockopt(p.far, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    check_error("in vain", ::recv(p.far, buffer, 1, 0), EAGAIN);
    check_error("bad memory", ::send(p.near, nullptr, 10, 0), EFAULT);
    check_error("to an address", ::sendto(p.near, "x", 1, 0, vsock_address(1, 1).get(), sizeof(sockaddr_vm)), EISCONN);
    check("none", ::send(p.near, "", 0, 0), 0);
}

void ends() {
    {
        Pair p;
        check("send", ::send(p.near, "last", 4, 0), 4);
        check("shutdown", ::shutdown(p.near, SHUT_WR), 0);
        check_error("send after that", ::send(p.near, "x", 1, MSG_NOSIGNAL), EPIPE);
        check_error("peer after that", find_peer(p.near), ENOTCONN);
        char buffer[10];
        check("data and the end", events(p.far), POLLIN | POLLOUT | POLLRDHUP);
        check("rest", ::read(p.far, buffer, 10), 4);
        check("end", ::read(p.far, buffer, 10), 0);
        check("answer", ::send(p.far, "yes", 3, 0), 3);
        check("answer", ::read(p.near, buffer, 10), 3);
        p.far.close();
        check("end", ::read(p.near, buffer, 10), 0);
        check("both have ended", events(p.near), POLLIN | POLLRDHUP | POLLHUP);
    }
    Pair p;
    check("send", ::send(p.far, "last", 4, 0), 4);
    p.far.close();
    static std::atomic<int> signals;
    std::signal(SIGPIPE, [](int) { ++signals; });
    check_error("send to nobody", ::send(p.near, "x", 1, 0), EPIPE);
    check("signal", signals, 1);
    char buffer[10];
    check("what came before", ::read(p.near, buffer, 10), 4);
    check("end", ::read(p.near, buffer, 10), 0);
}

void readiness() {
    const Pair p{4096};
    const int epoll = ::epoll_create1(0);
    epoll_event e{EPOLLIN | EPOLLOUT | EPOLLET, {}};
    check("add", ::epoll_ctl(epoll, EPOLL_CTL_ADD, p.near, &e), 0);
    check("writable", ::epoll_wait(epoll, &e, 1, 0), 1);
    check("once", ::epoll_wait(epoll, &e, 1, 0), 0);
    check("nonblocking", ::fcntl(p.near, F_SETFL, O_NONBLOCK), 0);
    char buffer[4096]{};
    long sent = 0;
    for (long count; (count = ::send(p.near, buffer, 1000, 0)) > 0;) sent += count;
    check_error("full", ::send(p.near, buffer, 1, 0), EAGAIN);
    check("as much as the other end keeps", sent, 4096);
    check("not writable", events(p.near), 0);
    while (::epoll_wait(epoll, &e, 1, 0) == 1) {
    }
    check("read", ::read(p.far, buffer, sizeof buffer), 4096);
    check("an edge", ::epoll_wait(epoll, &e, 1, 10'000), 1);
    check("writable", e.events, EPOLLOUT);
    ::close(epoll);
    Listener listener;
    const Socket asks{AF_VSOCK, SOCK_STREAM};
    std::thread client{[&] { check("connect", connect_to(asks, vsock_address(VMADDR_CID_LOCAL, listener.port)), 0); }};
    check("somebody came", await(listener.socket, POLLIN), 1);
    client.join();
}

// Many streams at once, whose ends are read and written by threads.
void traffic() {
    constexpr int threads = 4, rounds = 25;
    constexpr size_t size = 100'000;
    Listener listener{threads, 10'000};
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                Socket s{AF_VSOCK, SOCK_STREAM};
                if (connect_to(s, vsock_address(VMADDR_CID_LOCAL, listener.port)) != 0) return check("connect", -1, 0);
                std::vector<char> bytes(size);
                for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>(at * 7 + static_cast<size_t>(i));
                std::thread writer{[&] {
                    check("send", ::send(s, bytes.data(), size, MSG_NOSIGNAL), size);
                    ::shutdown(s, SHUT_WR);
                }};
                std::vector<char> back(size + 1);
                check("receive", ::recv(s, back.data(), back.size(), MSG_WAITALL), size);
                check("the same", std::memcmp(bytes.data(), back.data(), size), 0);
                writer.join();
            }
        });
    std::vector<std::thread> echoes;
    for (int i = 0; i < threads * rounds; ++i) {
        const int accepted = ::accept(listener.socket, nullptr, nullptr);
        echoes.emplace_back([accepted] {
            const Socket s{accepted};
            char buffer[5000];
            for (ssize_t count; (count = ::read(s, buffer, sizeof buffer)) > 0;) check("echo", ::send(s, buffer, static_cast<size_t>(count), 0), count);
        });
    }
    for (std::thread& thread : all) thread.join();
    for (std::thread& thread : echoes) thread.join();
}

void device() {
    const int file = ::open("/dev/vsock", O_RDONLY);
    check("open", file >= 0, 1);
    uint32_t number = 0;
    check("ask", ::ioctl(file, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &number), 0);
    check("this machine's number", number, VMADDR_CID_LOCAL);
    ::close(file);
    const Socket s{AF_VSOCK, SOCK_STREAM};
    check_error("another machine", connect_to(s, vsock_address(7777, 1)), ENODEV);
}

}  // namespace

int main() {
    names();
    refusals();
    data();
    ends();
    readiness();
    traffic();
    device();
    if (wrong == 0) std::printf("as it should be\n");
    return wrong;
}
