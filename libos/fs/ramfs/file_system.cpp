#include "libos/fs/ramfs/file_system.hpp"

#include <linux/magic.h>

#include <memory>

#include "libos/fs/ramfs/directory.hpp"
#include "libos/fs/name_hash.hpp"
#include "libos/fs/ramfs/regular_file.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::fs::ramfs {

Result<Ref<Inode>> FileSystem::create_root(uint32_t permissions) {
    Ref<Directory> root = TRY(make_ref<Directory>(*this, permissions));
    root->links_.store(2, std::memory_order_relaxed);
    return Ref<Inode>{std::move(root)};
}

Result<Ref<Inode>> FileSystem::create(uint32_t permissions, DeviceOpener device_opener) {
    std::unique_ptr<FileSystem> file_system{new (std::nothrow) FileSystem{new_device_number(), device_opener}};
    if (!file_system) return Error{ENOMEM};
    Ref<Inode> root = TRY(file_system->create_root(permissions));
    file_system.release()->owned_by_inodes_ = true;
    return root;
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

Result<FileSystemStatus> FileSystem::status() {
    const mm::PageAllocator& allocator = mm::page_allocator();
    FileSystemStatus status;
    status.magic = TMPFS_MAGIC;
    status.blocks = allocator.total_pages();
    status.free_blocks = allocator.available_pages();
    // Inodes are bounded by memory alone; the figures are what would fit at a page each.
    status.free_files = allocator.available_pages();
    status.files = status.free_files + inodes_.load(std::memory_order_relaxed);
    status.identifier = device();
    return status;
}

}  // namespace eremite::fs::ramfs
