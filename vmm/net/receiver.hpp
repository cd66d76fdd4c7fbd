#pragma once
// Brings frames from a channel to the driver's receive queue (virtio 1.2 section 5.1.6.4), straight into its buffers.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vmm/net/channel.hpp"
#include "vmm/net/outcome.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::vmm::net {

// Nobody knows how long a frame is before it was read, so buffers for the longest one are taken from the queue, as far as there are any; what is left
// over serves the next frame. Where they end too early the rest goes to memory of our own, and waits for further buffers. Requires the device's lock.
class Receiver {
public:
    explicit Receiver(Channel& channel);

    // `features`: as the driver accepted them. The queue is used until stop(), which puts back what was not used.
    void start(uint64_t features, virtio::Queue& queue);
    void stop();
    [[nodiscard]] bool working() const { return queue_ != nullptr; }
    // A batch of frames. Requires: working().
    [[nodiscard]] Outcome run();

private:
    // None: the driver has no more now. Full: it cannot have more for this frame.
    enum class Taken : uint8_t { Buffer, None, Full, Broken };
    // What may come of a frame that was read.
    enum class Placed : uint8_t { Whole, Needs_buffers, Too_long, Broken };
    struct Buffer {
        uint16_t head;
        size_t bytes, pieces;
    };

    [[nodiscard]] Outcome run_batch();
    [[nodiscard]] Taken take_buffer();
    [[nodiscard]] Taken prepare();
    void read_frame();
    [[nodiscard]] Placed place_frame();
    void finish_frame();

    Channel& channel_;
    virtio::Queue* queue_ = nullptr;
    bool merges_ = false, checks_ = false;
    virtio::Chain chain_;
    // The buffers that were taken, and their memory one after the other.
    std::vector<Buffer> buffers_;
    std::vector<iovec> pieces_;
    size_t room_ = 0;
    // Of a frame that is not finished: its bytes with its header, those of them that are in buffers, and the others.
    size_t frame_ = 0, in_buffers_ = 0;
    std::vector<std::byte> rest_;
    std::vector<virtio::Queue::Used> used_;
};

}  // namespace eremite::vmm::net
