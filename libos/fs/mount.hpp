#pragma once
// The mount table: which file system's root stands on which directory. Path walk crosses mounts in both directions; only
// inodes that take part in one are looked for in the table.
#include <string_view>

#include "base/ref.hpp"
#include "base/vector.hpp"
#include "libos/fs/context.hpp"
#include "libos/fs/inode.hpp"

namespace eremite::fs {

struct MountOptions {
    bool read_only = false;
    // Creates the directories of the path that are missing, where mount(2) would say ENOENT.
    bool create_point = false;
};

// One mount; never changes.
class Mount final : public RefCounted {
public:
    Mount(Ref<Inode> point, Ref<Inode> root, String type, String source)
        : point_{std::move(point)}, root_{std::move(root)}, type_{std::move(type)}, source_{std::move(source)} {}
    // Null: the root of all.
    [[nodiscard]] const Ref<Inode>& point() const { return point_; }
    [[nodiscard]] const Ref<Inode>& root() const { return root_; }
    [[nodiscard]] std::string_view type() const { return type_; }
    [[nodiscard]] std::string_view source() const { return source_; }
    // What /proc/self/mountinfo numbers mounts by.
    [[nodiscard]] uint32_t identifier() const { return identifier_; }

private:
    friend class MountTable;
    Ref<Inode> point_;
    Ref<Inode> root_;
    String type_;
    String source_;
    uint32_t identifier_ = 0;
};

// Makes `root`, the root directory of a file system, appear at the directory `path`. `type` and `source` are what
// /proc/mounts shows ("9p", "hostshare"). ENOENT, ENOTDIR, EBUSY: this root is mounted already; ENOMEM; errors of the walk.
[[nodiscard]] Result<void> mount(const Context& context, std::string_view path, Ref<Inode> root, MountOptions options,
                                 std::string_view type, std::string_view source);
// The same where the directory is at hand; null: `root` is the root of all.
[[nodiscard]] Result<void> mount_on(Ref<Inode> point, Ref<Inode> root, MountOptions options, std::string_view type, std::string_view source);
// Uncovers the directory on which `root` is mounted. Files that are open stay usable. What is mounted on directories below
// goes with it or is in the way (EBUSY). EINVAL: it is not mounted; ENOMEM.
[[nodiscard]] Result<void> unmount(const Ref<Inode>& root, bool with_those_below = false);
// All mounts, in the order in which they were made. ENOMEM.
[[nodiscard]] Result<Vector<Ref<Mount>>> mounts();
// Synchronizes every file system that is mounted. The first error, after all were tried.
Result<void> synchronize_all();

namespace mount_table {
[[nodiscard]] Ref<Inode> root_on(const Inode& point);
[[nodiscard]] Ref<Inode> point_below(const Inode& root);
}  // namespace mount_table

// What a path finds at an inode: the root mounted there, if any.
[[nodiscard]] inline Ref<Inode> enter_mounts(Ref<Inode> inode) {
    while (inode->is_mount_point()) [[unlikely]] {
        Ref<Inode> root = mount_table::root_on(*inode);
        if (!root) break;
        inode = std::move(root);
    }
    return inode;
}
// The directory that a mounted root covers; null for all other inodes.
[[nodiscard]] inline Ref<Inode> covered_by(const Inode& root) {
    if (!root.is_mounted_root()) [[likely]] return nullptr;
    return mount_table::point_below(root);
}

}  // namespace eremite::fs
