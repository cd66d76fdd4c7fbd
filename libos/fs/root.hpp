#pragma once
// The file tree that the program finds: a ramfs with /dev, /proc, /sys and /tmp, and the standard streams.
#include "libos/fs/context.hpp"
#include "libos/fs/file_table.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs {

// Builds the tree and makes it the context's root and working directory. Called once at boot, after the page allocator and
// the clock are up. ENOMEM.
[[nodiscard]] Result<void> initialize_root(Context& context);

// Opens descriptors 0, 1 and 2 on the console. Requires: initialize_root(). ENOMEM.
[[nodiscard]] Result<void> open_standard_streams(const Context& context, FileTable& files);

}  // namespace eremite::fs
