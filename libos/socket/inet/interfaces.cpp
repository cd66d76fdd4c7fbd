#include "libos/socket/inet/interfaces.hpp"

#include <linux/sockios.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

namespace {

sockaddr address_of(uint32_t address) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = __builtin_bswap32(address);
    sockaddr out;
    static_assert(sizeof in == sizeof out);
    std::memcpy(&out, &in, sizeof out);
    return out;
}

const net::InterfaceAddress* first_v4(net::Interface& interface) {
    for (const net::InterfaceAddress& a : interface.addresses())
        if (a.in_use && a.address.is_v4()) return &a;
    return nullptr;
}

// What ifconfig(8) and old programs ask: the interfaces that have addresses of IPv4.
Result<long> list_interfaces(network::Network& network, uint64_t argument) {
    struct Request {
        int size, unused;
        uint64_t list;
    };
    std::array<ifreq, net::Stack::most_interfaces> found{};
    size_t count = 0;
    {
        const network::ShardGuard guard{network.first()};
        for_each_interface(network.first().stack(), [&](net::Interface& interface) {
            const net::InterfaceAddress* const address = first_v4(interface);
            if (!address) return;
            std::memcpy(found[count].ifr_name, name_of(interface).text.data(), IFNAMSIZ);
            found[count++].ifr_addr = address_of(address->address.v4().value);
        });
    }
    const mm::UserPtr<Request> pointer{VirtualAddress{argument}};
    Request request = TRY(pointer.load());
    if (request.list != 0) count = std::min(count, static_cast<size_t>(std::max(request.size, 0)) / sizeof(ifreq));
    request.size = static_cast<int>(count * sizeof(ifreq));
    if (request.list != 0) TRY(mm::copy_to_user(VirtualAddress{request.list}, found.data(), count * sizeof(ifreq)));
    TRY(pointer.store(request));
    return 0L;
}

Result<void> answer(uint32_t request, net::Interface& interface, ifreq& r) {
    if (request == SIOCGIFFLAGS) {
        r.ifr_flags = static_cast<short>(interface_flags(interface));
    } else if (request == SIOCGIFMTU) {
        r.ifr_mtu = interface.mtu();
    } else if (request == SIOCGIFINDEX) {
        r.ifr_ifindex = static_cast<int>(interface.index());
    } else if (request == SIOCGIFMETRIC) {
        r.ifr_metric = 0;
    } else if (request == SIOCGIFTXQLEN) {
        r.ifr_qlen = 1000;
    } else if (request == SIOCGIFHWADDR) {
        r.ifr_hwaddr = {};
        r.ifr_hwaddr.sa_family = interface.capabilities().loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
        std::memcpy(r.ifr_hwaddr.sa_data, interface.mac().bytes.data(), interface.mac().bytes.size());
    } else {
        const net::InterfaceAddress* const address = first_v4(interface);
        if (!address) return Error{EADDRNOTAVAIL};
        const uint32_t value = address->address.v4().value, mask = netmask(*address);
        const bool wide = interface.capabilities().loopback || mask >= 0xffff'fffe;
        if (request == SIOCGIFADDR || request == SIOCGIFDSTADDR) r.ifr_addr = address_of(value);
        else if (request == SIOCGIFNETMASK) r.ifr_addr = address_of(mask);
        else r.ifr_addr = address_of(wide ? 0 : value | ~mask);
    }
    return {};
}

}  // namespace

InterfaceName name_of(const net::Interface& interface) {
    InterfaceName name;
    BufferSink sink{{name.text.data(), name.text.size() - 1}};
    if (interface.capabilities().loopback) sink.write("lo");
    else format(sink, "eth{}", interface.index() - 2);
    return name;
}

net::Interface* find_interface(const net::Stack& stack, std::string_view name) {
    net::Interface* found = nullptr;
    for_each_interface(stack, [&](net::Interface& interface) {
        if (name_of(interface).view() == name) found = &interface;
    });
    return found;
}

net::Interface* find_interface(const net::Stack& stack, const net::IpAddress& address) {
    net::Interface* found = nullptr;
    for_each_interface(stack, [&](net::Interface& interface) {
        if (interface.find_address(address)) found = &interface;
    });
    return found;
}

net::InterfaceCounters counters_of(network::Network& network, const net::Interface& interface) {
    net::InterfaceCounters sum = interface.counters();
    for (uint32_t i = 1; i < network.count(); ++i) {
        network::Shard& shard = network.shard(i);
        const sync::Guard guard{shard.lock()};
        const net::InterfaceCounters& c = shard.stack().interface(interface.index())->counters();
        sum.received_packets += c.received_packets;
        sum.received_bytes += c.received_bytes;
        sum.sent_packets += c.sent_packets;
        sum.sent_bytes += c.sent_bytes;
        sum.send_drops += c.send_drops;
    }
    return sum;
}

uint32_t interface_flags(const net::Interface& interface) {
    return (interface.up() ? IFF_UP | IFF_RUNNING : IFF_UP) | (interface.capabilities().loopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
}

Result<long> interface_ioctl(uint32_t request, uint64_t argument) {
    constexpr uint32_t known[] = {SIOCGIFCONF,    SIOCGIFNAME,   SIOCGIFINDEX,  SIOCGIFADDR,   SIOCGIFDSTADDR, SIOCGIFNETMASK,
                                  SIOCGIFBRDADDR, SIOCGIFHWADDR, SIOCGIFFLAGS,  SIOCGIFMTU,    SIOCGIFMETRIC,  SIOCGIFTXQLEN};
    if (std::find(std::begin(known), std::end(known), request) == std::end(known)) return Error{ENOTTY};
    network::Network& network = *TRY(running_network());
    if (request == SIOCGIFCONF) return list_interfaces(network, argument);
    const mm::UserPtr<ifreq> pointer{VirtualAddress{argument}};
    ifreq r = TRY(pointer.load());
    r.ifr_name[IFNAMSIZ - 1] = '\0';
    {
        const network::ShardGuard guard{network.first()};
        const net::Stack& stack = network.first().stack();
        net::Interface* const interface =
            request == SIOCGIFNAME ? stack.interface(static_cast<uint32_t>(r.ifr_ifindex)) : find_interface(stack, std::string_view{r.ifr_name});
        if (!interface) return Error{ENODEV};
        if (request == SIOCGIFNAME) std::memcpy(r.ifr_name, name_of(*interface).text.data(), IFNAMSIZ);
        else TRY(answer(request, *interface, r));
    }
    TRY(pointer.store(r));
    return 0L;
}

}  // namespace eremite::socket
