#pragma once
// The packed ring (virtio 1.2 section 2.8): one ring of descriptors that the driver marks as available and the device as used.
#include "virtio/queue.hpp"

namespace eremite::virtio {

class PackedQueue final : public Queue {
public:
    PackedQueue(const QueueShape& shape, const QueueMemory& memory, QueueOwner& owner, uint16_t index);

    [[nodiscard]] Result<void> add(std::span<const Segment> readable, std::span<const Segment> writable, void* token) override;
    [[nodiscard]] bool wants_kick() override;
    [[nodiscard]] std::optional<Completion> take() override;
    void disable_interrupts() override;

private:
    [[nodiscard]] bool ask_for_interrupt(uint16_t after) override;
    // A place in the ring and the wrap counter there, which starts as 1 (section 2.8.1).
    struct Position {
        uint16_t at = 0;
        bool wrap = true;
    };
    [[nodiscard]] Position advanced(Position from, uint16_t count) const {
        const uint32_t at = uint32_t{from.at} + count;
        return at < shape_.size ? Position{static_cast<uint16_t>(at), from.wrap} : Position{static_cast<uint16_t>(at - shape_.size), !from.wrap};
    }
    [[nodiscard]] bool is_used(Position position) const;
    [[nodiscard]] vring_packed_desc& descriptor(uint16_t i) const { return at<vring_packed_desc>(0)[i]; }
    [[nodiscard]] vring_packed_desc_event& driver_event() const { return *at<vring_packed_desc_event>(layout_.driver_area); }
    // Offset and flags of the device's event suppression are read in one piece.
    [[nodiscard]] uint32_t device_event() const { return load(*at<uint32_t>(layout_.device_area)); }

    Position next_available_{};
    Position next_used_{};
    uint32_t added_ = 0;  // descriptors since the device was told last
};

}  // namespace eremite::virtio
