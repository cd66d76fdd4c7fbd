#pragma once
// A file or a block device of the host, as the disk of a machine.
#include <cstdint>
#include <string>

#include "vmm/unique_fd.hpp"

namespace eremite::vmm::block {

// Section 5.2.4: the unit of all addresses and lengths, whatever the size of blocks.
inline constexpr uint32_t sector_size = 512;

struct Disk {
    UniqueFd file;
    uint64_t sectors = 0;
    uint32_t block_size = sector_size;
    bool read_only = false;
    bool can_punch = false;  // parts of it can be given back to the host
};

// Opens and locks it, for as long as the file is open: for itself, or with others that read only. Throws Error: it cannot be opened, is not a disk,
// has no size of whole sectors, or another machine has it.
[[nodiscard]] Disk open_disk(const std::string& path, bool read_only);

}  // namespace eremite::vmm::block
