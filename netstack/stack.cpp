#include "netstack/stack.hpp"

#include <new>

namespace eremite::net {

Stack::Stack(PacketPool& pool, const Configuration& configuration)
    : pool_{pool},
      secret_{configuration.secret},
      capture_{configuration.capture},
      shard_{configuration.shard},
      random_{{~configuration.secret[0], configuration.secret[1] + configuration.shard.index}},
      tcp_{*this, configuration.tcp} {}

Stack::~Stack() {
    for (Interface* interface : interfaces_) delete interface;
}

Result<void> Stack::start() {
    TRY(tcp_.start());
    Interface* loopback = TRY(add_interface(loopback_device_));
    TRY(loopback->add_address(Ipv4Address::of(127, 0, 0, 1), 8));
    TRY(loopback->add_address(loopback_v6, 128));
    return {};
}

Result<Interface*> Stack::add_interface(Device& device) {
    for (uint32_t i = 0; i < most_interfaces; ++i) {
        if (interfaces_[i]) continue;
        interfaces_[i] = new (std::nothrow) Interface{*this, device, i + 1};
        if (!interfaces_[i]) return Error{ENOMEM};
        ip_.changed();
        return interfaces_[i];
    }
    return Error{ENOSPC};
}

void Stack::receive_handed(Interface& interface, Packet&& packet) {
    touch();
    // A message of ARP begins with its type of hardware, of which there is one.
    if (!packet.pull_up(1)) return count(Drop::TooShort);
    switch (packet.front()[0] >> 4) {
        case 4: return ip_.receive_v4(interface, std::move(packet));
        case 6: return ip_.receive_v6(interface, std::move(packet));
        default: return interface.receive_arp(std::move(packet));
    }
}

void Stack::adopt(const Stack& first) {
    const auto ours = [this](const Interface* interface) { return interface ? interfaces_[interface->index() - 1] : nullptr; };
    for (const Interface* interface : first.interfaces_)
        if (Interface* const own = ours(interface)) own->adopt(*interface);
    RouteTable routes;
    for (Route route : first.ip_.routes().routes()) {
        route.interface = ours(route.interface);
        // As many as the first one has find room.
        if (route.interface) (void)routes.add(route);
    }
    ip_.routes() = routes;
    ip_.changed();
}

bool Stack::is_local(const IpAddress& address) const {
    for (Interface* interface : interfaces_) {
        if (!interface) break;
        const InterfaceAddress* a = interface->find_address(address);
        if (a && a->state != AddressState::Tentative) return true;
    }
    return false;
}

bool Stack::in_group(const IpAddress& group) const {
    for (const Interface* interface : interfaces_) {
        if (!interface) break;
        if (interface->in_group(group)) return true;
    }
    return false;
}

void Stack::advance(Instant now) {
    if (now > now_) now_ = now;
    timers_.advance(now_);
}

void Stack::end_batch() {
    touched_ = false;
    for (Interface* interface : interfaces_) {
        if (!interface) break;
        interface->end_of_batch();
    }
    tcp_.flush();
    // What is sent to ourselves is received here. Answers to it go out in the same call, but a conversation does not keep us.
    for (int round = 0; round < 4 && !loopback_device_.empty(); ++round) {
        for (size_t n = loopback_device_.count(); n > 0; --n) {
            Packet packet = loopback_device_.take();
            if (packet.offload().checksum == ChecksumState::Unknown) packet.offload().checksum = ChecksumState::Verified;
            loopback().receive(std::move(packet));
        }
        loopback().device_ready();
        tcp_.flush();
    }
    touched_ = !loopback_device_.empty() || tcp_.has_work();
    // The file is never behind the wire.
    if (capture_) [[unlikely]] capture_->flush();
    for (Interface* interface : interfaces_) {
        if (!interface) break;
        interface->device().flush();
    }
}

Instant Stack::next_deadline() const { return loopback_device_.empty() ? timers_.next() : now_; }

}  // namespace eremite::net
