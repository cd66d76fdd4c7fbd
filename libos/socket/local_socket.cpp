#include "libos/socket/local_socket.hpp"


#include <algorithm>
#include <cstring>

#include "libos/fs/proc/network.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

namespace {

constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM | POLLWRBAND;
constexpr int most_backlog = 4096;  // net.core.somaxconn

struct Credentials {
    int process, user, group;
};

}  // namespace

LocalSocket::~LocalSocket() {
    List<Packet> used;
    List<LocalSocket, ByAccept> refused;
    {
        const sync::Guard guard{local_lock()};
        const bool unread = !incoming_.empty();
        incoming_.clear(used);
        if (name_ && name_->holder == this) {
            name_->unlink();
            name_->holder = nullptr;
        }
        while (LocalSocket* const end = waiting_.pop_front()) {
            // Who connected to it hears of a reset.
            if (end->peer_) end->peer_->error_ = ECONNRESET;
            refused.push_back(*end);
        }
        if (connected_type() && peer_) {
            LocalSocket& peer = *std::exchange(peer_, nullptr);
            peer.peer_ = nullptr;
            peer.shut_ = no_receive | no_send;
            if (unread) peer.error_ = ECONNRESET;
            peer.tell(can_read | POLLHUP | POLLRDHUP | POLLERR | can_write);
        }
        set_peer(nullptr);
        while (LocalSocket* const sender = senders_.front()) {
            ListNode<ByPeer>& node = *sender;
            node.unlink();
            sender->peer_ = nullptr;
            sender->source_.notify(can_write);
        }
        room_.wake_all();
    }
    destroy(used);
    while (LocalSocket* const end = refused.pop_front()) (void)Ref<LocalSocket>::adopt(end);
}

void LocalSocket::tell(uint32_t events) {
    readers_.wake_all();
    room_.wake_all();
    source_.notify(events);
}

void LocalSocket::set_peer(LocalSocket* peer) {
    ListNode<ByPeer>& node = *this;
    if (node.linked()) node.unlink();
    peer_ = peer;
    if (peer && !connected_type()) peer->senders_.push_back(*this);
}

void LocalSocket::join(LocalSocket& a, LocalSocket& b) {
    a.set_peer(&b);
    b.set_peer(&a);
    a.connected_ = b.connected_ = true;
    a.peer_name_ = b.name_;
    b.peer_name_ = a.name_;
}

Result<void> LocalSocket::wait(sched::WaitQueue& queue, bool may_wait, Instant deadline) {
    if (!may_wait) return Error{EAGAIN};
    return outcome(queue.wait(local_lock(), deadline), deadline);
}

Result<void> LocalSocket::bind_to_free_name() {
    static constinit std::atomic<uint32_t> last{0};
    constexpr uint32_t names = 1 << 20;
    for (uint32_t tries = 0; tries < names; ++tries) {
        const Ref<LocalName> name = TRY(make_ref<LocalName>(LocalAddress::numbered(last.fetch_add(1, std::memory_order_relaxed) % names)));
        const sync::Guard guard{local_lock()};
        if (name_) return {};
        if (!publish(*name, *this).ok()) continue;
        name_ = name;
        return {};
    }
    return Error{ENOSPC};
}

Result<void> LocalSocket::bind(std::span<const uint8_t> address) {
    LocalAddress wanted = TRY(LocalAddress::parse(address));
    if (wanted.empty()) return bind_to_free_name();
    {
        const sync::Guard guard{local_lock()};
        if (name_) return Error{EINVAL};
    }
    TRY(create_file(wanted));
    const Ref<LocalName> name = TRY(make_ref<LocalName>(wanted));
    const sync::Guard guard{local_lock()};
    if (name_) return Error{EINVAL};
    TRY(publish(*name, *this));
    name_ = name;
    return {};
}

Result<void> LocalSocket::listen(int backlog) {
    if (!connected_type()) return Error{EOPNOTSUPP};
    const sync::Guard guard{local_lock()};
    if (!name_ || connected_) return Error{EINVAL};
    backlog_ = static_cast<uint32_t>(backlog < 0 || backlog > most_backlog ? most_backlog : backlog);
    listening_ = true;
    room_.wake_all();
    return {};
}

// A connection's other end waits at the listener.
void LocalSocket::enqueue(LocalSocket& listener, const Ref<LocalSocket>& end) {
    end->name_ = listener.name_;
    join(*this, *end);
    (void)Ref<LocalSocket>{end}.leak();
    listener.waiting_.push_back(*end);
    ++listener.waiting_count_;
    listener.readers_.wake_one();
    listener.source_.notify(can_read);
    source_.notify(can_write);
}

Result<void> LocalSocket::connect(std::span<const uint8_t> address) {
    sa_family_t family = AF_UNSPEC;
    if (address.size() < sizeof family) return Error{EINVAL};
    std::memcpy(&family, address.data(), sizeof family);
    if (family == AF_UNSPEC && !connected_type()) {
        Ref<LocalName> old;
        const sync::Guard guard{local_lock()};
        set_peer(nullptr);
        connected_ = false;
        std::swap(old, peer_name_);
        return {};
    }
    LocalAddress to = TRY(LocalAddress::parse(address));
    if (to.empty()) return Error{EINVAL};
    TRY(find_file(to));
    if (pass_credentials_) TRY(bind_to_free_name());
    const Instant end = deadline(send_timeout);
    Ref<LocalName> old;  // names go without the lock
    const Ref<LocalSocket> other_end = connected_type() ? TRY(make_ref<LocalSocket>(type(), 0U)) : Ref<LocalSocket>{};
    const sync::Guard guard{local_lock()};
    for (;;) {
        LocalSocket* const other = find_local(to);
        if (!other) return Error{ECONNREFUSED};
        if (other->type() != type()) return Error{EPROTOTYPE};
        if (!connected_type()) {
            if (other->peer_ && other->peer_ != this) return Error{EPERM};
            set_peer(other);
            connected_ = true;
            old = std::exchange(peer_name_, other->name_);
            return {};
        }
        if (!other->listening_ || (other->shut_ & no_receive) != 0) return Error{ECONNREFUSED};
        if (connected_) return Error{EISCONN};
        if (listening_) return Error{EINVAL};
        if (other->waiting_count_ <= other->backlog_) {
            enqueue(*other, other_end);
            return {};
        }
        TRY(wait(other->room_, !nonblocking(), end));
    }
}

Result<Ref<Socket>> LocalSocket::accept(uint32_t flags, bool may_wait) {
    if (!connected_type()) return Error{EOPNOTSUPP};
    const Instant end = deadline(receive_timeout);
    const sync::Guard guard{local_lock()};
    if (!listening_) return Error{EINVAL};
    while (waiting_.empty()) {
        const bool waits = may_wait && !nonblocking();
        if ((shut_ & no_receive) != 0 && waits) return Error{EINVAL};
        TRY(wait(readers_, waits, end));
    }
    --waiting_count_;
    room_.wake_one();
    auto accepted = Ref<LocalSocket>::adopt(waiting_.pop_front());
    accepted->set_flags(accepted->flags() | flags);
    return Ref<Socket>{std::move(accepted)};
}

Result<void> LocalSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const unsigned bits = static_cast<unsigned>(how) + 1;
    const sync::Guard guard{local_lock()};
    shut_ |= bits;
    constexpr uint32_t all = can_read | can_write | POLLHUP | POLLRDHUP;
    if (peer_) {
        if (connected_type()) peer_->shut_ |= ((bits & no_receive) != 0 ? no_send : 0) | ((bits & no_send) != 0 ? no_receive : 0);
        peer_->tell(all);
    }
    tell(all);
    return {};
}

int LocalSocket::take_error() {
    const sync::Guard guard{local_lock()};
    return std::exchange(error_, 0);
}

uint32_t LocalSocket::readiness() {
    const sync::Guard guard{local_lock()};
    if (listening_) return waiting_.empty() ? 0 : can_read;
    uint32_t events = 0;
    if (error_ != 0) events |= POLLERR;
    if (shut_ == (no_receive | no_send) || (connected_type() && !connected_)) events |= POLLHUP;
    if ((shut_ & no_receive) != 0) events |= POLLRDHUP | can_read;
    if (!incoming_.empty()) events |= can_read;
    if (!peer_ || peer_->incoming_.cost() * 4 <= send_buffer.load(std::memory_order_relaxed)) events |= can_write;
    return events;
}

Result<size_t> LocalSocket::queued(bool outgoing) {
    const sync::Guard guard{local_lock()};
    if (outgoing) return peer_ ? peer_->incoming_.size() : size_t{0};
    if (listening_) return Error{EINVAL};
    if (connected_type()) return incoming_.size();
    return incoming_.empty() ? size_t{0} : incoming_.first().left();
}

Result<size_t> LocalSocket::address(bool of_peer, std::span<uint8_t> buffer) {
    const sync::Guard guard{local_lock()};
    if (of_peer && !connected_) return Error{ENOTCONN};
    const LocalName* const name = of_peer ? peer_name_.get() : name_.get();
    return name ? name->address.write(buffer) : LocalAddress{}.write(buffer);
}

Result<size_t> LocalSocket::option(int level, int name, std::span<uint8_t> value) {
    if (level != SOL_SOCKET) return Error{EOPNOTSUPP};
    // Whoever is connected or listens is the one process that there is.
    const Credentials known = connected_ || listening_ ? Credentials{1, 0, 0} : Credentials{0, -1, -1};
    const int passes = pass_credentials_ ? 1 : 0;
    const auto give = [&](const void* from, size_t size) {
        std::memcpy(value.data(), from, std::min(value.size(), size));
        return std::min(value.size(), size);
    };
    if (name == SO_PEERCRED) return give(&known, sizeof known);
    if (name == SO_PASSCRED) return give(&passes, sizeof passes);
    return Error{ENOPROTOOPT};
}

Result<void> LocalSocket::set_option(int level, int name, std::span<const uint8_t> value) {
    if (level != SOL_SOCKET) return Error{EOPNOTSUPP};
    int number = 0;
    if (name != SO_PASSCRED) return Error{ENOPROTOOPT};
    if (value.size() < sizeof number) return Error{EINVAL};
    std::memcpy(&number, value.data(), sizeof number);
    pass_credentials_ = number != 0;
    return {};
}

Result<SocketPair> create_local_pair(int type, uint32_t flags) {
    Ref<LocalSocket> first = TRY(make_ref<LocalSocket>(type, flags)), second = TRY(make_ref<LocalSocket>(type, flags));
    const sync::Guard guard{local_lock()};
    LocalSocket::join(*first, *second);
    return SocketPair{std::move(first), std::move(second)};
}

}  // namespace eremite::socket

namespace eremite {

// proc(5). Only those with names are known here.
Result<void> fs::proc::write_local_sockets(TextSink& out) {
    out.write("Num       RefCount Protocol Flags    Type St Inode Path\n");
    const sync::Guard guard{socket::local_lock()};
    socket::for_each_local([&](const socket::LocalName& name) {
        const socket::LocalSocket& s = *name.holder;
        const bool listens = s.listening();
        constexpr unsigned unconnected = 1, connected = 3;
        format(out, "0000000000000000: 00000002 00000000 000{}0000 000{} 0{} {:>5} ", listens ? 1 : 0, s.type(),
               s.is_connected() ? connected : unconnected, s.number());
        if (name.address.abstract()) out.write("@");
        out.write(name.address.path().substr(name.address.abstract() ? 1 : 0));
        out.write("\n");
    });
    return {};
}

}  // namespace eremite
