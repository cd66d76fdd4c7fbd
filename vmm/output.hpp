#pragma once
// Output of the machine to a descriptor.
#include <cstddef>
#include <span>

namespace eremite::vmm {

// Writes all of it, and waits if need be, though the descriptor may be one that does not block. What nobody reads any more is dropped, as on an
// unplugged line.
void write_all(int fd, std::span<const std::byte> data);

}  // namespace eremite::vmm
