#include "libos/network/address_text.hpp"

#include <charconv>

namespace eremite::network {

AddressText::AddressText(const net::IpAddress& address) {
    if (address.is_v4()) {
        put_v4(address.v4());
        return;
    }
    std::array<uint16_t, 8> groups;
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<uint16_t>(address.bytes()[2 * i] << 8 | address.bytes()[2 * i + 1]);
    // The longest run of zeros, the first of them, and none of one group only (sections 4.2.2 and 4.2.3).
    size_t gap = groups.size(), gap_length = 1;
    for (size_t i = 0; i < groups.size(); ++i) {
        size_t end = i;
        while (end < groups.size() && groups[end] == 0) ++end;
        if (end - i > gap_length) gap = i, gap_length = end - i;
    }
    for (size_t i = 0; i < groups.size(); ++i) {
        if (i == gap) {
            put(':');
            put(':');
            i += gap_length - 1;
            continue;
        }
        if (i != 0 && i != gap + gap_length) put(':');
        put_number(groups[i], 16);
    }
}

void AddressText::put_number(uint32_t number, unsigned base) {
    const auto end = std::to_chars(text_.data() + length_, text_.data() + text_.size(), number, static_cast<int>(base)).ptr;
    length_ = static_cast<size_t>(end - text_.data());
}

void AddressText::put_v4(net::Ipv4Address address) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        put_number(address.value >> shift & 0xff, 10);
        if (shift != 0) put('.');
    }
}

}  // namespace eremite::network
