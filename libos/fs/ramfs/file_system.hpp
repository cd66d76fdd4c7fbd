#pragma once
// A file system in memory. One lock guards the tree of names: it is held for a few hundred instructions at most, and with
// a single one renames need no order among directories.
#include <atomic>
#include <cstdint>

#include "base/ref.hpp"
#include "libos/fs/attributes.hpp"
#include "libos/fs/inode.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::ramfs {

class Directory;
class Node;
class RegularFile;

// Opens a device node; called with the inode and O_* flags. ENXIO: no such device.
using DeviceOpener = Result<Ref<File>> (*)(Ref<Inode> node, uint32_t flags);

// Outlives its inodes.
class FileSystem {
public:
    // `magic`: what statfs() reports (TMPFS_MAGIC). `device_number`: st_dev.
    constexpr FileSystem(uint64_t magic, uint64_t device_number, DeviceOpener device_opener)
        : magic_{magic}, device_{device_number}, device_opener_{device_opener} {}
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;

    // A root directory of its own; called once. ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> create_root(uint32_t permissions);
    // A file without a name (memfd_create, O_TMPFILE); `label` is what /proc/self/fd shows. ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> create_unnamed(std::string_view label, uint32_t permissions);

    // Files and names leave the last pages of memory to the program, whose page faults cannot fail as gracefully as a write can.
    [[nodiscard]] static bool has_room();
    [[nodiscard]] FileSystemStatus status() const;
    [[nodiscard]] uint64_t device() const { return device_; }
    [[nodiscard]] DeviceOpener device_opener() const { return device_opener_; }
    [[nodiscard]] uint64_t new_inode_number() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] sync::Spinlock& tree_lock() { return tree_lock_; }
    // Counts for statfs().
    void count_inode(int change) { inodes_.fetch_add(static_cast<uint64_t>(int64_t{change}), std::memory_order_relaxed); }

private:
    uint64_t magic_;
    uint64_t device_;
    DeviceOpener device_opener_;
    std::atomic<uint64_t> next_inode_{1};
    std::atomic<uint64_t> inodes_{0};
    sync::Spinlock tree_lock_{sync::Rank::Directory};
};

}  // namespace eremite::fs::ramfs
