#pragma once
// What the host says of its memory (proc(5), meminfo).
#include <cstdint>
#include <string>
#include <string_view>

namespace eremite::vmm {

struct HostMemory {
    uint64_t available = 0;  // bytes that can be had without pushing others out, and swap
    uint64_t huge_page = 0;  // bytes of a huge page
    uint64_t free_huge_pages = 0;
};

// The number behind "Name:" at the start of a line; 0: there is no such line.
[[nodiscard]] uint64_t number_of(std::string_view text, std::string_view name);
[[nodiscard]] HostMemory parse_host_memory(std::string_view meminfo);
// All zero where the host does not say.
[[nodiscard]] HostMemory host_memory();

// As people read it: "1.5 GiB", "64 MiB".
[[nodiscard]] std::string format_memory(uint64_t bytes);

// Throws Error: the host has not so many bytes.
void require_available(uint64_t bytes, const HostMemory& host);

}  // namespace eremite::vmm
