#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace eremite::netbench {

namespace {

// A peer that was waited for long enough counts as gone, too.
bool connection_is_over(int error) { return error == EPIPE || error == ECONNRESET || error == ECONNABORTED || error == EAGAIN || error == ETIMEDOUT; }

void set_option(const Socket& socket, int level, int name, int value, const char* what) {
    check(setsockopt(socket.fd(), level, name, &value, sizeof value), what);
}

}  // namespace

void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

Socket::~Socket() {
    if (fd_ >= 0) close(fd_);
}

Address Address::parse(const std::string& text, uint16_t port) {
    Address address;
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        address.length = sizeof v4;
    } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        address.length = sizeof v6;
    } else {
        throw std::invalid_argument{text + " is no address of IPv4 or IPv6"};
    }
    return address.with_port(port);
}

Address Address::with_port(uint16_t port) const {
    Address answer = *this;
    if (storage.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(answer.storage).sin6_port = htons(port);
    else reinterpret_cast<sockaddr_in&>(answer.storage).sin_port = htons(port);
    return answer;
}

Socket connect_to(const Address& address, int type) {
    Socket socket{check(::socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0), "socket")};
    check(connect(socket.fd(), address.get(), address.length), "connect");
    return socket;
}

Socket listen_on(const Address& address) {
    constexpr int backlog = 511;
    Socket socket{check(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    check(bind(socket.fd(), address.get(), address.length), "bind");
    check(listen(socket.fd(), backlog), "listen");
    return socket;
}

Socket datagrams_at(const Address& address) {
    Socket socket{check(::socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")};
    const Address any = address.with_port(0);
    check(bind(socket.fd(), any.get(), any.length), "bind");
    return socket;
}

uint16_t local_port(const Socket& socket) {
    Address address;
    check(getsockname(socket.fd(), address.get(), &address.length), "getsockname");
    const bool v6 = address.storage.ss_family == AF_INET6;
    return ntohs(v6 ? reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port : reinterpret_cast<sockaddr_in&>(address.storage).sin_port);
}

void no_delay(const Socket& socket) { set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); }

void congestion_control(const Socket& socket, const std::string& name) {
    if (name.empty()) return;
    check(setsockopt(socket.fd(), IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())), "TCP_CONGESTION");
}

void receive_timeout(const Socket& socket, int milliseconds) {
    const timeval time{milliseconds / 1000, milliseconds % 1000 * 1000};
    check(setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), "SO_RCVTIMEO");
}

size_t read_some(const Socket& socket, std::span<std::byte> data) {
    for (;;) {
        const ssize_t count = recv(socket.fd(), data.data(), data.size(), 0);
        if (count >= 0) return static_cast<size_t>(count);
        if (connection_is_over(errno)) return 0;
        if (errno != EINTR) fail("recv");
    }
}

bool read_all(const Socket& socket, std::span<std::byte> data) {
    while (!data.empty()) {
        const size_t count = read_some(socket, data);
        if (count == 0) return false;
        data = data.subspan(count);
    }
    return true;
}

bool write_all(const Socket& socket, std::span<const std::byte> data) {
    while (!data.empty()) {
        const ssize_t count = send(socket.fd(), data.data(), data.size(), MSG_NOSIGNAL);
        if (count >= 0) data = data.subspan(static_cast<size_t>(count));
        else if (connection_is_over(errno)) return false;
        else if (errno != EINTR) fail("send");
    }
    return true;
}

}  // namespace eremite::netbench
