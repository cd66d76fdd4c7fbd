#include "libos/init/network/network.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "libos/drivers/virtio_net.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/network/network.hpp"

namespace eremite::init {

namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text) {
    T number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

// Four numbers with dots between them.
std::optional<net::Ipv4Address> parse_address(std::string_view text) {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const size_t dot = i < 3 ? text.find('.') : text.size();
        if (dot == text.npos) return std::nullopt;
        const auto byte = parse_number<uint8_t>(text.substr(0, dot));
        if (!byte) return std::nullopt;
        value = value << 8 | *byte;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return net::Ipv4Address{value};
}

Result<void> configure(net::Interface& interface, const NetworkArguments& arguments) {
    const size_t slash = arguments.address.find('/');
    const auto address = parse_address(arguments.address.substr(0, slash));
    const auto length = slash == arguments.address.npos ? std::optional<uint8_t>{24} : parse_number<uint8_t>(arguments.address.substr(slash + 1));
    if (!address || !length || *length > 32) return Error{EINVAL};
    TRY(interface.add_address(*address, *length));
    if (!arguments.mtu.empty()) {
        const auto mtu = parse_number<uint16_t>(arguments.mtu);
        if (!mtu) return Error{EINVAL};
        TRY(interface.set_mtu(*mtu));
    }
    if (arguments.gateway.empty()) return {};
    const auto gateway = parse_address(arguments.gateway);
    if (!gateway) return Error{EINVAL};
    constexpr uint8_t v4_bits = 96;
    return interface.stack().ip().routes().add({.prefix = net::Ipv4Address{}, .length = v4_bits, .gateway = *gateway, .interface = &interface});
}

}  // namespace

Result<void> start_network(const NetworkArguments& arguments) {
    if (arguments.address.empty()) return {};
    // An eighth of the memory for packets.
    if (!network::Network::running()) TRY(network::Network::start(mm::page_allocator().available_pages() / 8));
    network::Nic* const nic = TRY(drivers::claim_virtio_net());
    network::Network& network = *network::Network::running();
    net::Interface* const interface = TRY(network.add(*nic));
    const network::NetworkGuard guard{network};
    TRY(configure(*interface, arguments));
    log::info("network: {} has address {}", nic->driver(), arguments.address);
    return {};
}

}  // namespace eremite::init
