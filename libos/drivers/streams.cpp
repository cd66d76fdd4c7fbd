#include "libos/drivers/streams.hpp"

#include <atomic>

#include "libos/log/log.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

// What is little goes by the ports: to start a console costs as much as so many bytes there.
constexpr size_t worth_a_console = 96;

struct Streams {
    StreamCallbacks callbacks{};
    std::atomic<bool> wanted{false};
    std::atomic<Stream*> standard{nullptr}, error{nullptr};
    std::atomic<size_t> sent_by_port{0};
};
constinit Streams streams{};

Result<void> claim_streams() {
    streams.standard.store(TRY(claim_virtio_stream(streams.callbacks)), std::memory_order_release);
    streams.error.store(TRY(claim_virtio_stream({.input = nullptr, .room = streams.callbacks.room})), std::memory_order_release);
    return {};
}

}  // namespace

void want_streams(const StreamCallbacks& callbacks) {
    streams.callbacks = callbacks;
    streams.wanted.store(true, std::memory_order_relaxed);
}

// What does not work goes by the ports.
void start_streams() {
    static constinit sync::Spinlock lock{sync::Rank::DeviceStart};
    if (!streams.wanted.load(std::memory_order_relaxed)) return;
    const sync::Guard guard{lock};
    if (!streams.wanted.load(std::memory_order_relaxed)) return;
    if (const auto claimed = claim_streams(); !claimed.ok()) log::warn("streams=console: a virtio console cannot be used: error {}", claimed.code());
    streams.wanted.store(false, std::memory_order_relaxed);
}

Stream* stream_for(ConsoleOutput output, size_t size) {
    if (streams.wanted.load(std::memory_order_relaxed) && size != 0 &&
        streams.sent_by_port.fetch_add(size, std::memory_order_relaxed) + size > worth_a_console) start_streams();
    return (output == ConsoleOutput::Error ? streams.error : streams.standard).load(std::memory_order_acquire);
}

}  // namespace eremite::drivers
