#pragma once
// A file system in memory. One lock guards the tree of names: it is held for a few hundred instructions at most, and with
// a single one renames need no order among directories.
#include <atomic>
#include <cstdint>

#include "base/ref.hpp"
#include "libos/fs/attributes.hpp"
#include "libos/fs/file_system.hpp"
#include "libos/fs/inode.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::ramfs {

class Directory;
class Node;
class RegularFile;

// Opens a device node; called with the inode and O_* flags. ENXIO: no such device.
using DeviceOpener = Result<Ref<File>> (*)(Ref<Inode> node, uint32_t flags);

class FileSystem final : public fs::FileSystem {
public:
    // `device`: st_dev.
    constexpr FileSystem(uint64_t device, DeviceOpener device_opener) : fs::FileSystem{device}, device_opener_{device_opener} {}

    // A root directory of its own; called once. ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> create_root(uint32_t permissions);
    // The root directory of a new file system, which goes with its last inode. ENOMEM.
    [[nodiscard]] static Result<Ref<Inode>> create(uint32_t permissions, DeviceOpener device_opener);
    // A file without a name (memfd_create, O_TMPFILE); `label` is what /proc/self/fd shows. ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> create_unnamed(std::string_view label, uint32_t permissions);

    // Files and names leave the last pages of memory to the program, whose page faults cannot fail as gracefully as a write can.
    [[nodiscard]] static bool has_room();
    [[nodiscard]] Result<FileSystemStatus> status() override;
    [[nodiscard]] DeviceOpener device_opener() const { return device_opener_; }
    [[nodiscard]] uint64_t new_inode_number() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] sync::Spinlock& tree_lock() { return tree_lock_; }
    // Counts for statfs(). A file system that nobody else owns ends with its last inode.
    void inode_created() { inodes_.fetch_add(1, std::memory_order_relaxed); }
    void inode_destroyed() {
        if (inodes_.fetch_sub(1, std::memory_order_acq_rel) == 1 && owned_by_inodes_) delete this;
    }

private:
    DeviceOpener device_opener_;
    bool owned_by_inodes_ = false;
    std::atomic<uint64_t> next_inode_{1};
    std::atomic<uint64_t> inodes_{0};
    sync::Spinlock tree_lock_{sync::Rank::Directory};
};

}  // namespace eremite::fs::ramfs
