#pragma once
// Registers of a device in memory: each access is one access of the machine, of just this width.
#include <concepts>
#include <cstdint>

#include "base/address.hpp"

namespace eremite::drivers {

// SAFETY of both: `address` is a register's, mapped uncached (device_memory.hpp).
template <std::unsigned_integral T>
[[nodiscard]] T read_register(VirtualAddress address) { return *address.as<const volatile T>(); }
template <std::unsigned_integral T>
void write_register(VirtualAddress address, T value) { *address.as<volatile T>() = value; }

// `width`: 1, 2 or 4 bytes.
[[nodiscard]] inline uint32_t read_register(VirtualAddress address, unsigned width) {
    return width == 1 ? read_register<uint8_t>(address) : width == 2 ? read_register<uint16_t>(address) : read_register<uint32_t>(address);
}
inline void write_register(VirtualAddress address, unsigned width, uint32_t value) {
    if (width == 1) write_register(address, static_cast<uint8_t>(value));
    else if (width == 2) write_register(address, static_cast<uint16_t>(value));
    else write_register(address, value);
}

}  // namespace eremite::drivers
