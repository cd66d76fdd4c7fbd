#pragma once
// Internet addresses as people write them in kernel arguments.
#include <optional>
#include <string_view>

#include "netstack/wire/address.hpp"

namespace eremite::init {

// Four decimal numbers with dots, or what RFC 4291 section 2.2 allows but for zones. Nothing: it is neither.
[[nodiscard]] std::optional<net::IpAddress> parse_address(std::string_view text);

// ADDRESS[/LENGTH][@INTERFACE]; the length may be a mask (255.255.255.0), and is 24 or 64 if it is left out.
struct AddressArgument {
    net::IpAddress address{};
    uint8_t length = 0;
    std::string_view interface = "eth0";
};
[[nodiscard]] std::optional<AddressArgument> parse_address_argument(std::string_view text);

}  // namespace eremite::init
