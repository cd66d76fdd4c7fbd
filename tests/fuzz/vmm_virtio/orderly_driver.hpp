#pragma once
// What a driver does at a device's registers that is in order, for fuzzers to begin with.
#include <cstdint>
#include <span>

#include "vmm/virtio/mmio.hpp"

namespace eremite::test {

inline constexpr uint32_t queue_bytes = 256;  // of a queue of eight, from 0 on

inline void set_register(vmm::virtio::MmioTransport& transport, uint64_t reg, uint32_t value) { transport.write(reg, std::as_bytes(std::span{&value, 1})); }

// Brings the device up with all queues, and all that it offers but event indices: these would ask for notifications and interrupts that a fuzzer
// seldom finds.
inline void bring_up(vmm::virtio::MmioTransport& transport) {
    constexpr uint32_t event_indices = uint32_t{1} << 29;
    const auto set = [&transport](uint64_t reg, uint32_t value) { set_register(transport, reg, value); };
    set(0x70, 0);
    for (const uint32_t half : {0U, 1U}) {
        uint32_t offered = 0;
        set(0x14, half);
        transport.read(0x10, std::as_writable_bytes(std::span{&offered, 1}));
        set(0x24, half);
        set(0x20, half == 0 ? offered & ~event_indices : offered);
    }
    set(0x70, 11);
    for (uint32_t queue = 0; queue < transport.queue_count(); ++queue) {
        set(0x30, queue);
        set(0x38, 8);
        set(0x80, queue * queue_bytes);
        set(0x90, queue * queue_bytes + 128);
        set(0xa0, queue * queue_bytes + 152);
        set(0x44, 1);
    }
    set(0x70, 15);
}

}  // namespace eremite::test
