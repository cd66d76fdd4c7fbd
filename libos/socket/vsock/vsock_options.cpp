// Options of sockets between machines (linux/vm_sockets.h).
#include <sys/time.h>

#include <algorithm>
#include <cstring>

#include "libos/socket/vsock/vsock_socket.hpp"

namespace eremite::socket::vsock {

namespace {

constexpr int64_t ns_per_second = 1'000'000'000, ns_per_microsecond = 1000, microseconds_per_second = 1'000'000;

template <typename T>
Result<size_t> give(std::span<uint8_t> to, const T& value) {
    if (to.size() < sizeof value) return Error{EINVAL};
    std::memcpy(to.data(), &value, sizeof value);
    return sizeof value;
}

template <typename T>
Result<T> value_of(std::span<const uint8_t> from) {
    T value;
    if (from.size() < sizeof value) return Error{EINVAL};
    std::memcpy(&value, from.data(), sizeof value);
    return value;
}

bool is_connect_timeout(int name) { return name == SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD || name == SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW; }

}  // namespace

Result<size_t> VsockSocket::option(int level, int name, std::span<uint8_t> value) {
    if (level != AF_VSOCK) return Error{ENOPROTOOPT};
    const sync::Guard guard{machine().lock};
    if (is_connect_timeout(name)) {
        const int64_t ns = settings_.connect_timeout.ns;
        return give(value, timeval{ns / ns_per_second, ns % ns_per_second / ns_per_microsecond});
    }
    switch (name) {
        case SO_VM_SOCKETS_BUFFER_SIZE: return give(value, settings_.buffer);
        case SO_VM_SOCKETS_BUFFER_MIN_SIZE: return give(value, settings_.least_buffer);
        case SO_VM_SOCKETS_BUFFER_MAX_SIZE: return give(value, settings_.most_buffer);
        default: return Error{ENOPROTOOPT};
    }
}

void VsockSocket::set_buffer(uint64_t bytes) {
    settings_.buffer = std::min(std::max(bytes, settings_.least_buffer), settings_.most_buffer);
    port_.buffer = settings_.buffer_bytes();
    if (stream_) machine().endpoint.set_buffer(*stream_, settings_.buffer_bytes());
}

Result<void> VsockSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    if (level != AF_VSOCK) return Error{ENOPROTOOPT};
    const sync::Guard guard{machine().lock};
    if (is_connect_timeout(name)) {
        const timeval time = TRY(value_of<timeval>(value));
        constexpr int64_t most = INT64_MAX / ns_per_second / 4;
        if (time.tv_sec < 0 || time.tv_sec > most || time.tv_usec < 0 || time.tv_usec >= microseconds_per_second) return Error{ERANGE};
        const Duration timeout{time.tv_sec * ns_per_second + time.tv_usec * ns_per_microsecond};
        settings_.connect_timeout = timeout.ns == 0 ? Settings::default_connect_timeout : timeout;
        return {};
    }
    switch (name) {
        case SO_VM_SOCKETS_BUFFER_SIZE: set_buffer(TRY(value_of<uint64_t>(value))); return {};
        case SO_VM_SOCKETS_BUFFER_MIN_SIZE:
            settings_.least_buffer = TRY(value_of<uint64_t>(value));
            set_buffer(settings_.buffer);
            return {};
        case SO_VM_SOCKETS_BUFFER_MAX_SIZE:
            settings_.most_buffer = TRY(value_of<uint64_t>(value));
            set_buffer(settings_.buffer);
            return {};
        default: return Error{ENOPROTOOPT};
    }
}

}  // namespace eremite::socket::vsock
