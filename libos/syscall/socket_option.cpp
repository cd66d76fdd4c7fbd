// Options of sockets (socket(7)).
#include <linux/sockios.h>
#include <sys/time.h>

#include <algorithm>

#include "libos/mm/user_memory.hpp"
#include "libos/syscall/socket.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t ns_per_microsecond = 1000, microseconds_per_second = 1'000'000;
// The longest value of an option of one protocol.
constexpr size_t most_option = 256;
// A program asks for bytes of data; as many again are reckoned for what it takes to keep them.
constexpr uint32_t least_buffer = 2304, most_buffer = 212'992;

// Stores as much of a value as fits, and how much that was.
Result<long> store(VirtualAddress value, VirtualAddress length, const void* source, size_t size) {
    const mm::UserPtr<int> length_pointer{length};
    const int room = TRY(length_pointer.load());
    if (room < 0) return Error{EINVAL};
    const size_t stored = std::min(size, static_cast<size_t>(room));
    TRY(mm::copy_to_user(value, source, stored));
    TRY(length_pointer.store(static_cast<int>(stored)));
    return 0L;
}

Result<long> store_timeout(VirtualAddress value, VirtualAddress length, int64_t ns) {
    const int64_t microseconds = ns / ns_per_microsecond;
    const timeval time{microseconds / microseconds_per_second, microseconds % microseconds_per_second};
    return store(value, length, &time, sizeof time);
}

Result<int> number_of(const SocketReference& socket, int option) {
    switch (option) {
        case SO_TYPE: return socket->type();
        case SO_DOMAIN: return socket->domain();
        case SO_PROTOCOL: return socket->protocol();
        case SO_ACCEPTCONN: return socket->listening() ? 1 : 0;
        case SO_ERROR: return socket->take_error();
        case SO_SNDBUF: return static_cast<int>(socket->send_buffer.load());
        case SO_RCVBUF: return static_cast<int>(socket->receive_buffer.load());
        case SO_RCVLOWAT: return 1;
        case SO_PRIORITY: return socket->priority;
        case SO_MARK: return socket->mark;
        case SO_REUSEADDR:
        case SO_KEEPALIVE:
        case SO_BROADCAST:
        case SO_DONTROUTE:
        case SO_OOBINLINE: return static_cast<int>(socket->switches >> option & 1);
        case SO_REUSEPORT:
        case SO_TIMESTAMP: return 0;
        default: return Error{ENOPROTOOPT};
    }
}

// Local sockets have no options but those of all sockets.
Error unknown(const SocketReference& socket, Error error) { return socket->domain() == AF_UNIX ? Error{EOPNOTSUPP} : error; }

Result<long> set_timeout(std::atomic<int64_t>& timeout, VirtualAddress value, int length) {
    if (length < static_cast<int>(sizeof(timeval))) return Error{EINVAL};
    const timeval time = TRY(mm::UserPtr<timeval>{value}.load());
    if (time.tv_usec < 0 || time.tv_usec >= microseconds_per_second) return Error{EDOM};
    constexpr int64_t most = INT64_MAX / ns_per_microsecond / microseconds_per_second / 4;
    // Longer than the clock can count is for ever, and a negative time does not wait.
    if (time.tv_sec > most) timeout = 0;
    else if (time.tv_sec < 0) timeout = 1;
    else timeout = (time.tv_sec * microseconds_per_second + time.tv_usec) * ns_per_microsecond;
    return 0L;
}

}  // namespace

Result<long> sys_getsockopt(int descriptor, int level, int option, VirtualAddress value, VirtualAddress length) {
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    uint8_t own[most_option];
    const int room = TRY(mm::UserPtr<int>{length}.load());
    if (room < 0) return Error{EINVAL};
    const auto size = socket->option(level, option, std::span{own}.first(std::min<size_t>(static_cast<size_t>(room), sizeof own)));
    if (size.ok()) return store(value, length, own, size.value());
    if (size.code() != ENOPROTOOPT || level != SOL_SOCKET) return unknown(socket, size.error());
    switch (option) {
        case SO_LINGER: {
            const uint64_t setting = socket->linger_setting;
            static_assert(sizeof setting == sizeof(linger));
            return store(value, length, &setting, sizeof setting);
        }
        case SO_RCVTIMEO: return store_timeout(value, length, socket->receive_timeout);
        case SO_SNDTIMEO: return store_timeout(value, length, socket->send_timeout);
        case SO_PEERCRED: {
            // Nobody is there of whom that could be said; local sockets know better.
            constexpr int nobody[3] = {0, -1, -1};
            return store(value, length, nobody, sizeof nobody);
        }
        default: {
            const int number = TRY(number_of(socket, option));
            return store(value, length, &number, sizeof number);
        }
    }
}

Result<long> sys_setsockopt(int descriptor, int level, int option, VirtualAddress value, int length) {
    if (length < 0) return Error{EINVAL};
    const SocketReference socket = TRY(SocketReference::get(descriptor));
    uint8_t own[most_option];
    const size_t size = std::min<size_t>(static_cast<size_t>(length), sizeof own);
    TRY(mm::copy_from_user(own, value, size));
    const auto set = socket->set_option(level, option, std::span{own}.first(size));
    if (set.ok()) return 0L;
    if (set.code() != ENOPROTOOPT || level != SOL_SOCKET) return unknown(socket, set.error());
    if (option == SO_RCVTIMEO) return set_timeout(socket->receive_timeout, value, length);
    if (option == SO_SNDTIMEO) return set_timeout(socket->send_timeout, value, length);
    if (length < static_cast<int>(sizeof(int))) return Error{EINVAL};
    const auto number = static_cast<uint32_t>(TRY(mm::UserPtr<int>{value}.load()));
    switch (option) {
        case SO_SNDBUFFORCE:
        case SO_SNDBUF:
            socket->send_buffer = 2 * std::clamp(number, least_buffer, most_buffer);
            socket->send_buffer_set = true;
            socket->buffers_changed();
            return 0L;
        case SO_RCVBUFFORCE:
        case SO_RCVBUF:
            socket->receive_buffer = 2 * std::clamp(number, least_buffer / 2, most_buffer);
            socket->receive_buffer_set = true;
            socket->buffers_changed();
            return 0L;
        case SO_REUSEADDR:
        case SO_KEEPALIVE:
        case SO_BROADCAST:
        case SO_DONTROUTE:
        case SO_OOBINLINE:
            if (number != 0) socket->switches |= 1U << option;
            else socket->switches &= ~(1U << option);
            return 0L;
        // No two local sockets have one name.
        case SO_REUSEPORT: return Error{EOPNOTSUPP};
        case SO_PRIORITY: socket->priority = static_cast<int>(number); return 0L;
        case SO_MARK: socket->mark = static_cast<int>(number); return 0L;
        case SO_LINGER: {
            if (length < static_cast<int>(sizeof(linger))) return Error{EINVAL};
            socket->linger_setting = TRY(mm::UserPtr<uint64_t>{value}.load());
            return 0L;
        }
        default: return Error{ENOPROTOOPT};
    }
}

}  // namespace eremite::syscall
