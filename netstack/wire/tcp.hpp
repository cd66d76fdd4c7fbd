#pragma once
// TCP headers (RFC 9293 section 3.1) and their options: maximum segment size, window scale and timestamps (RFC 7323),
// selective acknowledgements (RFC 2018).
#include <array>
#include <span>

#include "netstack/wire/address.hpp"
#include "netstack/wire/drop.hpp"

namespace eremite::net {

struct TcpHeader {
    static constexpr uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10, urg = 0x20, ece = 0x40, cwr = 0x80;
    Be16 source_port;
    Be16 destination_port;
    Be32 sequence;
    Be32 acknowledgement;
    uint8_t data_offset;  // in words, in the upper four bits
    uint8_t flags;
    Be16 window;
    Be16 checksum;
    Be16 urgent;

    [[nodiscard]] size_t header_length() const { return size_t{4} * (data_offset >> 4); }
};
static_assert(sizeof(TcpHeader) == 20);
inline constexpr size_t tcp_longest_header = 60;

// Sequence numbers wrap: comparisons are of distances (RFC 9293 section 3.4).
[[nodiscard]] constexpr bool seq_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }
[[nodiscard]] constexpr bool seq_at_or_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) <= 0; }
[[nodiscard]] constexpr uint32_t seq_later(uint32_t a, uint32_t b) { return seq_before(a, b) ? b : a; }
[[nodiscard]] constexpr uint32_t seq_earlier(uint32_t a, uint32_t b) { return seq_before(a, b) ? a : b; }

struct SackBlock {
    uint32_t start = 0;
    uint32_t end = 0;
};

struct TcpOptions {
    static constexpr unsigned most_sacks = 4;
    static constexpr uint8_t largest_scale = 14;
    uint16_t mss = 0;       // 0: absent
    uint8_t window_scale = 0;
    bool has_window_scale = false;
    bool sack_permitted = false;
    bool has_timestamps = false;
    uint32_t timestamp = 0;
    uint32_t timestamp_echo = 0;
    uint8_t sack_count = 0;
    std::array<SackBlock, most_sacks> sacks{};
};
// Never fails: what is malformed ends the list (RFC 9293 section 3.1 lets us ignore it).
void parse_tcp_options(std::span<const uint8_t> bytes, TcpOptions& options);
// Writes them padded to words; returns their length. Requires: room for 40 bytes, and what is wanted fits in them.
[[nodiscard]] size_t write_tcp_options(uint8_t* to, const TcpOptions& options);

// The shape in which all stacks write timestamps alone: two no-operations, kind and length (RFC 7323 appendix A).
inline constexpr uint32_t timestamps_alone = 0x0101'080a;
inline constexpr size_t timestamps_length = 12;

}  // namespace eremite::net
