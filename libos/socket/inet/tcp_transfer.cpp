// What TCP sockets send and receive.
#include "libos/signal/signals.hpp"
#include "libos/socket/inet/tcp_socket.hpp"

namespace eremite::socket {

Result<size_t> TcpSocket::send_stream(Message& message) {
    const Instant end = deadline(send_timeout);
    network::ShardGuard guard{shard_};
    if (const int error = connection_ ? 0 : std::exchange(error_, 0)) return Error{error};
    if (!connection_) return Error{EPIPE};
    const bool more = (message.flags & MSG_MORE) != 0, urgent = (message.flags & MSG_OOB) != 0;
    size_t done = 0;
    for (;;) {
        Source source{message.data};
        const auto sent = connection_->send(source, message.data.remaining(), more, urgent);
        if (sent.ok()) done += sent.value();
        if (message.data.remaining() == 0 || message.data.faulted()) break;
        if (sent.ok()) continue;
        if (sent.code() != EAGAIN) return done != 0 ? Result<size_t>{done} : sent.error();
        const auto waited = wait(guard, waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    if (done == 0 && message.data.faulted()) return Error{EFAULT};
    note_sent(message);
    return done;
}

Result<size_t> TcpSocket::send(Message& message) {
    auto sent = send_stream(message);
    if (!sent.ok() && sent.code() == EPIPE && (message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
    return sent;
}

// What waits to be read already, for which the time does not matter; nothing: there is no such thing, or more is wanted than that.
std::optional<size_t> TcpSocket::receive_at_once(Message& message) {
    constexpr int not_plain = MSG_OOB | MSG_PEEK | MSG_ERRQUEUE | MSG_WAITALL;
    if ((message.flags & not_plain) != 0 || message.data.remaining() == 0) return std::nullopt;
    if (!connection_ || connection_->readable_bytes() == 0) return std::nullopt;
    Sink sink{message.data};
    const auto received = connection_->receive(sink, message.data.remaining(), false);
    return received.ok() ? std::optional{received.value()} : std::nullopt;
}

// One byte, for which nobody waits.
Result<size_t> TcpSocket::receive_urgent(Message& message) {
    if (listening()) return Error{ENOTCONN};
    if (!connection_) return Error{EINVAL};
    uint8_t byte = 0;
    if (TRY(connection_->receive_urgent(byte, (message.flags & MSG_PEEK) != 0)) == 0) return size_t{0};
    message.result_flags |= MSG_OOB;
    if (message.data.remaining() == 0) {
        message.result_flags |= MSG_TRUNC;
        return size_t{0};
    }
    if ((message.flags & MSG_TRUNC) == 0 && message.data.put(&byte, 1) != 1) return Error{EFAULT};
    return size_t{1};
}

Result<size_t> TcpSocket::receive(Message& message) {
    network::ShardGuard guard{shard_, network::ShardGuard::quickly};
    if (const auto received = receive_at_once(message)) return *received;
    guard.begin();
    const Instant end = deadline(receive_timeout);
    if ((message.flags & MSG_ERRQUEUE) != 0) return receive_note(message);
    if ((message.flags & MSG_OOB) != 0) return receive_urgent(message);
    if (const int error = connection_ ? 0 : std::exchange(error_, 0)) return Error{error};
    if (!connection_) return Error{ENOTCONN};
    const bool peek = (message.flags & MSG_PEEK) != 0;
    size_t done = 0;
    while (message.data.remaining() != 0) {
        Sink sink{message.data};
        const auto received = connection_->receive(sink, message.data.remaining(), peek);
        if (received.ok()) {
            done += received.value();
            // A read ends at urgent data, whatever it waits for.
            if (received.value() == 0 || peek || (message.flags & MSG_WAITALL) == 0 || message.data.faulted() || connection_->at_mark()) break;
            continue;
        }
        if (message.data.faulted() && done == 0) return Error{EFAULT};
        if (received.code() != EAGAIN) return done != 0 ? Result<size_t>{done} : received.error();
        if (done != 0 && (message.flags & MSG_WAITALL) == 0) break;
        const auto waited = wait(guard, waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    return done;
}

}  // namespace eremite::socket
