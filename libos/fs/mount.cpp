#include "libos/fs/mount.hpp"

#include <algorithm>

#include "base/immortal.hpp"
#include "libos/fs/notify/watch.hpp"
#include "libos/fs/path.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {

// The table proper.
class MountTable {
public:
    Result<void> add(Ref<Mount> mount) {
        const sync::Guard guard{lock_};
        if (mount->root_->is_mounted_root() || (mount->point_ && mount->point_->is_mount_point())) return Error{EBUSY};
        mount->identifier_ = next_identifier_++;
        Inode& root = *mount->root_;
        Inode* const point = mount->point_.get();
        // Growing is what can fail, and would drop the mount under the lock.
        TRY(mounts_.reserve(mounts_.size() + 1));
        TRY(mounts_.push_back(std::move(mount)));
        if (point) {
            point->marks_.fetch_or(Inode::mount_point, std::memory_order_relaxed);
            root.marks_.fetch_or(Inode::mounted_root, std::memory_order_relaxed);
        }
        return {};
    }
    // The caller drops the mounts behind the lock.
    Result<Vector<Ref<Mount>>> remove(const Ref<Inode>& root, bool with_those_below) {
        Vector<Ref<Mount>> removed;
        const sync::Guard guard{lock_};
        TRY(removed.reserve(mounts_.size()));
        const Ref<Mount>* const mount = std::find_if(mounts_.begin(), mounts_.end(), [&](const Ref<Mount>& m) { return m->root_ == root; });
        if (mount == mounts_.end()) return Error{EINVAL};
        if (!with_those_below && below(*root) != mounts_.end()) return Error{EBUSY};
        take(mount, removed);
        for (size_t i = 0; i < removed.size(); ++i)
            for (const Ref<Mount>* next = below(*removed[i]->root_); next != mounts_.end(); next = below(*removed[i]->root_)) take(next, removed);
        return removed;
    }
    Ref<Inode> root_on(const Inode& point) {
        const sync::Guard guard{lock_};
        // The newest first: those of the start serve few files.
        for (size_t i = mounts_.size(); i-- > 0;)
            if (mounts_[i]->point_.get() == &point) return mounts_[i]->root_;
        return nullptr;
    }
    Ref<Inode> point_below(const Inode& root) {
        const sync::Guard guard{lock_};
        for (const Ref<Mount>& mount : mounts_)
            if (mount->root_.get() == &root) return mount->point_;
        return nullptr;
    }
    Result<Vector<Ref<Mount>>> all() {
        Vector<Ref<Mount>> copy;
        const sync::Guard guard{lock_};
        for (const Ref<Mount>& mount : mounts_) TRY(copy.push_back(mount));
        return copy;
    }

private:
    // These require the lock.
    // What is mounted on a directory of this root's file system.
    [[nodiscard]] const Ref<Mount>* below(const Inode& root) const {
        return std::find_if(mounts_.begin(), mounts_.end(), [&](const Ref<Mount>& other) {
            return other->point_ && &other->point_->file_system() == &root.file_system();
        });
    }
    // Moves a mount over. Requires: room.
    void take(const Ref<Mount>* mount, Vector<Ref<Mount>>& removed) {
        if (Inode* const point = (*mount)->point_.get()) point->marks_.fetch_and(~Inode::mount_point, std::memory_order_relaxed);
        (*mount)->root_->marks_.fetch_and(~Inode::mounted_root, std::memory_order_relaxed);
        (void)removed.push_back(*mount);
        mounts_.erase(static_cast<size_t>(mount - mounts_.begin()));
    }

    sync::Spinlock lock_{sync::Rank::Mounts};
    Vector<Ref<Mount>> mounts_;
    uint32_t next_identifier_ = 1;
};

namespace {

constinit Immortal<MountTable> the_table;
constinit std::atomic<uint32_t> next_device{32};  // those of the kernel's own file systems lie below

MountTable& table() { return the_table.object; }

// The directory at `path`, created with its parents where it is missing.
Result<Ref<Inode>> make_directories(const Context& context, std::string_view path) {
    Ref<Inode> directory = enter_mounts(context.root());
    while (!path.empty()) {
        const size_t length = std::min(path.find('/'), path.size());
        const std::string_view name = path.substr(0, length);
        path.remove_prefix(std::min(length + 1, path.size()));
        if (name.empty()) continue;
        Location where = TRY(walk(context, directory, name));
        if (!where.inode) where.inode = TRY(where.parent->create_directory(where.name, 0755));
        directory = std::move(where.inode);
    }
    return directory;
}

}  // namespace

namespace mount_table {
Ref<Inode> root_on(const Inode& point) { return table().root_on(point); }
Ref<Inode> point_below(const Inode& root) { return table().point_below(root); }
}  // namespace mount_table

Result<void> mount_on(Ref<Inode> point, Ref<Inode> root, MountOptions options, std::string_view type, std::string_view source) {
    if ((point && !point->is_directory()) || !root->is_directory()) return Error{ENOTDIR};
    if (point && point->unlinked()) return Error{ENOENT};
    // The file system may live as long as its root, which somebody else may unmount at once.
    const Ref<Inode> kept = root;
    FileSystem& file_system = kept->file_system();
    Ref<Mount> mount = TRY(make_ref<Mount>(std::move(point), std::move(root), TRY(String::copy(type)), TRY(String::copy(source))));
    const bool was_read_only = file_system.read_only();
    file_system.set_read_only(options.read_only || file_system.only_readable());
    const auto added = table().add(std::move(mount));
    if (!added.ok()) file_system.set_read_only(was_read_only);
    return added;
}

Result<void> mount(const Context& context, std::string_view path, Ref<Inode> root, MountOptions options, std::string_view type,
                   std::string_view source) {
    Ref<Inode> point = TRY(options.create_point ? make_directories(context, path) : find(context, context.root(), path));
    return mount_on(std::move(point), std::move(root), options, type, source);
}

Result<void> unmount(const Ref<Inode>& root, bool with_those_below) {
    const Vector<Ref<Mount>> removed = TRY(table().remove(root, with_those_below));
    for (const Ref<Mount>& mount : removed) {
        notify::file_system_gone(mount->root()->file_system());
        mount->root()->file_system().unmounted();
    }
    return {};
}

Result<Vector<Ref<Mount>>> mounts() { return table().all(); }

Result<void> synchronize_all() {
    Result<void> result;
    for (const Ref<Mount>& mount : TRY(mounts())) {
        const auto synchronized = mount->root()->file_system().synchronize();
        if (result.ok()) result = synchronized;
    }
    return result;
}

uint64_t new_device_number() { return device_number(0, next_device.fetch_add(1, std::memory_order_relaxed)); }

}  // namespace eremite::fs
