#pragma once
// How a batch of frames ended.
#include <cstddef>
#include <cstdint>

namespace eremite::vmm::net {

// So many at most, so that nobody keeps the device's thread and lock for himself.
inline constexpr size_t most_at_once = 256;

enum class Outcome : uint8_t {
    Done,             // what there was
    More,             // there may be more
    Needs_buffers,    // the driver tells when it has more
    Needs_channel,    // the channel has no room now
    Broken,           // the queue
};

}  // namespace eremite::vmm::net
