// rename(2) within an ext4 file system.
#include "libos/fs/ext4/directory.hpp"

namespace eremite::fs::ext4 {

Result<void> Directory::may_replace(Node& moved, Node& replaced) {
    if (replaced.is_mount_point()) return Error{EBUSY};
    if (!replaced.is_directory()) return moved.is_directory() ? Result<void>{Error{ENOTDIR}} : Result<void>{};
    if (!moved.is_directory()) return Error{EISDIR};
    auto& directory = static_cast<Directory&>(replaced);
    TRY(directory.index_.load(directory.map()));
    return directory.index_.count() == 0 ? Result<void>{} : Result<void>{Error{ENOTEMPTY}};
}

// The directory is now in this one.
Result<void> Directory::set_parent(Directory& moved) {
    moved.change();
    TRY(moved.index_.replace(moved.map(), "..", number(), EXT2_FT_DIR));
    TRY(count_directory(1));
    return moved.store();
}

Result<void> Directory::rename(std::string_view name, Inode& to_inode, std::string_view new_name, RenameMode mode) {
    if (&to_inode.file_system() != &owner_) return Error{EXDEV};
    auto& to = static_cast<Directory&>(to_inode);
    if (mode == RenameMode::Replace) {
        Ref<Node> moved, replaced;
        {
            const sched::MutexGuard guard{volume().mutex()};
            if (auto found = find(name); found.ok()) moved = std::move(found).value();
            if (auto found = to.find(new_name); found.ok()) replaced = std::move(found).value();
        }
        if (moved && replaced && moved != replaced) moved->will_replace();
    }
    // Released behind the lock.
    Ref<Node> replaced;
    TRY(move_name(name, to, new_name, mode, replaced));
    if (!replaced || mode != RenameMode::Replace) return {};
    replaced->lost_name();
    replaced = nullptr;
    owner_.reap_soon();
    return {};
}

Result<void> Directory::move_name(std::string_view name, Directory& to, std::string_view new_name, RenameMode mode, Ref<Node>& replaced) {
    String text = TRY(String::copy(new_name)), old_text = TRY(String::copy(name));
    Ref<Node> moved;
    Operation operation{volume()};
    TRY(operation.begin());
    TRY(owner_.expect_orphan());
    moved = TRY(find(name));
    if (to.links() == 0) return Error{ENOENT};
    if (auto found = to.find(new_name); found.ok()) replaced = std::move(found).value();
    else if (found.code() != ENOENT) return found.error();
    if (moved == replaced) return mode == RenameMode::NoReplace ? Result<void>{Error{EEXIST}} : Result<void>{};
    const bool exchange = mode == RenameMode::Exchange;
    if (exchange && !replaced) return Error{ENOENT};
    if (mode == RenameMode::NoReplace && replaced) return Error{EEXIST};
    if (moved->is_mount_point() || (exchange && replaced->is_mount_point())) return Error{EBUSY};
    // No directory may come to be below itself.
    if (moved->is_directory() && to.is_below(*moved)) return Error{EINVAL};
    if (exchange && replaced->is_directory() && is_below(*replaced)) return Error{EINVAL};
    if (replaced && !exchange) {
        if (replaced->is_directory() && is_below(*replaced)) return Error{ENOTEMPTY};
        TRY(may_replace(*moved, *replaced));
    }
    change();
    to.change();
    if (replaced) TRY(to.index_.replace(to.map(), new_name, moved->number(), moved->entry_type()));
    else TRY(to.add_name(new_name, *moved));
    if (exchange) TRY(index_.replace(map(), name, replaced->number(), replaced->entry_type()));
    else TRY(index_.remove(map(), name));
    if (this != &to && moved->is_directory()) {
        TRY(count_directory(-1));
        TRY(to.set_parent(static_cast<Directory&>(*moved)));
    }
    if (exchange && this != &to && replaced->is_directory()) {
        TRY(to.count_directory(-1));
        TRY(set_parent(static_cast<Directory&>(*replaced)));
    }
    if (replaced && !exchange) TRY(to.drop_link(*replaced));
    for (Node* node : {moved.get(), exchange ? replaced.get() : nullptr}) {
        if (!node) continue;
        node->change();
        node->touch(Change);
        TRY(node->store());
    }
    touch(Modification | Change);
    TRY(store());
    to.touch(Modification | Change);
    TRY(to.store());
    TRY(operation.keep());
    to.give_place(*moved, text);
    if (exchange) {
        give_place(*replaced, old_text);
    } else if (replaced && replaced->links() == 0) {
        owner_.add_orphan(replaced->number());
        owner_.forget_recent(*replaced);
        const sync::Guard guard{owner_.lock()};
        replaced->lose_name();
    }
    return {};
}

}  // namespace eremite::fs::ext4
