#pragma once
// Internet addresses for people: dotted decimal, or as RFC 5952 says.
#include <array>
#include <string_view>

#include "netstack/wire/address.hpp"

namespace eremite::network {

class AddressText {
public:
    explicit AddressText(const net::IpAddress& address);
    [[nodiscard]] std::string_view view() const { return {text_.data(), length_}; }

private:
    void put(char c) { text_[length_++] = c; }
    void put_number(uint32_t number, unsigned base);
    void put_v4(net::Ipv4Address address);

    std::array<char, 40> text_;
    size_t length_ = 0;
};

}  // namespace eremite::network
