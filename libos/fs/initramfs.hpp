#pragma once
// Unpacks a cpio archive into a directory.
#include <cstdint>
#include <span>

#include "libos/fs/cpio.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs {

// How the unpacking ended, for a message such as "initramfs: truncated at offset 512".
struct UnpackReport {
    CpioError archive_error = CpioError::None;
    int file_error = 0;       // errno of a file that could not be created: ENOSPC, ENOMEM, ...
    size_t offset = 0;        // of the error in the archive
    size_t entries = 0;       // unpacked
    [[nodiscard]] bool ok() const { return archive_error == CpioError::None && file_error == 0; }
};

// Unpacks all archives in `bytes`. Names are taken relative to `root`; leading slashes and "." count for nothing and ".."
// cannot leave it; missing parents are created; symbolic links on the way are not followed, so that an archive cannot
// reach outside. A later entry replaces an earlier one of the same name. Stops at the first error and keeps what it has.
[[nodiscard]] UnpackReport unpack_initramfs(const Ref<Inode>& root, std::span<const uint8_t> bytes);

// Whether these bytes begin like a cpio archive (compressed ones do not).
[[nodiscard]] bool is_initramfs(std::span<const uint8_t> bytes);

}  // namespace eremite::fs
