// rename(2) and renameat2(2) in ramfs.
#include <algorithm>

#include "libos/fs/ramfs/directory.hpp"
#include "libos/fs/name_hash.hpp"

namespace eremite::fs::ramfs {

// What forbids the rename, in the order in which Linux checks.
Result<void> Directory::may_rename(const Entry* from, const Directory& to, const Entry* target, RenameMode mode) const {
    if (!from) return Error{ENOENT};
    if (target && mode == RenameMode::NoReplace) return Error{EEXIST};
    if (!target && mode == RenameMode::Exchange) return Error{ENOENT};
    const Node& source = *from->node;
    if (source.is_directory() && to.is_below(source)) return Error{EINVAL};
    if (to.removed_) return Error{ENOENT};
    if (source.is_mount_point()) return Error{EBUSY};
    if (!target) return {};
    const Node& old = *target->node;
    if (old.is_directory() && is_below(old)) return Error{mode == RenameMode::Exchange ? EINVAL : ENOTEMPTY};
    if (old.is_mount_point()) return Error{EBUSY};
    if (mode == RenameMode::Exchange || &old == &source) return {};
    if (source.is_directory() && !old.is_directory()) return Error{ENOTDIR};
    if (!source.is_directory() && old.is_directory()) return Error{EISDIR};
    if (old.is_directory() && static_cast<const Directory&>(old).count_ != 0) return Error{ENOTEMPTY};
    return {};
}

void Directory::exchange(Entry* a, Directory& other, Entry* b) {
    Node& node_a = *a->node;
    Node& node_b = *b->node;
    if (node_a.entry_ == a) node_a.entry_ = b;
    if (node_b.entry_ == b) node_b.entry_ = a;
    std::swap(a->node, b->node);
    count_directory(*this, node_a, -1);
    count_directory(other, node_a, 1);
    count_directory(other, node_b, -1);
    count_directory(*this, node_b, 1);
}

Result<void> Directory::rename(std::string_view name, Inode& to_inode, std::string_view new_name, RenameMode mode) {
    if (&to_inode.file_system() != &file_system()) return Error{EXDEV};
    if (!to_inode.is_directory()) return Error{ENOTDIR};
    auto& to = static_cast<Directory&>(to_inode);
    const uint32_t hash = hash_name(name);
    const uint32_t new_hash = hash_name(new_name);
    Entry* moved = mode == RenameMode::Exchange ? nullptr : Entry::create(new_name, new_hash);
    if (!moved && mode != RenameMode::Exchange) return Error{ENOMEM};
    Ref<Node> replaced;  // released behind the lock
    Ref<Node> node;
    Result<void> result;
    {
        const sync::Guard guard{owner().tree_lock()};
        Entry* const from = find(name, hash);
        Entry* const target = to.find(new_name, new_hash);
        result = may_rename(from, to, target, mode);
        const bool same = result.ok() && target && target->node == from->node;
        if (result.ok() && !same && mode == RenameMode::Exchange) {
            node = from->node;
            replaced = target->node;
            exchange(from, to, target);
        } else if (result.ok() && !same) {
            result = to.make_room();
            if (result.ok()) {
                node = std::move(from->node);
                remove(from);
                count_directory(*this, *node, -1);
                if (target) {
                    to.remove(target);
                    replaced = std::move(target->node);
                    if (replaced->is_directory()) static_cast<Directory&>(*replaced).removed_ = true;
                    replaced->links_.fetch_sub(replaced->is_directory() ? 2 : 1, std::memory_order_relaxed);
                    count_directory(to, *replaced, -1);
                    detach(replaced, target, to);
                }
                // attach() frees the old entry only where the node was known by it.
                if (node->entry_ != from) Entry::destroy(from);
                to.place(moved, node);
                moved = nullptr;
                count_directory(to, *node, 1);
            }
        }
    }
    if (moved) Entry::destroy(moved);
    if (!result.ok() || !node) return result;
    node->touch_change();
    if (replaced) replaced->touch_change();
    touch_modification();
    if (&to != this) to.touch_modification();
    return {};
}

}  // namespace eremite::fs::ramfs
