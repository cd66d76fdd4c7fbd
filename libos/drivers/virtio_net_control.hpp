#pragma once
// The control queue of a network device (virtio 1.2 section 5.1.6.5). Used by one CPU at a time; has no interrupts.
#include <cstddef>
#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"
#include "libos/drivers/virtio/device.hpp"

namespace eremite::drivers {

class VirtioNetControl {
public:
    VirtioNetControl() = default;
    VirtioNetControl(const VirtioNetControl&) = delete;
    VirtioNetControl& operator=(const VirtioNetControl&) = delete;

    // Makes the queue, before the device starts; again after the device was made anew. Errors of Device::start_queue().
    [[nodiscard]] Result<void> start(virtio::Device& device, uint16_t index);
    // There is none any more.
    void forget() { queue_ = nullptr; }
    [[nodiscard]] bool exists() const { return queue_ != nullptr; }

    // Has the device use so many pairs of queues, and waits in a loop until it does: for a second or two at most. EIO: it refuses, or does
    // not answer; then it may or may not use them.
    [[nodiscard]] Result<void> use_pairs(uint16_t count);
    // The driver heard that it shall announce itself. Does not wait: if the device does not take it, it asks again.
    void acknowledge_announcement();

private:
    // As the device reads and writes it.
    struct Message {
        uint8_t kind[2];  // class, command
        uint16_t pairs;
        uint8_t answer;
    };
    // Each kind of message has a place, which is the device's until it answers.
    enum Place : size_t { Pairs, Announcement, Places };

    [[nodiscard]] Result<void> send(Place place, uint8_t kind, uint8_t command, uint16_t pairs, size_t size);
    void take_answers();

    virtio::Queue* queue_ = nullptr;
    Message* messages_ = nullptr;  // Places of them, ours for good: a device that does not stop may still write there
    bool under_way_[Places]{};
};

}  // namespace eremite::drivers
