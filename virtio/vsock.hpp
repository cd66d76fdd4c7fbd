#pragma once
// What both ends of a socket device have in common (virtio 1.2 section 5.10): packets, and the credit by which an end knows how much of a stream
// the other one has room for.
#include <linux/virtio_vsock.h>

#include <algorithm>
#include <cstdint>

namespace eremite::virtio::vsock {

// Section 5.10.6. All fields are little endian, as are the machines that we know.
using Header = virtio_vsock_hdr;
static_assert(sizeof(Header) == 44);

// Of the device's queues (section 5.10.2).
enum QueueIndex : uint16_t { receive_queue, transmit_queue, event_queue, queue_count };

// No packet of ours has more data.
inline constexpr uint32_t most_data = 65536;

// Bytes of one stream in both directions, and what fits at either end (section 5.10.6.3). All counters wrap.
class Credit {
public:
    // `buffer`: bytes that are kept here at most until somebody takes them.
    explicit Credit(uint32_t buffer) : buffer_{buffer} {}

    // What a packet says of its sender.
    void hear(const Header& header) {
        peer_buffer_ = header.buf_alloc;
        peer_taken_ = header.fwd_cnt;
    }
    // How many bytes may be sent now. A peer that says it took more than was sent gets nothing more.
    [[nodiscard]] uint32_t room() const {
        const uint32_t under_way = sent_ - peer_taken_;
        return under_way > peer_buffer_ ? 0 : peer_buffer_ - under_way;
    }
    // Requires: `bytes` are no more than room().
    void send(uint32_t bytes) { sent_ += bytes; }
    // Bytes that the peer has not taken yet.
    [[nodiscard]] uint32_t under_way() const { return sent_ - peer_taken_; }

    // Bytes came. False: there was no room for them, which the peer knew.
    [[nodiscard]] bool receive(uint32_t bytes) {
        if (bytes > told_room()) return false;
        received_ += bytes;
        return true;
    }
    // Bytes were taken by whoever they are for. True: the peer should be told, so that it can go on without a pause.
    [[nodiscard]] bool take(uint32_t bytes) {
        taken_ += bytes;
        return taken_ - told_ >= std::max<uint32_t>(buffer_ / 4, 1);
    }
    // More or less may be kept from now on. What the peer was told already still holds until it hears of it.
    void set_buffer(uint32_t buffer) {
        told_buffer_ = std::max(told_buffer_, buffer_);
        buffer_ = buffer;
    }
    [[nodiscard]] uint32_t buffer() const { return buffer_; }
    // Tells the peer, in a packet that goes out now.
    void tell(Header& header) {
        header.buf_alloc = buffer_;
        header.fwd_cnt = told_ = taken_;
    }

private:
    // What the peer may believe to be free.
    [[nodiscard]] uint32_t told_room() const {
        const uint32_t kept = received_ - taken_, most = std::max(buffer_, told_buffer_);
        return kept > most ? 0 : most - kept;
    }

    uint32_t buffer_;
    uint32_t told_buffer_ = 0;  // the largest that ever was
    uint32_t received_ = 0, taken_ = 0, told_ = 0;
    uint32_t sent_ = 0, peer_taken_ = 0, peer_buffer_ = 0;
};

}  // namespace eremite::virtio::vsock
