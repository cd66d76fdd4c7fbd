#pragma once
// A packet: a chain of fragments, each a range of a shared buffer or a few bytes of its own. Headers are put in front without
// moving data, and ranges of a packet are shared without copying them. Everything comes from a bounded pool; where that is
// exhausted, functions say so and the packet stays as it was.
#include <span>
#include <utility>

#include "netstack/storage/buffer.hpp"

namespace eremite::net {

class ChecksumSum;
class PacketPool;

// What is known of checksums, and what a device shall still do.
enum class ChecksumState : uint8_t {
    Unknown,   // received: to be verified
    Verified,  // received: the device or the sender vouches for it
    Partial,   // to be sent: the field holds the sum of the pseudo header, and the rest is to be added (also received, from this machine)
};
// Udp: into datagrams of their own; Fragments: one datagram into fragments of IP.
enum class Segmentation : uint8_t { None, Tcp4, Tcp6, Udp, Fragments };

// Travels with the first fragment, in both directions.
struct Offload {
    uint16_t checksum_start = 0;   // of the packet's first byte to be summed
    uint16_t checksum_offset = 0;  // of the field, from checksum_start
    uint16_t segment_size = 0;     // of the payload of each segment to make, or that were joined
    uint16_t header_length = 0;    // all headers in front of the payload
    ChecksumState checksum = ChecksumState::Unknown;
    Segmentation segmentation = Segmentation::None;
    bool ecn : 1 = false;         // the first segment made carries CWR alone (RFC 3168)
    bool link_group : 1 = false;  // received as a frame for more than this host
    uint8_t handed : 6 = 0;       // shards that had it before (netstack/shards.hpp)
};

struct Fragment {
    static constexpr uint32_t inline_size = 192;

    Fragment* next;         // of the same packet
    Fragment* next_packet;  // in a PacketQueue; of first fragments
    uint8_t* data;
    uint32_t length;
    uint32_t sequence;  // of the first byte, in queues of streams
    Buffer* buffer;     // null: the bytes are inline
    PacketPool* pool;
    uint32_t total;  // of the whole packet; of first fragments
    Offload offload;
    uint8_t inline_bytes[inline_size];

    [[nodiscard]] uint8_t* start() { return buffer ? buffer->start : inline_bytes; }
    [[nodiscard]] uint8_t* end() { return buffer ? buffer->start + buffer->capacity : inline_bytes + inline_size; }
    // Nobody else can see the bytes around ours.
    [[nodiscard]] bool exclusive() const { return !buffer || buffer->references == 1; }
    [[nodiscard]] uint32_t tailroom() { return static_cast<uint32_t>(end() - (data + length)); }
    [[nodiscard]] std::span<uint8_t> bytes() { return {data, length}; }
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {data, length}; }
};
static_assert(sizeof(Fragment) == 256);

class Packet {
public:
    // Enough for Ethernet, IPv6 and TCP with all options, beside what a device puts in front.
    static constexpr uint32_t default_headroom = 128;

    constexpr Packet() = default;
    Packet(Packet&& o) noexcept : head_{std::exchange(o.head_, nullptr)} {}
    Packet& operator=(Packet&& o) noexcept {
        std::swap(head_, o.head_);
        return *this;
    }
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;
    ~Packet() { reset(); }

    // An empty packet that has `headroom` bytes for headers; null when the pool has none.
    [[nodiscard]] static Packet allocate(PacketPool& pool, uint32_t headroom = default_headroom);
    // Takes over a chain that was leaked before.
    [[nodiscard]] static Packet adopt(Fragment* head) {
        Packet p;
        p.head_ = head;
        return p;
    }
    // One fragment over a buffer, whose reference the packet takes over; null, and the reference stays, when there is none.
    [[nodiscard]] static Packet over(PacketPool& pool, Buffer& buffer, uint8_t* data, uint32_t length);
    [[nodiscard]] Fragment* leak() { return std::exchange(head_, nullptr); }
    void reset() {
        if (head_) free_chain(std::exchange(head_, nullptr));
    }

    explicit operator bool() const { return head_ != nullptr; }
    [[nodiscard]] Fragment* head() const { return head_; }
    [[nodiscard]] size_t length() const { return head_->total; }
    [[nodiscard]] Offload& offload() const { return head_->offload; }
    // What is contiguous at the front.
    [[nodiscard]] std::span<uint8_t> front() const { return head_->bytes(); }

    // Makes room for `size` bytes in front; null when there is no memory.
    [[nodiscard]] uint8_t* push_front(uint32_t size) {
        if (head_->exclusive() && static_cast<size_t>(head_->data - head_->start()) >= size) [[likely]] {
            head_->data -= size;
            head_->length += size;
            head_->total += size;
            return head_->data;
        }
        return push_fragment(size);
    }
    // Requires: size <= length().
    void remove_front(size_t size) {
        if (size <= head_->length && (size < head_->length || !head_->next)) [[likely]] {
            head_->data += size;
            head_->length -= static_cast<uint32_t>(size);
            head_->total -= static_cast<uint32_t>(size);
            return;
        }
        remove_fragments(size);
    }
    // Keeps the first `size` bytes. Requires: size <= length().
    void truncate(size_t size);
    // Makes the first `size` bytes contiguous. False: there are not so many, or no memory.
    [[nodiscard]] bool pull_up(size_t size) { return size <= head_->length || pull_up_slowly(size); }
    // Puts another packet's data behind this one's.
    void append(Packet&& other);
    // Copies bytes behind the packet's. False: no memory; then the packet is as before.
    [[nodiscard]] bool append_copy(std::span<const uint8_t> bytes);
    // Requires: offset + to.size() <= length().
    void copy_to(size_t offset, std::span<uint8_t> to) const;
    // A packet of the same bytes; null when there is no memory. Requires: offset + size <= length().
    [[nodiscard]] Packet share(size_t offset, size_t size) const;
    // Requires: offset + size <= length().
    void add_to(ChecksumSum& sum, size_t offset, size_t size) const;

private:
    static void free_chain(Fragment* head);
    [[nodiscard]] uint8_t* push_fragment(uint32_t size);
    void remove_fragments(size_t size);
    [[nodiscard]] bool pull_up_slowly(size_t size);

    Fragment* head_ = nullptr;
};

// Packets in order, linked through their first fragments.
class PacketQueue {
public:
    constexpr PacketQueue() = default;
    PacketQueue(const PacketQueue&) = delete;
    PacketQueue& operator=(const PacketQueue&) = delete;
    ~PacketQueue() { clear(); }

    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    [[nodiscard]] size_t count() const { return count_; }
    [[nodiscard]] size_t bytes() const { return bytes_; }
    [[nodiscard]] Fragment* front() const { return first_; }
    void push(Packet&& packet) {
        Fragment* head = packet.leak();
        head->next_packet = nullptr;
        (first_ ? last_->next_packet : first_) = head;
        last_ = head;
        ++count_;
        bytes_ += head->total;
    }
    // Null when the queue is empty.
    [[nodiscard]] Packet pop() {
        Fragment* head = first_;
        if (!head) return {};
        first_ = head->next_packet;
        --count_;
        bytes_ -= head->total;
        return Packet::adopt(head);
    }
    // For a packet that was popped and could not be used.
    void push_front(Packet&& packet) {
        Fragment* head = packet.leak();
        head->next_packet = first_;
        if (!first_) last_ = head;
        first_ = head;
        ++count_;
        bytes_ += head->total;
    }
    void clear() {
        while (pop()) {}
    }

private:
    Fragment* first_ = nullptr;
    Fragment* last_ = nullptr;
    size_t count_ = 0;
    size_t bytes_ = 0;
};

}  // namespace eremite::net
