#pragma once
// The shape of the program's address space.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/address.hpp"

namespace eremite::mm {

// Below it nothing is ever mapped, so that a null pointer with an offset faults (vm.mmap_min_addr of Linux).
inline constexpr uint64_t lowest_address = 0x1'0000;
// Where mappings are placed, from the top down; the seed lowers it by up to 2^28 pages, as Linux does.
inline constexpr uint64_t highest_map_end = user_address_end - page_size;
inline constexpr unsigned random_page_bits = 28;
// MAP_32BIT: the second GiB, as mmap(2) says of Linux.
inline constexpr uint64_t low_window_start = 0x4000'0000;
inline constexpr uint64_t low_window_end = 0x8000'0000;
// Kept free below a stack (stack_guard_gap of Linux) and the size up to which MAP_GROWSDOWN grows (RLIMIT_STACK).
inline constexpr uint64_t stack_guard_size = 256 * page_size;
inline constexpr uint64_t stack_growth_limit = uint64_t{8} << 20;
// Pages that promises leave to the kernel itself.
inline constexpr uint64_t commit_margin = 16;
// Pages kept for faults on memory that nobody promised, stacks above all, and for tables: a part of memory, at most 1 MiB.
[[nodiscard]] constexpr uint64_t fault_margin(uint64_t total_pages) {
    return std::min<uint64_t>(total_pages / 128, 256);
}
// Pages mapped at one fault, at most.
inline constexpr uint32_t longest_run = 16;
inline constexpr uint64_t pages_per_large_page = large_page_size / page_size;
// What /proc/self/maps calls them.
inline constexpr std::string_view heap_name = "[heap]";
inline constexpr std::string_view stack_name = "[stack]";

}  // namespace eremite::mm
