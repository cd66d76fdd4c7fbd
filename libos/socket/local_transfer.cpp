// What local sockets send and receive.
#include <algorithm>

#include "libos/signal/signals.hpp"
#include "libos/socket/local_socket.hpp"

namespace eremite::socket {

namespace {
constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
}

int LocalSocket::send_error(const LocalSocket* other) {
    if ((shut_ & no_send) != 0) return EPIPE;
    if (!other) {
        if (!connected_) return ENOTCONN;
        if (connected_type()) return EPIPE;
        connected_ = false;
        return ECONNREFUSED;
    }
    // A datagram socket that is connected hears only its peer.
    if (!connected_type() && other->connected_ && other->peer_ != this) return EPERM;
    return (other->shut_ & no_receive) != 0 ? EPIPE : 0;
}

Result<size_t> LocalSocket::send_stream(Message& message) {
    const Instant end = deadline(send_timeout);
    size_t done = 0;
    // A stream has no empty messages, but even those are refused by an end that is gone.
    do {
        const auto give_up = [&](Error error) { return done != 0 ? Result<size_t>{done} : error; };
        if (const int error = send_error(peer_)) return give_up(Error{error});
        if (message.data.remaining() == 0) break;
        const size_t limit = send_buffer.load(std::memory_order_relaxed), cost = peer_->incoming_.cost();
        if (cost >= limit) {
            const auto waited = wait(peer_->room_, waits(message), end);
            if (!waited.ok()) return give_up(waited.error());
            continue;
        }
        const auto put = peer_->incoming_.put_bytes(message.data, std::min(message.data.remaining(), limit - cost), message.files);
        if (!put.ok()) return give_up(put.error());
        done += put.value();
        peer_->readers_.wake_all();
        peer_->source_.notify(can_read);
    } while (message.data.remaining() != 0 && !message.data.faulted());
    return done;
}

Result<size_t> LocalSocket::send_record(Message& message, const LocalAddress& to) {
    const Instant end = deadline(send_timeout);
    const size_t size = message.data.remaining();
    for (;;) {
        LocalSocket* const other = to.empty() ? peer_ : find_local(to);
        if (!to.empty() && !other) return Error{ECONNREFUSED};
        if (other && other->type() != type()) return Error{EPROTOTYPE};
        const size_t limit = send_buffer.load(std::memory_order_relaxed);
        if (size + PacketQueue::overhead > limit) return Error{EMSGSIZE};
        if (const int error = send_error(other)) return Error{error};
        if (other->incoming_.empty() || other->incoming_.cost() + size <= limit) {
            TRY(other->incoming_.put_record(message.data, size, message.files, name_));
            other->readers_.wake_all();
            other->source_.notify(can_read);
            return size;
        }
        TRY(wait(other->room_, waits(message), end));
    }
}

Result<size_t> LocalSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    LocalAddress to;
    if (!message.to.empty() && type() != SOCK_SEQPACKET) {
        if (is_stream()) return Error{connected_ ? EISCONN : EOPNOTSUPP};
        to = TRY(LocalAddress::parse(message.to));
        if (to.empty()) return Error{EINVAL};
        TRY(find_file(to));
    }
    if (pass_credentials_) TRY(bind_to_free_name());
    const auto send_locked = [&] {
        const sync::Guard guard{local_lock()};
        return is_stream() ? send_stream(message) : send_record(message, to);
    };
    auto sent = send_locked();
    // Only a stream's writer is told by a signal, as in Linux.
    if (is_stream() && !sent.ok() && sent.code() == EPIPE && (message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
    return sent;
}

// Who sends to this socket may do so again, if it looks and finds enough.
void LocalSocket::tell_of_room() {
    room_.wake_all();
    if (connected_type() && peer_) peer_->source_.notify(can_write);
    for (LocalSocket& sender : senders_) sender.source_.notify(can_write);
}

Result<size_t> LocalSocket::receive_stream(Message& message, List<Packet>& used) {
    if (!connected_) return Error{EINVAL};
    const Instant end = deadline(receive_timeout);
    size_t done = 0;
    while (message.data.remaining() != 0) {
        if (!incoming_.empty()) {
            const auto taken = incoming_.take_bytes(message, used);
            if (!taken.ok()) return done != 0 ? Result<size_t>{done} : taken.error();
            done += taken.value();
            if ((message.flags & MSG_PEEK) == 0) tell_of_room();
            if ((message.flags & MSG_WAITALL) == 0 || (message.flags & MSG_PEEK) != 0 || !message.files.empty() || message.data.faulted()) break;
            continue;
        }
        if (done != 0 && (message.flags & MSG_WAITALL) == 0) break;
        if (const int error = std::exchange(error_, 0)) return done != 0 ? Result<size_t>{done} : Error{error};
        if ((shut_ & no_receive) != 0) break;
        const auto waited = wait(readers_, waits(message), end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    if (peer_name_ && done != 0) message.from_size = peer_name_->address.write(message.from);
    return done;
}

Result<size_t> LocalSocket::receive_record(Message& message, List<Packet>& used) {
    if (connected_type() && !connected_) return Error{ENOTCONN};
    const Instant end = deadline(receive_timeout);
    while (incoming_.empty()) {
        if (const int error = std::exchange(error_, 0)) return Error{error};
        const bool ended = (shut_ & no_receive) != 0;
        if (ended && (connected_type() || waits(message))) return size_t{0};
        TRY(wait(readers_, waits(message), end));
    }
    // SAFETY: packets of local sockets know their senders by name.
    if (const auto* const sender = static_cast<const LocalName*>(incoming_.first().sender.get()))
        message.from_size = sender->address.write(message.from);
    const size_t size = TRY(incoming_.take_record(message, used));
    if ((message.flags & MSG_PEEK) == 0) tell_of_room();
    return size;
}

Result<size_t> LocalSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{is_stream() ? EINVAL : EOPNOTSUPP};
    List<Packet> used;
    const auto receive_locked = [&] {
        const sync::Guard guard{local_lock()};
        return is_stream() ? receive_stream(message, used) : receive_record(message, used);
    };
    auto result = receive_locked();
    destroy(used);
    message.credentials = pass_credentials_;
    return result;
}

}  // namespace eremite::socket
