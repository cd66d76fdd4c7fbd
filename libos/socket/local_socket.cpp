#include "libos/socket/local_socket.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>

#include "base/format.hpp"
#include "base/restart.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/signal/signals.hpp"
#include "libos/socket/packet_queue.hpp"

namespace eremite::socket {

Instant Socket::deadline(int64_t timeout) {
    return timeout == 0 ? Instant::never() : platform::monotonic_now() + Duration::nanoseconds(timeout);
}

namespace {

constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
// Bits of `shut`.
constexpr unsigned no_receive = 1, no_send = 2;

// One end. All but the source is guarded by the pair's lock.
struct Side {
    PacketQueue incoming;
    unsigned shut = 0;
    int error = 0;
    bool closed = false;
    bool parted = false;  // a sender of datagrams was told that nobody is there
    sched::WaitQueue readers, writers;
    fs::ReadinessSource source;

    void tell_reader(uint32_t events) {
        readers.wake_all();
        source.notify(events);
    }
};

struct Pair : RefCounted {
    sync::Spinlock lock{sync::Rank::File};
    std::array<Side, 2> sides;
    uint64_t number = 0;  // of the first socket's inode; the second has the next
};

class LocalSocket final : public Socket {
public:
    LocalSocket(Ref<Pair> pair, unsigned side, int type, uint32_t flags)
        : Socket{AF_UNIX, type, flags}, pair_{std::move(pair)}, side_{side}, stream_{type == SOCK_STREAM} {}
    ~LocalSocket() override;

    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int how) override;
    [[nodiscard]] int take_error() override {
        const sync::Guard guard{pair_->lock};
        return std::exchange(mine().error, 0);
    }
    // Neither has a name.
    [[nodiscard]] Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) override;
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &mine().source; }
    [[nodiscard]] Result<fs::Attributes> attributes() override {
        fs::Attributes a;
        a.inode = number();
        a.mode = S_IFSOCK | 0777;
        return a;
    }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
    size_t describe(char* path, size_t size) override {
        BufferSink sink{{path, size}};
        format(sink, "socket:[{}]", number());
        return sink.view().size();
    }

private:
    [[nodiscard]] Side& mine() { return pair_->sides[side_]; }
    [[nodiscard]] Side& other() { return pair_->sides[1 - side_]; }
    [[nodiscard]] uint64_t number() const { return pair_->number + side_; }
    [[nodiscard]] bool connected_type() const { return type() != SOCK_DGRAM; }

    // The rest requires the lock.
    [[nodiscard]] bool writable() { return other().incoming.cost() * 4 <= send_buffer.load(std::memory_order_relaxed); }
    // Why nothing can be sent now; 0: it can.
    [[nodiscard]] int send_error();
    [[nodiscard]] Result<void> wait(sched::WaitQueue& queue, const Message& message, Instant deadline);
    [[nodiscard]] Result<size_t> send_stream(Message& message);
    [[nodiscard]] Result<size_t> send_record(Message& message);
    [[nodiscard]] Result<size_t> receive_stream(Message& message, List<Packet>& used);
    [[nodiscard]] Result<size_t> receive_record(Message& message, List<Packet>& used);
    void tell_of_room();

    Ref<Pair> pair_;
    const unsigned side_;
    const bool stream_;
};

LocalSocket::~LocalSocket() {
    List<Packet> used;
    {
        const sync::Guard guard{pair_->lock};
        Side &me = mine(), &peer = other();
        const bool unread = !me.incoming.empty();
        me.incoming.clear(used);
        me.closed = true;
        if (connected_type()) {
            peer.shut = no_receive | no_send;
            if (unread) peer.error = ECONNRESET;
        }
        peer.writers.wake_all();
        if (connected_type()) peer.tell_reader(can_read | POLLHUP | POLLRDHUP | POLLERR | can_write);
        else peer.source.notify(can_write);
    }
    destroy(used);
}

int LocalSocket::send_error() {
    if ((mine().shut & no_send) != 0) return EPIPE;
    if (!connected_type() && other().closed) return std::exchange(mine().parted, true) ? ENOTCONN : ECONNREFUSED;
    if ((other().shut & no_receive) != 0) return EPIPE;
    return 0;
}

Result<void> LocalSocket::wait(sched::WaitQueue& queue, const Message& message, Instant deadline) {
    if (!waits(message)) return Error{EAGAIN};
    switch (queue.wait(pair_->lock, deadline)) {
        // With a timeout, the call is not made again (signal(7)).
        case sched::Wakeup::Interrupted: return Error{deadline == Instant::never() ? restart_if_asked : EINTR};
        case sched::Wakeup::TimedOut: return Error{EAGAIN};
        case sched::Wakeup::Woken: return {};
    }
    __builtin_unreachable();
}

Result<size_t> LocalSocket::send_stream(Message& message) {
    const Instant end = deadline(send_timeout);
    size_t done = 0;
    while (message.data.remaining() != 0) {
        const auto give_up = [&](Error error) { return done != 0 ? Result<size_t>{done} : error; };
        if (const int error = send_error()) return give_up(Error{error});
        const size_t limit = send_buffer.load(std::memory_order_relaxed), cost = other().incoming.cost();
        if (cost >= limit) {
            const auto waited = wait(mine().writers, message, end);
            if (!waited.ok()) return give_up(waited.error());
            continue;
        }
        const auto put = other().incoming.put_bytes(message.data, std::min(message.data.remaining(), limit - cost), message.files);
        if (!put.ok()) return give_up(put.error());
        done += put.value();
        other().tell_reader(can_read);
        if (message.data.faulted()) break;
    }
    return done;
}

Result<size_t> LocalSocket::send_record(Message& message) {
    const Instant end = deadline(send_timeout);
    const size_t size = message.data.remaining();
    for (;;) {
        const size_t limit = send_buffer.load(std::memory_order_relaxed);
        if (size + PacketQueue::overhead > limit) return Error{EMSGSIZE};
        if (const int error = send_error()) return Error{error};
        if (other().incoming.empty() || other().incoming.cost() + size <= limit) break;
        TRY(wait(mine().writers, message, end));
    }
    TRY(other().incoming.put_record(message.data, size, message.files));
    other().tell_reader(can_read);
    return size;
}

Result<size_t> LocalSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    // Linux names a peer only where it sends to it by name.
    if (!message.to.empty() && type() != SOCK_SEQPACKET) return Error{stream_ ? EISCONN : ECONNREFUSED};
    const sync::Guard guard{pair_->lock};
    if (!stream_) return send_record(message);
    // A stream has no empty messages, but even those are refused by an end that is gone.
    const int error = message.data.remaining() == 0 ? send_error() : 0;
    auto sent = error != 0 ? Result<size_t>{Error{error}} : send_stream(message);
    // Only a stream's writer is told by a signal, as in Linux.
    if (!sent.ok() && sent.code() == EPIPE && (message.flags & MSG_NOSIGNAL) == 0) signal::raise_in_thread(SIGPIPE);
    return sent;
}

// The peer may write again, if it looks and finds enough.
void LocalSocket::tell_of_room() {
    other().writers.wake_all();
    other().source.notify(can_write);
}

Result<size_t> LocalSocket::receive_stream(Message& message, List<Packet>& used) {
    const Instant end = deadline(receive_timeout);
    size_t done = 0;
    while (message.data.remaining() != 0) {
        if (!mine().incoming.empty()) {
            const auto taken = mine().incoming.take_bytes(message, used);
            if (!taken.ok()) return done != 0 ? Result<size_t>{done} : taken.error();
            done += taken.value();
            if ((message.flags & MSG_PEEK) == 0) tell_of_room();
            if ((message.flags & MSG_WAITALL) == 0 || (message.flags & MSG_PEEK) != 0 || !message.files.empty() || message.data.faulted()) break;
            continue;
        }
        if (done != 0 && (message.flags & MSG_WAITALL) == 0) break;
        if (const int error = std::exchange(mine().error, 0)) return done != 0 ? Result<size_t>{done} : Error{error};
        if ((mine().shut & no_receive) != 0) break;
        const auto waited = wait(mine().readers, message, end);
        if (!waited.ok()) return done != 0 ? Result<size_t>{done} : waited.error();
    }
    return done;
}

Result<size_t> LocalSocket::receive_record(Message& message, List<Packet>& used) {
    const Instant end = deadline(receive_timeout);
    while (mine().incoming.empty()) {
        if (const int error = std::exchange(mine().error, 0)) return Error{error};
        const bool ended = (mine().shut & no_receive) != 0;
        if (ended && (connected_type() || waits(message))) return size_t{0};
        TRY(wait(mine().readers, message, end));
    }
    const size_t size = TRY(mine().incoming.take_record(message, used));
    if ((message.flags & MSG_PEEK) == 0) tell_of_room();
    return size;
}

Result<size_t> LocalSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{stream_ ? EINVAL : EOPNOTSUPP};
    List<Packet> used;
    const auto receive_locked = [&] {
        const sync::Guard guard{pair_->lock};
        return stream_ ? receive_stream(message, used) : receive_record(message, used);
    };
    auto result = receive_locked();
    destroy(used);
    return result;
}

Result<void> LocalSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const unsigned bits = static_cast<unsigned>(how) + 1;
    const sync::Guard guard{pair_->lock};
    mine().shut |= bits;
    if (connected_type()) other().shut |= ((bits & no_receive) != 0 ? no_send : 0) | ((bits & no_send) != 0 ? no_receive : 0);
    constexpr uint32_t all = can_read | can_write | POLLHUP | POLLRDHUP;
    for (Side& side : pair_->sides) {
        side.writers.wake_all();
        side.tell_reader(all);
    }
    return {};
}

uint32_t LocalSocket::readiness() {
    const sync::Guard guard{pair_->lock};
    const Side& me = mine();
    uint32_t events = 0;
    if (me.error != 0) events |= POLLERR;
    if (me.shut == (no_receive | no_send)) events |= POLLHUP;
    if ((me.shut & no_receive) != 0) events |= POLLRDHUP | can_read;
    if (!me.incoming.empty()) events |= can_read;
    if (writable()) events |= can_write;
    return events;
}

Result<long> LocalSocket::ioctl(uint32_t request, uint64_t argument) {
    size_t bytes = 0;
    {
        const sync::Guard guard{pair_->lock};
        const PacketQueue& in = mine().incoming;
        if (request == FIONREAD) bytes = connected_type() ? in.size() : in.empty() ? 0 : in.first_size();
        else if (request == TIOCOUTQ) bytes = other().incoming.size();
        else return Error{ENOTTY};
    }
    TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(bytes)));
    return 0L;
}

Result<size_t> LocalSocket::address(bool, std::span<uint8_t> buffer) {
    const sa_family_t family = AF_UNIX;
    std::memcpy(buffer.data(), &family, std::min(buffer.size(), sizeof family));
    return sizeof family;
}

}  // namespace

Result<SocketPair> create_local_pair(int type, uint32_t flags) {
    static constinit std::atomic<uint64_t> last_number{1000};
    const Ref<Pair> pair = TRY(make_ref<Pair>());
    pair->number = last_number.fetch_add(2);
    SocketPair ends;
    ends.first = TRY(make_ref<LocalSocket>(pair, 0u, type, flags));
    ends.second = TRY(make_ref<LocalSocket>(pair, 1u, type, flags));
    return ends;
}

}  // namespace eremite::socket
