#pragma once
// Where packets come from: fragments and data buffers of two sizes, cut from memory that the host hands in: all of it at first, or
// more whenever little is left. The pool never grows by itself, so what is handed in is the bound of all packets of the stack.
#include <cstddef>
#include <span>

#include "netstack/storage/packet.hpp"

namespace eremite::net {

class PacketPool final : public BufferOwner {
public:
    // Capacities of the data buffers: a frame, and what a program writes in one go.
    static constexpr uint32_t small_capacity = 2048 - 64;
    static constexpr uint32_t large_capacity = 16384 - 64;

    PacketPool() = default;
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    // Memory for the pool to keep, aligned to 64 bytes; what is left at its end is not used.
    void add_fragments(std::span<std::byte> memory);
    void add_small(std::span<std::byte> memory) { add_buffers(memory, small_); }
    void add_large(std::span<std::byte> memory) { add_buffers(memory, large_); }

    // Empty and inline; null when there is none.
    [[nodiscard]] Fragment* allocate_fragment();
    void free(Fragment& fragment);
    // A buffer with one reference; null when there is none.
    [[nodiscard]] Buffer* allocate_buffer(bool large);
    // An empty packet with tail room for `size` bytes, or for less: of a size that suits, or of what is left.
    [[nodiscard]] Packet allocate_data(uint32_t size);
    void release(Buffer& buffer) override;
    void release_reference(Buffer& buffer) {
        if (--buffer.references == 0) buffer.owner->release(buffer);
    }

    [[nodiscard]] size_t free_fragments() const { return fragment_count_; }
    [[nodiscard]] size_t free_small() const { return small_.count; }
    [[nodiscard]] size_t free_large() const { return large_.count; }
    // Little is left, and more does not come: queues that can wait for their data shall not grow.
    [[nodiscard]] bool under_pressure() const {
        return !grows_ && (fragment_count_ < total_fragments_ / 8 || small_.count < small_.total / 8);
    }
    // So little that what peers will send again is not kept: who answers needs a fragment.
    [[nodiscard]] bool nearly_empty() const { return fragment_count_ < total_fragments_ / 32; }

private:
    // Stands at the start of the buffer that it describes; the data begin on the next cache line.
    struct Slot {
        Buffer buffer;
        Slot* next;
    };
    static_assert(sizeof(Slot) <= 64);
    struct Class {
        const uint32_t capacity;
        Slot* free = nullptr;
        size_t count = 0;
        size_t total = 0;
    };
    void add_buffers(std::span<std::byte> memory, Class& of);
    [[nodiscard]] Buffer* take(Class& from);

    Fragment* fragments_ = nullptr;
    size_t fragment_count_ = 0;
    size_t total_fragments_ = 0;
    bool grows_ = false;  // memory was added to what there was, since something was last asked for in vain
    Class small_{small_capacity};
    Class large_{large_capacity};
};

}  // namespace eremite::net
