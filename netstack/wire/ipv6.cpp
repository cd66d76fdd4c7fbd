#include "netstack/wire/ipv6.hpp"

#include <algorithm>

namespace eremite::net {

namespace {

constexpr uint8_t code_unknown_header = 1, code_unknown_option = 2;

Drop problem(Ipv6View& view, uint8_t code, size_t at, bool report) {
    view.report_parameter_problem = report;
    view.problem_code = code;
    view.problem_pointer = static_cast<uint32_t>(at);
    return Drop::BadOption;
}

// The options of a hop-by-hop or destination header (RFC 8200 section 4.2): the two highest bits of an unknown type say what to do.
Drop walk_options(std::span<const uint8_t> packet, size_t at, size_t end, Ipv6View& view) {
    constexpr uint8_t pad1 = 0, pad_n = 1, router_alert = 5;
    const bool to_group = view.header->destination[0] == 0xff;
    while (at < end) {
        const uint8_t type = packet[at];
        if (type == pad1) {
            ++at;
            continue;
        }
        if (end - at < 2 || end - at - 2 < packet[at + 1]) return Drop::BadOption;
        if (type == router_alert) {
            view.router_alert = true;
        } else if (type != pad_n) {
            switch (type >> 6) {
                case 0: break;
                case 1: return Drop::BadOption;
                case 2: return problem(view, code_unknown_option, at, true);
                default: return problem(view, code_unknown_option, at, !to_group);
            }
        }
        at += 2U + packet[at + 1];
    }
    return Drop::None;
}

}  // namespace

Drop parse_ipv6(std::span<const uint8_t> contiguous, size_t packet_length, Ipv6View& view) {
    if (contiguous.size() < sizeof(Ipv6Header)) return Drop::TooShort;
    // SAFETY: a header is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const Ipv6Header*>(contiguous.data());
    view = {};
    view.header = &header;
    if (header.version_class_flow >> 28 != 6) return Drop::BadVersion;
    view.total_length = sizeof header + header.payload_length;
    if (view.total_length > packet_length) return Drop::BadLength;
    if (header.source[0] == 0xff) return Drop::BadAddress;
    contiguous = contiguous.first(std::min(contiguous.size(), view.total_length));

    uint8_t next = header.next_header;
    size_t next_at = offsetof(Ipv6Header, next_header);
    size_t at = sizeof header;
    for (bool first = true;; first = false) {
        const auto kind = static_cast<Protocol>(next);
        const bool is_extension = kind == Protocol::HopByHop || kind == Protocol::Routing || kind == Protocol::Destination;
        if (!is_extension) break;
        // Options of each hop stand first and once (RFC 8200 section 4.1).
        if (kind == Protocol::HopByHop && !first) return problem(view, code_unknown_header, next_at, true);
        if (contiguous.size() < at + 8) return Drop::TooShort;
        const size_t length = 8 * (size_t{contiguous[at + 1]} + 1);
        if (contiguous.size() < at + length) return Drop::TooShort;
        if (kind == Protocol::Routing) {
            // Only with no segments left can a host go on; type 0 is dead (RFC 5095).
            if (contiguous[at + 3] != 0) return problem(view, 0, at + 2, true);
        } else if (const Drop drop = walk_options(contiguous, at + 2, at + length, view); drop != Drop::None) {
            return drop;
        }
        next = contiguous[at];
        next_at = at;
        at += length;
    }
    view.protocol = next;
    view.next_header_at = next_at;
    view.payload_offset = at;
    return Drop::None;
}

void write_ipv6(Ipv6Header& header, const IpAddress& source, const IpAddress& destination, Protocol next, size_t payload_length,
                uint8_t hop_limit, uint8_t traffic_class, uint32_t flow_label) {
    header.version_class_flow = uint32_t{6} << 28 | uint32_t{traffic_class} << 20 | (flow_label & 0xfffff);
    header.payload_length = static_cast<uint16_t>(payload_length);
    header.next_header = static_cast<uint8_t>(next);
    header.hop_limit = hop_limit;
    header.source = source.bytes();
    header.destination = destination.bytes();
}

}  // namespace eremite::net
