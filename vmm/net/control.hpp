#pragma once
// The control queue of a network device (virtio 1.2 section 5.1.6.5). Of its commands there is the number of pairs of queues that are used.
#include <cstdint>
#include <functional>

#include "vmm/net/outcome.hpp"
#include "vmm/virtio/queue.hpp"

namespace eremite::vmm::net {

class Control {
public:
    // Has the device use so many pairs; false: it cannot.
    using UsePairs = std::function<bool(uint16_t pairs)>;

    Control(virtio::Queue& queue, UsePairs use_pairs) : queue_{queue}, use_pairs_{std::move(use_pairs)} {}
    // Answers a batch of commands: Done, More or Broken. Requires the device's lock.
    [[nodiscard]] Outcome run();

private:
    [[nodiscard]] Outcome run_batch();
    [[nodiscard]] bool execute() const;

    virtio::Queue& queue_;
    const UsePairs use_pairs_;
    virtio::Chain chain_;
};

}  // namespace eremite::vmm::net
