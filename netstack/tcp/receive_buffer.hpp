#pragma once
// What a peer sent and the program has not read: bytes in order, and beyond gaps the segments that came too early, with the
// ranges to report of them (RFC 2018) and of what came twice (RFC 2883).
#include <array>

#include "netstack/storage/byte_stream.hpp"
#include "netstack/storage/packet.hpp"
#include "netstack/wire/tcp.hpp"

namespace eremite::net::tcp {

class ReceiveBuffer {
public:
    static constexpr size_t most_early = 2048;  // segments

    ReceiveBuffer() = default;
    ReceiveBuffer(const ReceiveBuffer&) = delete;
    ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;
    ~ReceiveBuffer() { clear(); }

    [[nodiscard]] size_t bytes() const { return bytes_; }
    // The next bytes in order; not empty.
    void append(Packet&& data);
    // Data that begin at `sequence`, beyond `next`. False: too many wait.
    [[nodiscard]] bool insert_early(uint32_t sequence, Packet&& data);
    // Moves what is now in order; returns the next sequence number that is missing.
    [[nodiscard]] uint32_t take_early(uint32_t next);
    [[nodiscard]] bool has_early() const { return early_ != nullptr; }
    [[nodiscard]] size_t early_bytes() const { return early_bytes_; }

    // The ranges to report, the most recent first, in words of RFC 2018 section 4.
    [[nodiscard]] std::span<const SackBlock> ranges() const { return {ranges_.data(), range_count_}; }
    // A range that came twice, to be reported once (RFC 2883).
    void note_duplicate(uint32_t start, uint32_t end) { duplicate_ = {start, end}; }
    [[nodiscard]] bool has_duplicate() const { return duplicate_.start != duplicate_.end; }
    [[nodiscard]] SackBlock take_duplicate() { return std::exchange(duplicate_, SackBlock{}); }

    // Hands up to `size` bytes to the sink, from `skip` on; they leave the buffer unless `peek`. The sink's error if it took none.
    [[nodiscard]] Result<size_t> read(ByteSink& sink, size_t size, bool peek, size_t skip = 0);
    // Bytes in their own memory; null: there are none.
    [[nodiscard]] Packet read_packet(size_t most);
    // Forgets bytes unread.
    size_t discard(size_t size);
    void clear();

private:
    void add_range(uint32_t start, uint32_t end);

    Fragment* first_ = nullptr;
    Fragment* last_ = nullptr;
    size_t bytes_ = 0;
    Fragment* early_ = nullptr;  // packets by sequence, without overlaps
    Fragment* early_last_ = nullptr;
    size_t early_count_ = 0;
    size_t early_bytes_ = 0;
    std::array<SackBlock, TcpOptions::most_sacks> ranges_{};
    size_t range_count_ = 0;
    SackBlock duplicate_{};
};

}  // namespace eremite::net::tcp
