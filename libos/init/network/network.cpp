#include "libos/init/network/network.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>

#include "libos/drivers/rtl8139.hpp"
#include "libos/drivers/virtio_net.hpp"
#include "libos/init/network/addresses.hpp"
#include "libos/init/network/capture.hpp"
#include "libos/init/network/name_files.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/network/address_text.hpp"
#include "libos/network/network.hpp"
#include "libos/platform/clock.hpp"
#include "libos/random/random.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/syscall/process.hpp"
#include "netstack/dhcp/client.hpp"

namespace eremite::init {

namespace {

using network::AddressText;
using network::Network;
using network::Shard;
using network::ShardGuard;

constexpr Duration longest_wait = Duration::seconds(6);  // for DHCP, which asks a second time after four

constexpr std::string_view compiled_address = EREMITE_IP, compiled_mask = EREMITE_MASK, compiled_gateway = EREMITE_GATEWAY;

// A DHCP client for as long as the machine runs, and somebody who may wait for its first lease.
class Lease final : private net::Observer {
public:
    explicit Lease(net::Interface& interface) : client_{interface, this} {}
    // These require the lock of the first shard.
    [[nodiscard]] Result<void> start(std::string_view host_name) {
        return client_.start({reinterpret_cast<const uint8_t*>(host_name.data()), host_name.size()});
    }
    void start_again() { client_.start_again(); }
    void abandon() { client_.abandon(); }
    [[nodiscard]] const net::DhcpLease* wait(ShardGuard& guard, Instant deadline) {
        while (!client_.bound()) {
            guard.pause();
            const auto why = client_.bound() ? sched::Wakeup::Woken : bound_.wait(guard.shard().lock(), deadline);
            guard.resume();
            if (why == sched::Wakeup::TimedOut) return client_.bound() ? &client_.lease() : nullptr;
        }
        return &client_.lease();
    }

private:
    void notify(uint32_t) override { bound_.wake_all(); }

    sched::WaitQueue bound_;
    net::DhcpClient client_;
};

// What the start of the network found out, for the files of names.
struct Names {
    std::string_view host_name, domain;
    std::array<net::IpAddress, 3> servers{};
    size_t server_count = 0;

    void add(const net::IpAddress& server) {
        if (server_count < servers.size() && std::find(servers.begin(), servers.end(), server) == servers.end()) servers[server_count++] = server;
    }
};

Result<void> refuse(std::string_view argument, std::string_view value, std::string_view why) {
    log::error("{}={}: {}", argument, value, why);
    return Error{EINVAL};
}

Result<void> add_address(net::Interface& interface, const AddressArgument& argument) {
    TRY(interface.add_address(argument.address, argument.length));
    log::info("network: {} has the address {}/{}", argument.interface, AddressText{argument.address}.view(), argument.length);
    return {};
}

Result<void> add_gateway(Shard& first, std::string_view text) {
    const auto gateway = parse_address(text);
    if (!gateway) return refuse("gateway", text, "not an address");
    net::IpLayer& ip = first.stack().ip();
    const auto path = ip.find_path(*gateway, {}, nullptr);
    if (!path.ok()) return refuse("gateway", text, "no interface has an address beside it");
    TRY(ip.routes().add({.prefix = gateway->is_v4() ? net::any_v4() : net::IpAddress{},
                         .length = static_cast<uint8_t>(gateway->is_v4() ? net::v4_prefix_base : 0),
                         .gateway = *gateway,
                         .interface = path.value().interface}));
    ip.changed();
    return {};
}

Result<void> add_servers(std::string_view text, Names& names) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        const auto server = parse_address(rest.substr(0, comma));
        if (!server) return refuse("dns", text, "write ADDRESS[,ADDRESS]");
        names.add(*server);
        rest = comma == rest.npos ? std::string_view{} : rest.substr(comma + 1);
    }
    return {};
}

Result<void> set_mtu(net::Interface& interface, std::string_view text) {
    uint16_t mtu = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), mtu);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || !interface.set_mtu(mtu).ok())
        return refuse("mtu", text, "not a number of bytes that the interface can send, or below 576");
    return {};
}

void wait_for(Lease& lease, Shard& first, std::string_view name, Instant deadline, Names& names) {
    ShardGuard guard{first};
    const net::DhcpLease* const got = lease.wait(guard, deadline);
    if (!got) return log::warn("network: no DHCP server answers on {}; it has no address (give one with ip=ADDRESS/LENGTH)", name);
    log::info("network: {} has the address {}/{} by DHCP", name, AddressText{net::IpAddress{got->address}}.view(), got->prefix_length);
    for (uint8_t i = 0; i < got->dns_count; ++i) names.add(net::IpAddress{got->dns[i]});
    if (names.host_name.empty()) names.host_name = got->host_name.data();
    if (names.domain.empty()) names.domain = got->domain.data();
}

struct Interface {
    net::Interface* interface = nullptr;
    char name[8]{};
    bool has_address = false;
    Lease* lease = nullptr;
};

constinit std::array<Interface, net::Stack::most_interfaces - 1> storage{};
constinit std::span<Interface> interfaces{};

Result<network::Card*> claim_card() {
    auto card = drivers::claim_virtio_net();
    if (!card.ok() && card.code() == ENODEV) return drivers::claim_rtl8139();
    return card;
}

// Returns how many pairs of queues each card has then. A card that does not want what it offered gets one.
Result<uint32_t> make_pairs(std::span<network::Card* const> cards, size_t most) {
    const uint32_t wanted = cards.empty() ? 1 : Network::shards_for(most);
    for (network::Card* const card : cards) {
        const auto made = card->make_pairs(wanted);
        if (made.ok()) continue;
        if (cards.size() > 1 || wanted == 1) return made.error();
        TRY(card->make_pairs(1));
        return uint32_t{1};
    }
    return wanted;
}

// Cards as they are found are eth0, eth1 and so on. The network has a shard for each CPU if each card has a pair of queues for it.
Result<size_t> add_interfaces(std::span<Interface> interfaces, net::Capture* capture) {
    std::array<network::Card*, net::Stack::most_interfaces> cards;
    size_t count = 0, most_pairs = net::Shard::most;
    for (; count < interfaces.size(); ++count) {
        const auto card = claim_card();
        if (!card.ok()) {
            if (card.code() == ENODEV) break;
            return card.error();
        }
        cards[count] = card.value();
        most_pairs = std::min(most_pairs, card.value()->most_pairs());
    }
    if (count == 0 && !capture) return count;
    TRY(Network::start(TRY(make_pairs(std::span{cards}.first(count), most_pairs)), capture));
    for (size_t i = 0; i < count; ++i) {
        BufferSink name{interfaces[i].name};
        format(name, "eth{}", i);
        interfaces[i].interface = TRY(Network::running()->add(*cards[i]));
    }
    return count;
}

Result<void> give_address(Shard& first, std::string_view text) {
    // ip=off, ip=off@eth1: neither an address nor DHCP.
    constexpr std::string_view off = "off";
    const bool none = text == off || text.starts_with("off@");
    const auto argument = none ? std::optional<AddressArgument>{AddressArgument{}} : parse_address_argument(text);
    if (!argument) return refuse("ip", text, "write ADDRESS[/LENGTH][@INTERFACE], or off");
    const std::string_view name = none && text.size() > off.size() ? text.substr(off.size() + 1) : argument->interface;
    const auto found = std::find_if(interfaces.begin(), interfaces.end(), [&](const Interface& i) { return name == std::string_view{i.name}; });
    if (found == interfaces.end()) {
        log::error("ip={}: there is no network interface {}", text, name);
        return Error{ENODEV};
    }
    found->has_address |= none || argument->address.is_v4();
    if (none) return {};
    const ShardGuard guard{first};
    return add_address(*found->interface, *argument);
}

// One that was given. A router's lasts as long as that says, and would not be added again.
const net::Route* find_gateway(std::span<const net::Route> routes) {
    const auto given = [](const net::Route& route) {
        return !route.gateway.is_unspecified() && route.gateway != route.interface->router_discovery().router;
    };
    const auto found = std::find_if(routes.begin(), routes.end(), given);
    return found == routes.end() ? nullptr : &*found;
}

// All that were given, with the routes of the gateways.
void forget_addresses(Shard& first) {
    const ShardGuard guard{first};
    for (const Interface& i : interfaces) {
        if (i.lease) i.lease->abandon();
        for (const net::InterfaceAddress& a : i.interface->addresses())
            if (a.in_use && !a.from_router) (void)i.interface->remove_address(a.address);
    }
    net::IpLayer& ip = first.stack().ip();
    while (const net::Route* const gateway = find_gateway(ip.routes().routes())) (void)ip.routes().remove(net::Route{*gateway});
    ip.changed();
}

}  // namespace

Result<void> start_network(const NetworkArguments& arguments, const fs::Context& context) {
    net::Capture* capture = nullptr;
    if (!arguments.capture.empty()) {
        if (arguments.capture != "console") return refuse("pcap", arguments.capture, "packets can only go to a virtio console: write pcap=console");
        capture = TRY(start_capture());
    }
    interfaces = std::span{storage}.first(TRY(add_interfaces(storage, capture)));
    Names names{.host_name = arguments.host_name};
    TRY(add_servers(arguments.dns, names));
    if (interfaces.empty()) {
        if (!arguments.addresses.empty()) {
            log::error("ip={}: there is no network interface", arguments.addresses[0]);
            return Error{ENODEV};
        }
        return make_name_files(context, names.host_name, {}, std::span{names.servers}.first(names.server_count));
    }
    Shard& first = Network::running()->first();
    for (std::string_view address : arguments.addresses.span()) TRY(give_address(first, address));
    if (arguments.addresses.empty() && !compiled_address.empty()) {
        char text[48];
        BufferSink sink{text};
        format(sink, "{}/{}", compiled_address, compiled_mask);
        TRY(give_address(first, sink.view()));
        if (arguments.gateways.empty() && !compiled_gateway.empty()) {
            const ShardGuard guard{first};
            TRY(add_gateway(first, compiled_gateway));
        }
    }
    for (Interface& i : interfaces) {
        const ShardGuard guard{first};
        if (!arguments.mtu.empty()) TRY(set_mtu(*i.interface, arguments.mtu));
        TRY(first.stack().ndp().enable(*i.interface));
        if (i.has_address) continue;
        i.lease = new (std::nothrow) Lease{*i.interface};
        if (!i.lease) return Error{ENOMEM};
        TRY(i.lease->start(arguments.host_name));
    }
    for (std::string_view gateway : arguments.gateways.span()) {
        const ShardGuard guard{first};
        TRY(add_gateway(first, gateway));
    }
    const Instant deadline = platform::monotonic_now() + longest_wait;
    for (Interface& i : interfaces)
        if (i.lease) wait_for(*i.lease, first, i.name, deadline, names);
    if (arguments.host_name.empty() && !names.host_name.empty()) syscall::set_host_name(names.host_name);
    return make_name_files(context, names.host_name, names.domain, std::span{names.servers}.first(names.server_count));
}

void renew_network(const NetworkArguments& arguments) {
    if (interfaces.empty()) return;
    Shard& first = Network::running()->first();
    uint64_t seed;
    random::fill({reinterpret_cast<uint8_t*>(&seed), sizeof seed});
    Network::running()->for_each([seed](Shard& shard) {
        const ShardGuard guard{shard};
        shard.stack().random().stir(seed);
    });
    if (!arguments.addresses.empty()) forget_addresses(first);
    for (std::string_view address : arguments.addresses.span())
        if (!give_address(first, address).ok()) log::error("ip={}: this address cannot be had", address);
    for (std::string_view gateway : arguments.gateways.span()) {
        const ShardGuard guard{first};
        if (!add_gateway(first, gateway).ok()) log::error("gateway={}: this gateway cannot be had", gateway);
    }
    const ShardGuard guard{first};
    for (const Interface& i : interfaces) {
        if (i.lease && arguments.addresses.empty()) i.lease->start_again();
        i.interface->announce();
    }
}

void finish_network() {
    if (Network* const network = Network::running()) network->finish();
    finish_capture();
}

}  // namespace eremite::init
