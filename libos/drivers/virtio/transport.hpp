#pragma once
// How a driver reaches a virtio device (virtio 1.2 chapter 4): by registers in memory, or by PCI in its modern and its legacy form.
// One object for each device, which lives as long as the kernel. Nothing that the device says is trusted.
#include <cstdint>
#include <string_view>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::virtio {

class Queue;

// The entry of a transport's interrupts that a queue does not use.
inline constexpr uint16_t no_interrupt = 0xffff;

class Transport {
public:
    struct Events {
        bool queues;         // something was used
        bool configuration;  // it changed, or the device failed
    };

    [[nodiscard]] virtual std::string_view name() const = 0;
    // VIRTIO_ID_*
    [[nodiscard]] virtual uint32_t device_type() = 0;
    // Of before version 1: rings in one piece, no FEATURES_OK (section 4.1.5 and 4.2.4).
    [[nodiscard]] virtual bool legacy() const = 0;

    [[nodiscard]] virtual uint8_t status() = 0;
    virtual void set_status(uint8_t status) = 0;
    [[nodiscard]] virtual uint64_t offered_features() = 0;
    virtual void accept_features(uint64_t features) = 0;

    // Descriptors that queue `index` can have at most, or must have (has_fixed_queue_size). 0: there is no such queue.
    [[nodiscard]] virtual uint16_t queue_limit(uint16_t index) = 0;
    [[nodiscard]] virtual bool has_fixed_queue_size() const { return false; }
    // Tells the device where the queue is and starts it. `interrupt`: an entry, or no_interrupt. EIO: the device refuses.
    [[nodiscard]] virtual Result<void> start_queue(const Queue& queue, uint16_t interrupt) = 0;
    // Requires: the queue was started. May be called for several queues at once.
    virtual void notify(uint16_t index) = 0;

    // Configuration of the device (section 2.5), 1, 2 or 4 bytes. 0 beyond its end.
    [[nodiscard]] virtual uint32_t read_configuration(uint32_t offset, unsigned width) = 0;
    virtual void write_configuration(uint32_t offset, unsigned width, uint32_t value) = 0;
    // Changes with the configuration; 0 where nothing tells.
    [[nodiscard]] virtual uint32_t configuration_generation() = 0;

    // How many interrupts the device can have; entry 0 is that of its configuration too. 0: none, it can only be polled.
    [[nodiscard]] virtual uint16_t interrupt_count() const = 0;
    [[nodiscard]] virtual Result<void> connect_interrupt(uint16_t entry, unsigned cpu, unsigned vector) = 0;
    virtual void disconnect_interrupt(uint16_t entry) = 0;
    // In the interrupt: what it was for.
    [[nodiscard]] virtual Events acknowledge(uint16_t entry) = 0;

protected:
    ~Transport() = default;
};

}  // namespace eremite::virtio
