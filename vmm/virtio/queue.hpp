#pragma once
// A split virtqueue as the device has it (virtio 1.2 section 2.7). All that stands in it comes from the guest and is hostile: indices, addresses,
// lengths, loops. Each field is read once; a queue with something impossible in it is broken, gives nothing more, and its device asks for a reset.
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "virtio/layout.hpp"
#include "vmm/guest_memory.hpp"

namespace eremite::vmm::virtio {

// A request: memory that the device reads, then memory that it writes. The guest may change what stands there at any time.
struct Chain {
    // Of both kinds together: as many as one readv(2) takes. A queue with a longer request is broken.
    static constexpr size_t most_segments = 1024;

    uint16_t head = 0;
    std::vector<iovec> readable, writable;
    size_t readable_bytes = 0, writable_bytes = 0;
};

// Where the driver put the parts of a queue, and what it negotiated.
struct QueueSetup {
    uint16_t size = 0;
    uint64_t descriptors = 0, driver_area = 0, device_area = 0;  // guest-physical addresses
    bool event_index = false;
};

class Queue {
public:
    // Nothing: the setup makes no sense. `interrupt` tells the driver that the device used something.
    [[nodiscard]] static std::optional<Queue> make(const GuestMemory& memory, const QueueSetup& setup, std::function<void()> interrupt);

    // The next request, in `chain`, whose vectors are used again. False: there is none, or the queue is broken.
    [[nodiscard]] bool pop(Chain& chain);
    // Puts the request that was popped last back, as if it had not been taken; called again, those before it.
    void unpop() { --next_available_; }
    // A request that is done, and the number of bytes that were written into it.
    struct Used {
        uint16_t head;
        uint32_t written;
    };
    // Gives requests back, no more than were popped: the driver sees all of them at once, or none. It is told by flush().
    void push(std::span<const Used> used);
    void push(uint16_t head, uint32_t written) {
        const Used used{head, written};
        push({&used, 1});
    }
    // Interrupts the driver, if it wants that for what was pushed since.
    void flush();
    // Asks to be told of new requests. True: there are some already, and they may not be told.
    [[nodiscard]] bool enable_notifications();
    void disable_notifications();

    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] uint16_t size() const { return setup_.size; }
    // For a snapshot: where the device is in the rings.
    struct Position {
        uint16_t available = 0, used = 0;
    };
    [[nodiscard]] Position position() const { return {next_available_, used_}; }
    void set_position(Position position);

private:
    Queue(const GuestMemory& memory, const QueueSetup& setup, std::function<void()> interrupt) : memory_{&memory}, setup_{setup}, interrupt_{std::move(interrupt)} {}
    [[nodiscard]] bool add_descriptor(Chain& chain, const vring_desc& descriptor) const;
    [[nodiscard]] bool add_chain(Chain& chain, std::span<const std::byte> table, uint32_t count, uint32_t first, bool indirect) const;

    const GuestMemory* memory_;
    QueueSetup setup_;
    std::function<void()> interrupt_;
    std::span<std::byte> descriptors_, available_, used_ring_;
    uint16_t next_available_ = 0, used_ = 0;
    uint16_t signalled_ = 0;  // `used_` when the driver was told last
    bool broken_ = false;
};

}  // namespace eremite::vmm::virtio
