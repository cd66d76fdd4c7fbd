// What programs do with UDP sockets (udp(7)).
#include <algorithm>

#include "netstack/stack.hpp"
#include "netstack/udp/udp.hpp"
#include "netstack/wire/checksum.hpp"
#include "netstack/wire/udp.hpp"

namespace eremite::net {

namespace {
// No more than the headers of a virtio device, Ethernet, IPv4 and UDP took.
constexpr uint32_t stored_size = offsetof(Datagram, length);
static_assert(stored_size <= 10 + 14 + 20 + 8);

// The length of IPv4 counts its header, that of IPv6 does not.
size_t most_data(const IpAddress& to) { return 65535 - sizeof(UdpHeader) - (to.is_v4() ? sizeof(Ipv4Header) : 0); }
}  // namespace

int UdpSocket::match(const Endpoint& local, const Endpoint& remote) const {
    if (local_.port != local.port) return -1;
    int score = 0;
    if (local_.address.is_unspecified()) {
        const bool fits = local_.address.is_v4() ? local.address.is_v4() : !(local.address.is_v4() && options.v6_only);
        if (!fits) return -1;
    } else {
        if (local_.address != local.address) return -1;
        score += 2;
    }
    if (connected()) {
        if (!(remote_ == remote)) return -1;
        score += 4;
    }
    return score;
}

void UdpSocket::deliver(const IpReceived& ip, const Endpoint& local, const Endpoint& remote, uint16_t segment, Packet&& data) {
    if (options.interface && options.interface != &ip.interface) return;
    Stack& stack = layer_->stack();
    if (queue_.bytes() + data.length() > options.receive_limit || (stack.pool().under_pressure() && queue_.count() > 64))
        return stack.count(Drop::QueueFull);
    const Datagram datagram{remote, local, static_cast<uint16_t>(ip.interface.index()), ip.ttl, ip.traffic_class, stack.now(), segment};
    // It stands in front of the data, where the headers were.
    uint8_t* at = data.push_front(stored_size);
    if (!at) return stack.count(Drop::NoMemory);
    __builtin_memcpy(at, &datagram, stored_size);
    queue_.push(std::move(data));
    observer_.notify(event::readable);
}

Packet UdpSocket::receive(Datagram& datagram) {
    Packet packet = queue_.pop();
    if (!packet) return packet;
    __builtin_memcpy(static_cast<void*>(&datagram), packet.front().data(), stored_size);
    packet.remove_front(stored_size);
    datagram.length = static_cast<uint32_t>(packet.length());
    return packet;
}

bool UdpSocket::peek(Datagram& datagram) const {
    if (queue_.empty()) return false;
    __builtin_memcpy(static_cast<void*>(&datagram), queue_.front()->data, stored_size);
    datagram.length = queue_.front()->total - stored_size;
    return true;
}

void UdpSocket::move_to(UdpLayer& layer) {
    if (BlockedSender::linked()) BlockedSender::unlink();
    layer_ = &layer;
    path_ = {};
    for (Membership& m : memberships_)
        if (m.interface) m.interface = layer.stack().interface(m.interface->index());
}

Result<void> UdpSocket::bind(const Endpoint& local) {
    if (bound()) return Error{EINVAL};
    const IpAddress& address = local.address;
    Stack& stack = layer_->stack();
    if (!address.is_unspecified() && !address.is_multicast() && !stack.is_own(address)) return Error{EADDRNOTAVAIL};
    uint16_t port = local.port;
    if (port == 0) port = TRY(layer_->ephemeral_port(*this, address));
    else if (!layer_->can_bind(*this, local)) return Error{EADDRINUSE};
    local_ = {address, port};
    any_port_ = local.port == 0;
    layer_->bucket(port).push_back(*this);
    return {};
}

Result<Path> UdpSocket::path_to(const Endpoint& to) {
    Stack& stack = layer_->stack();
    Interface* only = options.interface;
    if (!only && to.address.is_multicast()) only = options.multicast_interface;
    const bool fixed = bound() && !local_.address.is_unspecified() && !local_.address.is_multicast();
    return stack.ip().find_path(to.address, fixed ? local_.address : options.source, only);
}

Result<void> UdpSocket::connect(const Endpoint& remote) {
    if (remote.port == 0) return Error{EINVAL};
    const Path path = TRY(path_to(remote));
    if (!bound()) TRY(bind({path.source.is_v4() ? any_v4() : IpAddress{}, 0}));
    if (local_.address.is_unspecified()) {
        any_address_ = true;
        bound_address_ = local_.address;
    }
    if (any_address_) local_.address = path.source;
    remote_ = remote;
    path_ = path;
    return {};
}

void UdpSocket::disconnect() {
    remote_ = {};
    if (std::exchange(any_address_, false)) local_.address = bound_address_;
    if (!bound() || !any_port_) return;
    using Bound = ListNode<UdpSocket>;
    Bound::unlink();
    local_.port = 0;
}

void UdpSocket::close() {
    using Bound = ListNode<UdpSocket>;
    if (Bound::linked()) Bound::unlink();
    if (BlockedSender::linked()) BlockedSender::unlink();
    for (Membership& m : memberships_)
        if (m.interface) std::exchange(m.interface, nullptr)->leave(m.group);
    queue_.clear();
    local_ = remote_ = {};
}

Result<void> UdpSocket::send(ByteSource& source, size_t size, const Endpoint* to) {
    if (size > most_data((to ? *to : remote_).address)) return Error{EMSGSIZE};
    const Path path = TRY(ready_path(to));
    const Endpoint& destination = to ? *to : remote_;
    PacketPool& pool = layer_->stack().pool();
    Packet packet = Packet::allocate(pool);
    if (!packet) return Error{ENOBUFS};
    Fragment* head = packet.head();
    if (size <= head->tailroom()) {
        TRY(source.read({head->data, size}));
        head->length = head->total = static_cast<uint32_t>(size);
        return transmit(path, destination, std::move(packet));
    }
    while (size > 0) {
        Packet piece = pool.allocate_data(static_cast<uint32_t>(size));
        if (!piece) return Error{ENOBUFS};
        Fragment* f = piece.head();
        const auto length = static_cast<uint32_t>(std::min<size_t>(size, f->tailroom()));
        TRY(source.read({f->data, length}));
        f->length = f->total = length;
        packet.append(std::move(piece));
        size -= length;
    }
    return transmit(path, destination, std::move(packet));
}

Result<void> UdpSocket::send(Packet&& data, const Endpoint* to) {
    const Path path = TRY(ready_path(to));
    return transmit(path, to ? *to : remote_, std::move(data));
}

void UdpSocket::interface_ready() { observer_.notify(event::writable); }

Result<Path> UdpSocket::ready_path(const Endpoint* to) {
    if (const int error = take_error()) return Error{error};
    if (!to && !connected()) return Error{EDESTADDRREQ};
    const Endpoint& destination = to ? *to : remote_;
    if (destination.port == 0) return Error{EINVAL};
    Path path;
    if (!to && options.source.is_unspecified() && path_.generation == layer_->stack().ip().generation()) {
        path = path_;
    } else {
        path = TRY(path_to(destination));
        if (!to && options.source.is_unspecified()) path_ = path;
    }
    if (!options.broadcast && path.interface->is_broadcast(destination.address)) return Error{EACCES};
    if (!bound()) TRY(bind({destination.address.is_v4() ? any_v4() : IpAddress{}, 0}));
    if (path.interface->congested()) {
        path.interface->block(*this);
        return Error{EAGAIN};
    }
    return path;
}

Result<void> UdpSocket::transmit(const Path& path, const Endpoint& destination, Packet&& data) {
    Stack& stack = layer_->stack();
    const bool multicast = destination.address.is_multicast();
    const size_t length = data.length() + sizeof(UdpHeader);
    if (data.length() > most_data(destination.address)) return Error{EMSGSIZE};
    auto* header = reinterpret_cast<UdpHeader*>(data.push_front(sizeof(UdpHeader)));
    if (!header) return Error{ENOBUFS};
    ChecksumSum sum;
    sum.add_pseudo_header(path.source, destination.address, static_cast<uint8_t>(Protocol::Udp), static_cast<uint32_t>(length));
    *header = {local_.port, destination.port, static_cast<uint16_t>(length), 0};
    header->checksum.set_raw(sum.folded());
    data.offload() = {.checksum_start = 0,
                      .checksum_offset = offsetof(UdpHeader, checksum),
                      .header_length = sizeof(UdpHeader),
                      .checksum = ChecksumState::Partial};
    if (options.segment != 0 && length - sizeof(UdpHeader) > options.segment) {
        if (length - sizeof(UdpHeader) > path.interface->capabilities().udp_segmentation) return Error{EMSGSIZE};
        data.offload().segmentation = Segmentation::Udp;
        data.offload().segment_size = options.segment;
    }
    if (multicast && options.multicast_loop && path.interface != &stack.loopback() && path.interface->in_group(destination.address)) {
        // Members on this host hear it too.
        if (Packet copy = data.share(0, data.length())) {
            copy.offload() = data.offload();
            const Path back{&stack.loopback(), destination.address, path.source, stack.loopback().mtu(), 0};
            (void)stack.ip().send(back, std::move(copy), {.source = path.source, .destination = destination.address, .protocol = Protocol::Udp});
        }
    }
    return stack.ip().send(path, std::move(data),
                           {.source = path.source,
                            .destination = destination.address,
                            .protocol = Protocol::Udp,
                            .ttl = multicast ? options.multicast_ttl : options.ttl,
                            .traffic_class = options.traffic_class,
                            .dont_fragment = options.dont_fragment});
}

Result<void> UdpSocket::join(const IpAddress& group, Interface& interface) {
    const auto same = std::ranges::find_if(memberships_, [&](const Membership& m) { return m.interface == &interface && m.group == group; });
    if (same != memberships_.end()) return Error{EADDRINUSE};
    const auto free = std::ranges::find_if(memberships_, [](const Membership& m) { return m.interface == nullptr; });
    if (free == memberships_.end()) return Error{ENOBUFS};
    TRY(interface.join(group));
    // Copies for this host come by the loopback.
    *free = {group, &interface};
    return {};
}

Result<void> UdpSocket::leave(const IpAddress& group, Interface& interface) {
    const auto same = std::ranges::find_if(memberships_, [&](const Membership& m) { return m.interface == &interface && m.group == group; });
    if (same == memberships_.end()) return Error{EADDRNOTAVAIL};
    interface.leave(group);
    same->interface = nullptr;
    return {};
}

}  // namespace eremite::net
