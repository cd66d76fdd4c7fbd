#pragma once
// Brings frames from the driver's send queue to a channel (virtio 1.2 section 5.1.6.2), straight from the guest's memory.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vmm/net/channel.hpp"
#include "vmm/net/outcome.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::vmm::net {

// Requires the device's lock.
class Sender {
public:
    explicit Sender(Channel& channel) : channel_{channel} {}

    // As Receiver's.
    void start(uint64_t features, virtio::Queue& queue);
    void stop() { queue_ = nullptr; }
    [[nodiscard]] bool working() const { return queue_ != nullptr; }
    // A batch of frames. Those with a header that makes no sense are lost. Requires: working().
    [[nodiscard]] Outcome run();

private:
    [[nodiscard]] Outcome run_batch();
    [[nodiscard]] Channel::Sent send_frame();

    Channel& channel_;
    virtio::Queue* queue_ = nullptr;
    uint64_t features_ = 0;
    virtio::Chain chain_;
    std::vector<iovec> pieces_;
};

}  // namespace eremite::vmm::net
