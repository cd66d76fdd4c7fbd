#include "libos/fs/ramfs/file_system.hpp"

#include <fcntl.h>

#include "libos/fs/ramfs/directory.hpp"
#include "libos/fs/ramfs/name_hash.hpp"
#include "libos/fs/ramfs/regular_file.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ramfs {

Result<Ref<Inode>> FileSystem::create_root(uint32_t permissions) {
    Ref<Directory> root = TRY(make_ref<Directory>(*this, permissions));
    root->links_.store(2, std::memory_order_relaxed);
    return Ref<Inode>{std::move(root)};
}

Result<Ref<Inode>> FileSystem::create_unnamed(std::string_view label, uint32_t permissions) {
    if (!has_room()) return Error{ENOSPC};
    Ref<RegularFile> file = TRY(make_ref<RegularFile>(*this, permissions));
    Entry* entry = Entry::create(label, hash_name(label));
    if (!entry) return Error{ENOMEM};
    file->entry_ = entry;
    return Ref<Inode>{std::move(file)};
}

bool FileSystem::has_room() {
    const mm::PageAllocator& allocator = mm::page_allocator();
    return allocator.can_spare(allocator.total_pages() / 64 + 1);
}

FileSystemStatus FileSystem::status() const {
    const mm::PageAllocator& allocator = mm::page_allocator();
    FileSystemStatus status;
    status.magic = magic_;
    status.blocks = allocator.total_pages();
    status.free_blocks = allocator.available_pages();
    // Inodes are bounded by memory alone; the figures are what would fit at a page each.
    status.free_files = allocator.available_pages();
    status.files = status.free_files + inodes_.load(std::memory_order_relaxed);
    status.identifier = device_;
    return status;
}

}  // namespace eremite::fs::ramfs
