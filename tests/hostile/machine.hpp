#pragma once
// The machine as a malicious image in ring 3 has it: all memory, ports and devices.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/random.hpp"

namespace eremite::hostile {

using test::Random;

// The machine is run with so much memory; the image and its stacks end below `play_start`. What devices may write to lies above.
inline constexpr uint64_t memory_size = uint64_t{64} << 20, play_start = uint64_t{16} << 20;
inline constexpr uint64_t devices_at = 0xd0000000, device_size = 0x1000;
inline constexpr size_t most_devices = 19;

// SAFETY: all addresses below 4 GiB are mapped where they are, and behind them windows; where nothing is, reads and writes are the monitor's.
template <typename T>
volatile T& at(uint64_t address) { return *reinterpret_cast<volatile T*>(address); }
inline std::byte* bytes_at(uint64_t address) { return reinterpret_cast<std::byte*>(address); }

inline void out8(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
inline void out16(uint16_t port, uint16_t value) { asm volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
inline void out32(uint16_t port, uint32_t value) { asm volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
inline uint8_t in8(uint16_t port) { uint8_t value; asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value; }
inline uint16_t in16(uint16_t port) { uint16_t value; asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port)); return value; }
inline uint32_t in32(uint16_t port) { uint32_t value; asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port)); return value; }
inline void out_string(uint16_t port, const std::byte* from, size_t count) {
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}
inline void in_string(uint16_t port, std::byte* to, size_t count) { asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory"); }

// Where an address that is none of the first 4 GiB can be reached; null: the processor has not that many address bits, or too many were asked for.
[[nodiscard]] std::byte* window_to(uint64_t address);

// Starts the second processor, if there is one.
void start_second_cpu();

// What stands behind "--" on the kernel's command line, word by word; empty: no more.
[[nodiscard]] std::string_view argument(size_t index);
[[nodiscard]] uint64_t number(std::string_view text);

// Ends the machine as an image of Eremite does (abi/host_channel.hpp), with a program's exit status.
[[noreturn]] void finish(unsigned status);
[[noreturn]] void triple_fault();

// One of a list.
template <typename T, size_t N>
T any_of(Random& random, const T (&list)[N]) { return list[random.below(N)]; }

}  // namespace eremite::hostile
