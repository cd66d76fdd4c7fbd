// What sockets between machines send and receive.
#include <algorithm>

#include "libos/signal/signals.hpp"
#include "libos/socket/vsock/vsock_socket.hpp"

namespace eremite::socket::vsock {

namespace {
// A packet with its data takes 64 KiB of the heap at most.
constexpr size_t largest_piece = virtio::vsock::most_data - sizeof(Packet);
}  // namespace

int VsockSocket::send_error() const {
    if (stream_ && ((stream_->own_shut & no_send) != 0 || (stream_->peer_shut & no_receive) != 0)) return EPIPE;
    return in_state(Stream::State::Established) ? 0 : ENOTCONN;
}

Result<size_t> VsockSocket::send_locked(Message& message) {
    const Instant end = deadline(send_timeout);
    const sync::Guard guard{machine().lock};
    if (!message.to.empty()) return Error{connected() ? EISCONN : EOPNOTSUPP};
    size_t done = 0;
    // A stream has no empty messages, but even those are refused by an end that is gone.
    do {
        const auto give_up = [&](Error error) { return done != 0 ? Result<size_t>{done} : error; };
        if (const int error = send_error()) return give_up(Error{error});
        if (message.data.remaining() == 0) break;
        const size_t size = std::min({message.data.remaining(), size_t{Endpoint::room(*stream_)}, largest_piece});
        if (size == 0) {
            const auto waited = wait(waits(message), end);
            if (!waited.ok()) return give_up(waited.error());
            continue;
        }
        auto packet = Packet::create(static_cast<uint32_t>(size));
        if (!packet) return give_up(Error{ENOMEM});
        packet->size = static_cast<uint32_t>(message.data.take(packet->data().data(), size));
        if (packet->size == 0) return give_up(Error{EFAULT});
        done += packet->size;
        machine().endpoint.send(*stream_, std::move(packet));
    } while (message.data.remaining() != 0 && !message.data.faulted());
    return done;
}

Result<size_t> VsockSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    auto sent = send_locked(message);
    if (!sent.ok() && sent.code() == EPIPE && (message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
    return sent;
}

Result<size_t> VsockSocket::take(Message& message) {
    const bool peek = (message.flags & MSG_PEEK) != 0;
    size_t done = 0;
    while (message.data.remaining() != 0) {
        const size_t skip = peek ? done : 0;
        if (stream_->incoming.size() == skip) break;
        const std::span<const uint8_t> piece = stream_->incoming.piece(skip);
        const size_t size = std::min(piece.size(), message.data.remaining());
        const size_t copied = message.data.put(piece.data(), size);
        done += copied;
        if (!peek && copied != 0) machine().endpoint.consume(*stream_, copied);
        if (copied < size) break;
    }
    if (done == 0 && message.data.faulted()) return Error{EFAULT};
    return done;
}

Result<size_t> VsockSocket::receive(Message& message) {
    const Instant end = deadline(receive_timeout);
    const sync::Guard guard{machine().lock};
    if (!connected()) return Error{ENOTCONN};
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    const bool all = (message.flags & MSG_WAITALL) != 0 && (message.flags & MSG_PEEK) == 0;
    size_t done = 0;
    while (message.data.remaining() != 0 && (stream_->own_shut & no_receive) == 0) {
        if (stream_->incoming.size() != 0) {
            const auto taken = take(message);
            if (!taken.ok()) return done != 0 ? Result<size_t>{done} : taken.error();
            done += taken.value();
            if (!all || message.data.faulted()) break;
            continue;
        }
        if (const int error = std::exchange(stream_->error, 0)) return done != 0 ? Result<size_t>{done} : Error{error};
        if (stream_->at_end()) break;
        const auto waited = wait(waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    return done;
}

}  // namespace eremite::socket::vsock
