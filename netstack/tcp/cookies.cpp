// SYN cookies (RFC 4987 section 3.6): what the stack would keep of a SYN travels in the sequence number of its answer, and what
// has no room there in the lowest bits of its timestamp.
#include <array>

#include "netstack/stack.hpp"

namespace eremite::net {

using tcp::Listener;
using tcp::Negotiated;

namespace {

// The commonest; the largest that is not above the peer's is taken.
constexpr std::array<uint16_t, 8> sizes{216, 536, 1220, 1300, 1440, 1460, 4312, 8960};
constexpr uint32_t minute_bits = 5, index_bits = 3, hash_bits = 24;
// In the timestamp: window scale (15: none), SACK, ECN.
constexpr uint32_t stamp_mask = 0x3f, no_scale = 15, sack_bit = 0x10, ecn_bit = 0x20;

uint32_t minute_of(Instant now) { return static_cast<uint32_t>(now.ns / 64'000'000'000) & ((1U << minute_bits) - 1); }

}  // namespace

uint32_t TcpLayer::cookie(const FlowKey& key, uint32_t remote_initial, uint32_t minute, uint32_t mss_index) const {
    const auto& remote = key.remote.address;
    const auto& local = key.local.address;
    const uint64_t hash = KeyedHash{{stack_.secret()[1], stack_.secret()[0]}}
                              .add(remote.high())
                              .add(remote.low())
                              .add(local.high())
                              .add(local.low())
                              .add(uint64_t{key.remote.port} << 16 | key.local.port)
                              .add(uint64_t{remote_initial} << 32 | minute << 8 | mss_index)
                              .finish();
    return minute << (index_bits + hash_bits) | mss_index << hash_bits | static_cast<uint32_t>(hash & ((1U << hash_bits) - 1));
}

void TcpLayer::send_cookie(Listener& listener, const FlowKey& key, const Segment&, const Negotiated& offered) {
    const Result<Path> path = stack_.ip().find_path(key.remote.address, key.local.address, listener.settings.interface);
    if (!path.ok()) return stack_.count(Drop::NoRoute);
    listener.last_cookie_ = stack_.now();
    ++cookies_sent_;
    uint32_t index = 0;
    while (index + 1 < sizes.size() && sizes[index + 1] <= offered.remote_mss) ++index;
    Negotiated agreed = offered;
    agreed.local_initial = cookie(key, agreed.remote_initial, minute_of(stack_.now()), index);
    uint32_t timestamp = static_cast<uint32_t>(stack_.now().ns / 1'000'000) + agreed.timestamp_offset;
    if (agreed.timestamps) {
        const uint32_t bits = (agreed.scaling ? agreed.remote_scale : no_scale) | (agreed.sack ? sack_bit : 0) | (agreed.ecn ? ecn_bit : 0);
        const uint32_t stamped = (timestamp & ~stamp_mask) | bits;
        timestamp = seq_before(timestamp, stamped) ? stamped - stamp_mask - 1 : stamped;
    } else {
        agreed.scaling = agreed.sack = agreed.ecn = false;
    }
    const size_t window = listener.settings.receive_buffer ? listener.settings.receive_buffer : configuration_.initial_receive_buffer;
    send_syn(key, path.value(), agreed, true, agreed.remote_initial + 1, listener.settings,
             static_cast<uint32_t>(std::min<size_t>(window, 65535)), timestamp);
}

bool TcpLayer::check_cookie(Listener& listener, const FlowKey& key, const Segment& segment, Negotiated& agreed) const {
    // Only while some are out: each guess has one chance in some millions.
    if (listener.last_cookie_ == Instant{} || stack_.now() - listener.last_cookie_ > Duration::seconds(128)) return false;
    const uint32_t value = segment.acknowledgement - 1;
    const uint32_t minute = value >> (index_bits + hash_bits), index = value >> hash_bits & ((1U << index_bits) - 1);
    const uint32_t age = (minute_of(stack_.now()) - minute) & ((1U << minute_bits) - 1);
    const uint32_t remote_initial = segment.sequence - 1;
    if (age > 1 || cookie(key, remote_initial, minute, index) != value) return false;
    TcpOptions options;
    parse_tcp_options(segment.options, options);
    agreed.local_initial = value;
    agreed.remote_initial = remote_initial;
    agreed.remote_mss = sizes[index];
    agreed.local_scale = receive_scale(listener.settings);
    agreed.timestamp_offset = timestamp_offset(key);
    if (options.has_timestamps) {
        const uint32_t bits = options.timestamp_echo & stamp_mask;
        agreed.timestamps = true;
        agreed.recent_timestamp = options.timestamp;
        agreed.scaling = (bits & 0xf) != no_scale;
        agreed.remote_scale = static_cast<uint8_t>(agreed.scaling ? std::min<uint32_t>(bits & 0xf, TcpOptions::largest_scale) : 0);
        agreed.sack = (bits & sack_bit) != 0;
        agreed.ecn = (bits & ecn_bit) != 0;
    }
    return true;
}

}  // namespace eremite::net
