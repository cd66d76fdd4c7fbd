#pragma once
// Interfaces as programs know them: by names, and by the questions of netdevice(7).
#include <net/if.h>

#include <array>
#include <string_view>

#include "base/result.hpp"
#include "libos/network/network.hpp"

namespace eremite::socket {

// The network, which is started where it does not run yet. ENOMEM.
[[nodiscard]] Result<network::Network*> running_network();

struct InterfaceName {
    std::array<char, IFNAMSIZ> text{};
    [[nodiscard]] std::string_view view() const { return text.data(); }
};
// "lo" is the first, those after it are "eth0" and so on.
[[nodiscard]] InterfaceName name_of(const net::Interface& interface);
// Null: there is none of this name.
[[nodiscard]] net::Interface* find_interface(const net::Stack& stack, std::string_view name);
// That which has an address; null: none has.
[[nodiscard]] net::Interface* find_interface(const net::Stack& stack, const net::IpAddress& address);
// Of all shards together. Requires: the first shard's lock, and an interface of it.
[[nodiscard]] net::InterfaceCounters counters_of(network::Network& network, const net::Interface& interface);
// IFF_*
[[nodiscard]] uint32_t interface_flags(const net::Interface& interface);
// As people write the length of an address's prefix.
[[nodiscard]] inline uint8_t prefix_length(const net::InterfaceAddress& address) {
    return static_cast<uint8_t>(address.prefix_length - (address.address.is_v4() ? net::v4_prefix_base : 0));
}
// In the machine's order. Requires: an address of IPv4.
[[nodiscard]] inline uint32_t netmask(const net::InterfaceAddress& address) {
    const uint8_t length = prefix_length(address);
    return length == 0 ? 0 : ~uint32_t{0} << (32 - length);
}
template <typename Function>
void for_each_interface(const net::Stack& stack, Function function) {
    for (uint32_t index = 1; net::Interface* const interface = stack.interface(index); ++index) function(*interface);
}

}  // namespace eremite::socket
