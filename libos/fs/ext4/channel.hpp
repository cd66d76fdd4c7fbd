#pragma once
// How libext2fs reads and writes blocks: from and to the block cache, in memory. What it asks for beyond that is refused.
#include <ext2fs/ext2fs.h>

#include "libos/fs/ext4/block_cache.hpp"

namespace eremite::fs::ext4 {

// Opens the volume whose blocks the cache has. `flags`: EXT2_FLAG_*.
[[nodiscard]] Result<ext2_filsys> open_library(BlockCache& cache, int flags);

}  // namespace eremite::fs::ext4
