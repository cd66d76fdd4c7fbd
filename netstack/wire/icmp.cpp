#include "netstack/wire/icmp.hpp"

namespace eremite::net {

Drop parse_ndp_options(std::span<const uint8_t> bytes, NdpOptions& options) {
    constexpr uint8_t source_link = 1, target_link = 2, prefix = 3, mtu = 5, dns = 25;
    options = {};
    while (!bytes.empty()) {
        if (bytes.size() < 2 || bytes[1] == 0) return Drop::BadOption;
        const size_t length = size_t{8} * bytes[1];
        if (length > bytes.size()) return Drop::BadOption;
        // SAFETY: these types are made of bytes, and the length says that all of them are there.
        switch (bytes[0]) {
            case source_link:
                if (length == 8) options.source_link = reinterpret_cast<const MacAddress*>(&bytes[2]);
                break;
            case target_link:
                if (length == 8) options.target_link = reinterpret_cast<const MacAddress*>(&bytes[2]);
                break;
            case prefix:
                if (length == sizeof(PrefixOption) && options.prefix_count < NdpOptions::most_prefixes)
                    options.prefixes[options.prefix_count++] = reinterpret_cast<const PrefixOption*>(bytes.data());
                break;
            case mtu:
                if (length == 8) options.mtu = load_big<uint32_t>(&bytes[4]);
                break;
            case dns:
                if (length >= 24) {
                    options.dns_lifetime = load_big<uint32_t>(&bytes[4]);
                    options.dns_servers = bytes.subspan(8, (length - 8) & ~size_t{15});
                }
                break;
            default: break;  // RFC 4861 section 4.6: unknown options are passed over
        }
        bytes = bytes.subspan(length);
    }
    return Drop::None;
}

}  // namespace eremite::net
