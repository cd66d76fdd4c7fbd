#pragma once
// What a guest can ask of a share, by opcodes of linux/fuse.h. Each takes its structure, names and data from the request, and puts its reply. What
// fails has that errno, as the system call tells it; EBADF: the guest has no such file (node) or handle; EINVAL: a request that cannot be.
#include "vmm/fs/share.hpp"

namespace eremite::vmm::fs::operations {

using Operation = Result<void>(Share& share, Request& request, Reply& reply);

// Names (names.cpp).
Operation lookup, forget, batch_forget, make_node, make_folder, make_symbolic_link, link, unlink, remove_folder, rename, rename2, read_link;
// Attributes (attributes.cpp).
Operation get_attributes, set_attributes, access, file_system_status;
// Files and their contents (files.cpp).
Operation open, create, make_nameless, read, write, flush, synchronize, release, allocate, seek, copy_range;
// Folders that are listed (folders.cpp).
Operation open_folder, list, list_and_look_up, synchronize_folder, release_folder, synchronize_all;
// Takes set-user-ID and set-group-ID away from an open file, as somebody else's change of it does.
[[nodiscard]] Result<void> drop_set_ids(int file);
// Extended attributes (extended_attributes.cpp).
Operation set_extended, get_extended, list_extended, remove_extended;

}  // namespace eremite::vmm::fs::operations
