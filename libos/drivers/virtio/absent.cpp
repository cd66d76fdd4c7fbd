// Stands for virtio devices in an image without the component.
#include "libos/drivers/streams.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio_balloon.hpp"
#include "libos/drivers/virtio_rng.hpp"
#include "libos/log/log.hpp"

namespace eremite::virtio {

void set_machine(const Machine& machine) {
    for (const std::string_view text : machine.announcements)
        log::warn("virtio_mmio.device={}: this image was linked without the component virtio", text);
}

}  // namespace eremite::virtio

namespace eremite::drivers {

// They go by the ports.
void want_streams(const StreamCallbacks&) {}
void start_streams() {}
Stream* stream_for(ConsoleOutput, size_t) { return nullptr; }
Result<void> start_virtio_balloon() { return Error{ENODEV}; }
Result<void> poll_virtio_entropy(std::span<uint8_t>) { return Error{ENODEV}; }
Result<size_t> read_virtio_entropy(std::span<uint8_t>, bool) { return Error{ENODEV}; }

}  // namespace eremite::drivers
