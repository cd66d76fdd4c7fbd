// Addresses of IPv6 that configure themselves: duplicate detection, routers, prefixes (RFC 4861 section 6.3, RFC 4862).
#include <algorithm>

#include "netstack/iface/ndp.hpp"
#include "netstack/stack.hpp"

namespace eremite::net {

namespace {

constexpr uint8_t most_solicitations = 3;                        // RFC 4861 section 10
constexpr Duration solicitation_interval = Duration::seconds(4);
constexpr uint8_t detection_probes = 1;                          // RFC 4862 section 5.1
constexpr Duration detection_interval = Duration::seconds(1);
constexpr uint32_t infinite = 0xffff'ffff;

// RFC 2464 section 4: the link address with ff:fe in its middle and one bit inverted.
IpAddress with_interface_identifier(const IpAddress& prefix, const MacAddress& mac) {
    IpAddress address = prefix;
    const auto& m = mac.bytes;
    const std::array<uint8_t, 8> identifier{static_cast<uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
    std::copy(identifier.begin(), identifier.end(), address.bytes().begin() + 8);
    return address;
}

}  // namespace

Result<void> NeighbourDiscovery::enable(Interface& interface) {
    RouterDiscovery& discovery = interface.router_discovery();
    if (discovery.enabled) return {};
    const IpAddress link_local = with_interface_identifier(IpAddress::v6({0xfe80, 0, 0, 0, 0, 0, 0, 0}), interface.mac());
    if (auto added = interface.add_address(link_local, 64); !added.ok() && added.code() != EEXIST) return added;
    TRY(interface.join(all_nodes));
    discovery.enabled = true;
    link_up(interface);
    return {};
}

void NeighbourDiscovery::link_up(Interface& interface) {
    if (!interface.router_discovery().enabled) return;
    for (InterfaceAddress& a : interface.addresses())
        if (a.in_use && !a.address.is_v4()) start_detection(a);
    interface.router_discovery().solicitations_left = most_solicitations;
    // Once the link-local address can be used.
    stack_.timers().set(interface.router_discovery(), stack_.now() + detection_interval + Duration::milliseconds(100));
}

void NeighbourDiscovery::start_detection(InterfaceAddress& address) {
    address.state = AddressState::Tentative;
    stack_.ip().changed();
    address.probes_left = detection_probes;
    // Neighbours ask for us here. Being in no group costs the address only its detection.
    (void)address.interface->join(solicited_node(address.address));
    address_timeout(address);
}

void NeighbourDiscovery::address_timeout(InterfaceAddress& address) {
    const Instant now = stack_.now();
    if (address.state == AddressState::Tentative) {
        if (address.probes_left > 0) {
            --address.probes_left;
            solicit(*address.interface, address.address, nullptr, IpAddress{});
            return stack_.timers().set(address, now + detection_interval);
        }
        address.state = AddressState::Preferred;
        stack_.ip().changed();
    }
    if (address.valid_until <= now) {
        address.interface->leave(solicited_node(address.address));
        (void)address.interface->remove_address(address.address);
        return;
    }
    if (address.preferred_until <= now && address.state == AddressState::Preferred) {
        address.state = AddressState::Deprecated;
        stack_.ip().changed();
    }
    schedule(address);
}

void NeighbourDiscovery::schedule(InterfaceAddress& address) {
    if (address.state == AddressState::Tentative) return;
    const Instant next = address.state == AddressState::Preferred ? std::min(address.preferred_until, address.valid_until) : address.valid_until;
    if (next == Instant::never()) stack_.timers().cancel(address);
    else stack_.timers().set(address, next);
}

void NeighbourDiscovery::conflict(InterfaceAddress& address) {
    stack_.count(Drop::BadAddress);
    address.interface->leave(solicited_node(address.address));
    (void)address.interface->remove_address(address.address);
}

void NeighbourDiscovery::solicit_routers(Interface& interface) {
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    const InterfaceAddress* own = interface.source_for(all_routers);
    auto& message = *reinterpret_cast<IcmpHeader*>(packet.push_front(sizeof(IcmpHeader)));
    message = {icmp6::router_solicitation, 0, 0, 0};
    if (own) {
        std::array<uint8_t, 8> option{1, 1};
        std::copy(interface.mac().bytes.begin(), interface.mac().bytes.end(), option.begin() + 2);
        (void)packet.append_copy(option);
    }
    send(interface, own ? own->address : IpAddress{}, all_routers, std::move(packet));
}

void NeighbourDiscovery::discovery_timeout(RouterDiscovery& discovery) {
    if (discovery.solicitations_left > 0) {
        --discovery.solicitations_left;
        solicit_routers(*discovery.interface);
        return stack_.timers().set(discovery, stack_.now() + solicitation_interval);
    }
    if (!discovery.router.is_unspecified() && discovery.router_until <= stack_.now())
        set_default_router(*discovery.interface, discovery.router, 0);
}

void NeighbourDiscovery::set_default_router(Interface& interface, const IpAddress& router, uint16_t seconds) {
    RouterDiscovery& discovery = interface.router_discovery();
    const Route route{.prefix = {}, .length = 0, .gateway = router, .interface = &interface, .metric = 1024};
    if (seconds == 0) {
        if (discovery.router != router) return;
        (void)stack_.ip().routes().remove(route);
        discovery.router = {};
    } else {
        if (discovery.router.is_unspecified()) {
            if (const auto added = stack_.ip().routes().add(route); !added.ok() && added.code() != EEXIST) return;
            discovery.router = router;
        }
        if (discovery.router != router) return;
        discovery.router_until = stack_.now() + Duration::seconds(seconds);
        stack_.timers().set(discovery, discovery.router_until);
    }
    stack_.ip().changed();
}

void NeighbourDiscovery::receive_router_advertisement(const IpReceived& ip, Packet& packet) {
    std::span<const uint8_t> message;
    NdpOptions options;
    RouterDiscovery& discovery = ip.interface.router_discovery();
    if (!discovery.enabled || !ip.source.is_link_local() || !whole_message(ip, packet, sizeof(RouterAdvertisement), message)) return;
    if (const Drop drop = parse_ndp_options(message.subspan(sizeof(RouterAdvertisement)), options); drop != Drop::None)
        return stack_.count(drop);
    discovery.solicitations_left = 0;
    stack_.timers().cancel(discovery);
    if (options.source_link) ip.interface.neighbours().learn(ip.source, *options.source_link, true, false, true);
    set_default_router(ip.interface, ip.source, load_big<uint16_t>(&message[6]));
    if (options.mtu >= ipv6_minimum_mtu && options.mtu <= ip.interface.capabilities().mtu)
        (void)ip.interface.set_mtu(static_cast<uint16_t>(options.mtu));
    for (unsigned i = 0; i < options.prefix_count; ++i) configure_prefix(ip.interface, *options.prefixes[i]);
    if (!options.dns_servers.empty() && options.dns_lifetime > 0) {
        discovery.dns_count = 0;
        for (size_t at = 0; at < options.dns_servers.size() && discovery.dns_count < discovery.dns_servers.size(); at += 16)
            discovery.dns_servers[discovery.dns_count++] = IpAddress::from_bytes(&options.dns_servers[at]);
    }
}

void NeighbourDiscovery::configure_prefix(Interface& interface, const PrefixOption& option) {
    const IpAddress prefix{option.prefix};
    const uint32_t valid = option.valid_lifetime, preferred = option.preferred_lifetime;
    // RFC 4862 section 5.5.3. Only prefixes that leave half of the address to the interface.
    if ((option.flags & PrefixOption::autonomous) == 0 || prefix.is_link_local() || prefix.is_multicast() || preferred > valid) return;
    if (option.prefix_length != 64) return;
    const IpAddress address = with_interface_identifier(prefix, interface.mac());
    InterfaceAddress* own = interface.find_address(address);
    if (!own) {
        if (valid == 0 || !interface.add_address(address, 64).ok()) return;
        own = interface.find_address(address);
        own->from_router = true;
    } else if (!own->from_router) {
        return;
    }
    const Instant now = stack_.now();
    constexpr uint32_t two_hours = 7200;
    // A short lifetime cannot take an address away at once (section 5.5.3 (e)): the advertisement may be forged.
    const bool longer = valid > two_hours || own->valid_until == Instant::never() || now + Duration::seconds(valid) > own->valid_until;
    if (valid == infinite) own->valid_until = Instant::never();
    else if (longer) own->valid_until = now + Duration::seconds(valid);
    else own->valid_until = std::min(own->valid_until, now + Duration::seconds(two_hours));
    own->preferred_until = preferred == infinite ? Instant::never() : now + Duration::seconds(preferred);
    if (own->state == AddressState::Deprecated && preferred > 0) own->state = AddressState::Preferred;
    schedule(*own);
}

}  // namespace eremite::net
