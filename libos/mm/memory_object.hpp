#pragma once
// Something whose pages can be mapped: a file, a device, shared anonymous memory.
#include <cstdint>

#include "base/address.hpp"
#include "base/ref.hpp"

namespace eremite::mm {

class MemoryObject : public RefCounted {
public:
    // The frame that holds bytes [index * 4096, index * 4096 + 4096). It stays valid as long as a mapping holds the object,
    // unless the object becomes shorter: then AddressSpace::drop_object_pages comes before its frames go.
    // `for_write`: the caller will map it writable and shared. ENXIO: beyond the end (SIGBUS); ENOMEM.
    [[nodiscard]] virtual Result<PhysicalAddress> page(uint64_t index, bool for_write) = 0;
    // A mapping of this object was created / has gone.
    virtual void mapped() {}
    virtual void unmapped() {}
    // What /proc/self/maps shows: writes a path of at most `size` bytes, returns its length; inode number in `inode`.
    virtual size_t describe(char* path, size_t size, uint64_t& inode) const = 0;
};

}  // namespace eremite::mm
