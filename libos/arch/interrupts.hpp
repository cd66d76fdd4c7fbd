#pragma once
// Interrupts of devices as generic code sees them: each CPU has vectors for them, and a device is told one by a message.
#include <cstdint>

#include "abi/cpu_block_offsets.h"

namespace eremite::arch {

// The vectors of each CPU that are for devices.
inline constexpr unsigned first_device_vector = FIRST_INTERRUPT_VECTOR + 1;
inline constexpr unsigned device_vector_count = FLUSH_VECTOR - first_device_vector;

// What a device writes, and where, to interrupt a CPU (Intel SDM vol. 3, 11.11; PCI calls it a message signalled interrupt).
struct InterruptMessage {
    uint64_t address;
    uint32_t data;
};
[[nodiscard]] InterruptMessage interrupt_message(unsigned cpu, unsigned vector);

}  // namespace eremite::arch
