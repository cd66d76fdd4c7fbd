#include "libos/fs/ext4/errors.hpp"

#include <ext2fs/ext2fs.h>

namespace eremite::fs::ext4 {

Error error_of(long code) {
    // Below the table of the library: an errno, ours or its own.
    if (code > 0 && code < 4096) return Error{static_cast<int>(code)};
    switch (code) {
        case EXT2_ET_NO_MEMORY: return Error{ENOMEM};
        case EXT2_ET_BLOCK_ALLOC_FAIL:
        case EXT2_ET_INODE_ALLOC_FAIL:
        case EXT2_ET_EA_NO_SPACE:
        case EXT2_ET_CANT_INSERT_EXTENT:
        case EXT2_ET_EXTENT_NO_SPACE: return Error{ENOSPC};
        case EXT2_ET_FILE_NOT_FOUND: return Error{ENOENT};
        case EXT2_ET_FILE_TOO_BIG: return Error{EFBIG};
        case EXT2_ET_EA_KEY_NOT_FOUND: return Error{ENODATA};
        case EXT2_ET_EA_BAD_NAME_LEN:
        case EXT2_ET_EA_BAD_VALUE_SIZE:
        case EXT2_ET_INVALID_ARGUMENT: return Error{EINVAL};
        case EXT2_ET_RO_FILSYS: return Error{EROFS};
        case EXT2_ET_UNSUPP_FEATURE:
        case EXT2_ET_RO_UNSUPP_FEATURE:
        case EXT2_ET_UNIMPLEMENTED:
        case EXT2_ET_OP_NOT_SUPPORTED: return Error{ENOTSUP};
        case EXT2_ET_SHORT_READ:
        case EXT2_ET_SHORT_WRITE: return Error{EIO};
        default: return Error{EUCLEAN};
    }
}

}  // namespace eremite::fs::ext4
