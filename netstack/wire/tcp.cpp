#include "netstack/wire/tcp.hpp"

#include <algorithm>

namespace eremite::net {

namespace {
constexpr uint8_t kind_end = 0, kind_nop = 1, kind_mss = 2, kind_scale = 3, kind_sack_permitted = 4, kind_sack = 5, kind_timestamps = 8;
}

void parse_tcp_options(std::span<const uint8_t> bytes, TcpOptions& options) {
    options = {};
    size_t at = 0;
    while (at < bytes.size()) {
        const uint8_t kind = bytes[at];
        if (kind == kind_end) return;
        if (kind == kind_nop) {
            ++at;
            continue;
        }
        if (bytes.size() - at < 2) return;
        const uint8_t length = bytes[at + 1];
        if (length < 2 || length > bytes.size() - at) return;
        const uint8_t* value = &bytes[at] + 2;
        switch (kind) {
            case kind_mss:
                if (length == 4) options.mss = load_big<uint16_t>(value);
                break;
            case kind_scale:
                if (length == 3) {
                    options.has_window_scale = true;
                    // RFC 7323 section 2.3: more than 14 is taken as 14.
                    options.window_scale = std::min(*value, TcpOptions::largest_scale);
                }
                break;
            case kind_sack_permitted:
                if (length == 2) options.sack_permitted = true;
                break;
            case kind_sack:
                if (length >= 10 && (length - 2) % 8 == 0) {
                    options.sack_count = static_cast<uint8_t>(std::min<unsigned>((length - 2U) / 8, TcpOptions::most_sacks));
                    for (unsigned i = 0; i < options.sack_count; ++i)
                        options.sacks[i] = {load_big<uint32_t>(value + 8 * i), load_big<uint32_t>(value + 8 * i + 4)};
                }
                break;
            case kind_timestamps:
                if (length == 10) {
                    options.has_timestamps = true;
                    options.timestamp = load_big<uint32_t>(value);
                    options.timestamp_echo = load_big<uint32_t>(value + 4);
                }
                break;
            default: break;
        }
        at += length;
    }
}

size_t write_tcp_options(uint8_t* to, const TcpOptions& options) {
    uint8_t* at = to;
    const auto word = [&at](uint32_t value) {
        store_big(at, value);
        at += 4;
    };
    if (options.mss) word(uint32_t{kind_mss} << 24 | 4U << 16 | options.mss);
    if (options.has_timestamps) {
        if (options.sack_permitted) word(uint32_t{kind_sack_permitted} << 24 | 2U << 16 | uint32_t{kind_timestamps} << 8 | 10);
        else word(timestamps_alone);
        word(options.timestamp);
        word(options.timestamp_echo);
    } else if (options.sack_permitted) {
        word(uint32_t{kind_nop} << 24 | uint32_t{kind_nop} << 16 | uint32_t{kind_sack_permitted} << 8 | 2);
    }
    if (options.has_window_scale) word(uint32_t{kind_nop} << 24 | uint32_t{kind_scale} << 16 | 3U << 8 | options.window_scale);
    if (options.sack_count) {
        word(uint32_t{kind_nop} << 24 | uint32_t{kind_nop} << 16 | uint32_t{kind_sack} << 8 | (2U + 8U * options.sack_count));
        for (unsigned i = 0; i < options.sack_count; ++i) {
            word(options.sacks[i].start);
            word(options.sacks[i].end);
        }
    }
    return static_cast<size_t>(at - to);
}

}  // namespace eremite::net
