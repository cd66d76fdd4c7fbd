#pragma once
// Something whose pages can be mapped: a file, a device, shared anonymous memory.
#include <cstdint>

#include "base/address.hpp"
#include "base/ref.hpp"

namespace eremite::mm {

class MemoryObject : public RefCounted {
public:
    // The frame that holds bytes [index * 4096, index * 4096 + 4096). It stays valid as long as a mapping holds the object, unless the
    // object becomes shorter or takes it back: AddressSpace::drop_object_pages or release_object_pages comes before the frame goes.
    // `for_write`: the caller will map it writable and shared. ENXIO: beyond the end (SIGBUS); ENOMEM; EAGAIN: not there yet,
    // fetch() brings it. Called with the address space locked: does not wait.
    [[nodiscard]] virtual Result<PhysicalAddress> page(uint64_t index, bool for_write) = 0;
    // Brings the page, for which it may wait; then page() is asked again, which may not find it any more. Called without locks.
    // ENXIO, ENOMEM; EIO: it cannot be read (SIGBUS).
    [[nodiscard]] virtual Result<void> fetch(uint64_t /*index*/, bool /*for_write*/) { return Error{EIO}; }
    // Whether the object has to know which pages are written: then each is mapped read-only until it is.
    [[nodiscard]] virtual bool tracks_writes() const { return false; }
    // Returns when what was written to these pages through mappings has reached what keeps it (msync(2)). May wait. EIO, ENOSPC.
    [[nodiscard]] virtual Result<void> synchronize_pages(uint64_t /*first*/, uint64_t /*count*/) { return {}; }
    // A mapping of this object was created / has gone.
    virtual void mapped() {}
    virtual void unmapped() {}
    // What /proc/self/maps shows: writes a path of at most `size` bytes, returns its length; inode number in `inode`.
    virtual size_t describe(char* path, size_t size, uint64_t& inode) const = 0;
};

}  // namespace eremite::mm
