#include "libos/init/executable_file.hpp"

#include <cstring>

namespace eremite::init {

Result<void> ModuleSource::read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) {
    return mm::copy_to_user(destination, direct_map(module_.start + offset).as<const void>(), length);
}

Result<void> ModuleSource::read(uint64_t offset, void* destination, uint64_t length) {
    // SAFETY: the direct map reaches the module, and the loader stays within it.
    std::memcpy(destination, direct_map(module_.start + offset).as<const void>(), length);
    return {};
}

Result<void> FileSource::read_into(uint64_t offset, fs::IoBuffer buffer) {
    while (buffer.remaining() != 0) {
        const size_t count = TRY(inode_.read(offset, buffer));
        if (count == 0) return Error{EIO};
    }
    return {};
}

Result<void> FileSource::read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) {
    return read_into(offset, fs::IoBuffer::user(destination, length));
}

Result<void> FileSource::read(uint64_t offset, void* destination, uint64_t length) {
    return read_into(offset, fs::IoBuffer::kernel({static_cast<const uint8_t*>(destination), length}));
}

}  // namespace eremite::init
