#pragma once
// The few socket calls of the benchmark, with errors as exceptions.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace eremite::netbench {

/// A file descriptor, closed at the end.
class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_{fd} {}
    Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Socket();
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// An address of IPv4 or IPv6.
struct Address {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;

    static Address parse(const std::string& text, uint16_t port);
    [[nodiscard]] Address with_port(uint16_t port) const;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

/// Ends what a thread does with std::system_error, by errno.
[[noreturn]] void fail(const char* what);
/// Returns the result of a call, unless it failed.
template <class T>
T check(T result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

[[nodiscard]] Socket connect_to(const Address& address, int type);
[[nodiscard]] Socket listen_on(const Address& address);
/// A datagram socket at a port that the system chooses.
[[nodiscard]] Socket datagrams_at(const Address& address);
[[nodiscard]] uint16_t local_port(const Socket& socket);
/// Small segments are sent at once.
void no_delay(const Socket& socket);
/// The algorithm that decides how much is sent (tcp(7)); what the system takes by itself if `name` is empty.
void congestion_control(const Socket& socket, const std::string& name);
/// Receiving ends with EAGAIN after that time.
void receive_timeout(const Socket& socket, int milliseconds);

/// False: the peer closed or reset the connection first, or did not answer in time.
[[nodiscard]] bool read_all(const Socket& socket, std::span<std::byte> data);
[[nodiscard]] bool write_all(const Socket& socket, std::span<const std::byte> data);
/// At most `data`; 0: the peer closed or reset the connection, or did not answer in time.
[[nodiscard]] size_t read_some(const Socket& socket, std::span<std::byte> data);

template <class T>
[[nodiscard]] bool read_value(const Socket& socket, T& value) {
    return read_all(socket, std::as_writable_bytes(std::span{&value, 1}));
}
template <class T>
[[nodiscard]] bool write_value(const Socket& socket, const T& value) {
    return write_all(socket, std::as_bytes(std::span{&value, 1}));
}

}  // namespace eremite::netbench
