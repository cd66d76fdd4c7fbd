#pragma once
// What the programs of this folder print must be the same in the virtual machine and as a Linux process in a network namespace of its own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "../waiting/show.hpp"

// A socket that closes itself.
class Socket {
public:
    explicit Socket(int descriptor) : descriptor_{descriptor} {}
    Socket(int domain, int type, int protocol = 0) : descriptor_{::socket(domain, type, protocol)} {}
    Socket(Socket&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~Socket() { close(); }
    operator int() const { return descriptor_; }
    void close() {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

private:
    int descriptor_;
};

// An address of any family.
struct Address {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
    sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
    // Both families have it in the same place.
    in_port_t& port() { return v4().sin_port; }
    // Without the port, which differs from run to run.
    std::string text() {
        char name[INET6_ADDRSTRLEN] = "?";
        if (storage.ss_family == AF_INET) inet_ntop(AF_INET, &v4().sin_addr, name, sizeof name);
        else if (storage.ss_family == AF_INET6) inet_ntop(AF_INET6, &v6().sin6_addr, name, sizeof name);
        else return "family " + std::to_string(storage.ss_family);
        return name;
    }
};

inline Address address_of(const char* text, uint16_t port = 0) {
    Address a;
    if (inet_pton(AF_INET, text, &a.v4().sin_addr) == 1) {
        a.storage.ss_family = AF_INET;
        a.size = sizeof(sockaddr_in);
    } else {
        a.storage.ss_family = AF_INET6;
        a.size = sizeof(sockaddr_in6);
        if (inet_pton(AF_INET6, text, &a.v6().sin6_addr) != 1) std::printf("bad address %s\n", text);
    }
    a.port() = htons(port);
    return a;
}

inline int bind_to(int s, const Address& a) { return ::bind(s, a.get(), a.size); }
inline int connect_to(int s, const Address& a) { return ::connect(s, a.get(), a.size); }
inline Address name_of(int s) {
    Address a;
    if (::getsockname(s, a.get(), &a.size) < 0) std::printf("getsockname: %s\n", std::strerror(errno));
    return a;
}
inline Address peer_of(int s) {
    Address a;
    if (::getpeername(s, a.get(), &a.size) < 0) std::printf("getpeername: %s\n", std::strerror(errno));
    return a;
}

inline int find_peer(int s) {
    Address a;
    return ::getpeername(s, a.get(), &a.size);
}

inline void show_option(const char* what, int s, int level, int name) {
    int value = -77;
    socklen_t size = sizeof value;
    if (::getsockopt(s, level, name, &value, &size) < 0) std::printf("%s: %s\n", what, std::strerror(errno));
    else std::printf("%s: %d (%u bytes)\n", what, value, size);
}
inline int set_option(int s, int level, int name, int value) { return ::setsockopt(s, level, name, &value, sizeof value); }

// Events that are there, or come within `milliseconds`.
inline void show_events(const char* what, int s, int milliseconds = 0, short wanted = POLLIN | POLLOUT | POLLPRI | POLLRDHUP) {
    pollfd p{s, wanted, 0};
    ::poll(&p, 1, milliseconds);
    std::printf("%s: %#x\n", what, static_cast<unsigned>(p.revents));
}
inline bool await(int s, short events) {
    pollfd p{s, events, 0};
    return ::poll(&p, 1, 10'000) == 1;
}
inline void show_received(const char* what, int s, size_t size, int flags = MSG_DONTWAIT) {
    char buffer[256];
    const ssize_t n = ::recv(s, buffer, size, flags);
    const int error = errno;
    if (n < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: %zd \"%.*s\"\n", what, n, static_cast<int>(std::min<ssize_t>(n, static_cast<ssize_t>(size))), buffer);
}

// What recvmsg() fills: some data, and control data as far as there is room for them.
struct Message {
    explicit Message(size_t control = sizeof room) {
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = room;
        header.msg_controllen = control;
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    [[nodiscard]] ssize_t receive(int s, int flags = 0) { return ::recvmsg(s, &header, flags); }
    [[nodiscard]] cmsghdr* first() { return CMSG_FIRSTHDR(&header); }

    char data[64];
    alignas(cmsghdr) char room[256]{};
    iovec vector{data, sizeof data};
    msghdr header{};
};

// A TCP server on any port, and one connection to it.
struct Server {
    explicit Server(const char* address, int backlog = 8) : address_text{address}, listener{make(address)} {
        if (bind_to(listener, address_of(address)) < 0 || ::listen(listener, backlog) < 0) std::printf("no server on %s\n", address);
        at = name_of(listener);
    }
    static Socket make(const char* address) { return Socket{address_of(address).storage.ss_family, SOCK_STREAM}; }
    std::string address_text;
    Socket listener;
    Address at;
};
struct Connection {
    explicit Connection(const char* address = "127.0.0.1") : Connection{Server{address}} {}
    explicit Connection(Server&& server) : client{Server::make(server.address_text.c_str())}, peer{-1} {
        if (connect_to(client, server.at) < 0) std::printf("no connection: %s\n", std::strerror(errno));
        peer = Socket{::accept(server.listener, nullptr, nullptr)};
        if (peer < 0) std::printf("nobody came\n");
    }
    Socket client, peer;
};
