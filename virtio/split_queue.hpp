#pragma once
// The split ring (virtio 1.2 section 2.7): a table of descriptors, a ring of those made available, a ring of those used.
#include "virtio/queue.hpp"

namespace eremite::virtio {

class SplitQueue final : public Queue {
public:
    // Requires: the size is a power of two.
    SplitQueue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index);

    [[nodiscard]] Result<void> add(std::span<const Segment> readable, std::span<const Segment> writable, void* token) override;
    [[nodiscard]] bool wants_kick() override;
    [[nodiscard]] std::optional<Completion> take() override;
    void disable_interrupts() override;

private:
    [[nodiscard]] bool ask_for_interrupt(uint16_t after) override;
    // Section 2.7.6 and 2.7.8. The ring stands behind the header, the event index of the other side behind the ring.
    struct Header {
        uint16_t flags;
        uint16_t index;
    };
    [[nodiscard]] uint16_t masked(uint16_t at) const { return at & static_cast<uint16_t>(shape_.size - 1); }
    [[nodiscard]] Header& available() const { return *at<Header>(layout_.driver_area); }
    [[nodiscard]] Header& used() const { return *at<Header>(layout_.device_area); }
    [[nodiscard]] uint16_t& available_entry(uint16_t i) const { return at<uint16_t>(layout_.driver_area + sizeof(Header))[masked(i)]; }
    [[nodiscard]] vring_used_elem& used_entry(uint16_t i) const { return at<vring_used_elem>(layout_.device_area + sizeof(Header))[masked(i)]; }
    [[nodiscard]] uint16_t& used_event() const { return *at<uint16_t>(layout_.driver_area + sizeof(Header) + 2 * size_t{shape_.size}); }
    [[nodiscard]] const uint16_t& available_event() const {
        return *at<uint16_t>(layout_.device_area + sizeof(Header) + sizeof(vring_used_elem) * size_t{shape_.size});
    }

    uint16_t next_available_ = 0;  // as published
    uint16_t kicked_ = 0;          // `next_available_` when the device was told last
    uint16_t next_used_ = 0;
};

}  // namespace eremite::virtio
