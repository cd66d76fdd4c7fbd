#pragma once
// An ext4 file system on a block device: its inodes, and what has to be done behind the back of their operations.
#include <bit>
#include <cstdint>

#include "base/tree.hpp"
#include "libos/fs/ext4/volume.hpp"
#include "libos/fs/absent_names.hpp"
#include "libos/fs/file_system.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/name_cache.hpp"
#include "libos/sched/delayed_task.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::ext4 {

class Node;
struct ByNumber;  // the tree of a file system's inodes

class FileSystem final : public fs::FileSystem, private CommitListener {
public:
    explicit FileSystem(block::Device& device);
    ~FileSystem();

    // Opens the volume and returns its root directory. Errors as Volume::mount.
    [[nodiscard]] Result<Ref<Inode>> start(bool read_only);
    [[nodiscard]] bool only_readable() const override { return volume_.read_only(); }
    // Makes everything last, frees files without names, and marks the volume clean. Files that are still open cannot be used afterwards.
    [[nodiscard]] Result<void> stop();

    [[nodiscard]] Result<FileSystemStatus> status() override;
    [[nodiscard]] Result<void> synchronize() override;
    void unmounted() override;

    [[nodiscard]] Volume& volume() { return volume_; }
    // Before so many bytes become dirty. False: they have to get their places at once, since the volume is nearly full; what is dirty already
    // has its places. May wait.
    [[nodiscard]] bool expect_room(uint64_t bytes);
    // Something becomes dirty without having its place.
    void expect_unplaced() { unplaced_.store(true, std::memory_order_relaxed); }
    // As expect_room() for one page, where nothing may wait: false means nothing but that.
    [[nodiscard]] bool has_room_for_page() {
        expect_unplaced();
        return volume_.has_room(page_size);
    }
    // What is changed is committed after some time, from now on. ENOMEM.
    [[nodiscard]] Result<void> commit_by_itself() { return committer_.start(); }
    // Something is in memory that is not on the volume. Does not wait.
    void changed() override { committer_.request(); }
    // Guards the inodes' names and parents, and the tree.
    [[nodiscard]] sync::Spinlock& lock() { return lock_; }
    // The names that are known to be on the volume. Requires lock().
    [[nodiscard]] NameCache<Node>& names() { return names_; }
    // Those that are known not to be. They are entered, and forgotten before they come to be, with the volume's lock too. Requires lock().
    [[nodiscard]] AbsentNames& absent_names() { return absent_; }

    // These require the volume's lock.

    // The inode of this number. EUCLEAN: there is no such file.
    [[nodiscard]] Result<Ref<Node>> node(ext2_ino_t number);
    // The same if somebody has it; else null.
    [[nodiscard]] Result<Ref<Node>> node_if_known(ext2_ino_t number);
    // Keeps what was used of late, with the pages that it has in memory, in case it is used again.
    void keep_recent(Node& node);
    // Nothing is kept any more; this one is not.
    void drop_recent();
    void forget_recent(Node& node);
    // Before the last name of a file goes. ENOMEM.
    [[nodiscard]] Result<void> expect_orphan() {
        const sync::Guard guard{lock_};
        return orphans_.reserve(std::bit_ceil(orphans_.size() + 1));
    }
    void add_orphan(ext2_ino_t number);
    // A name leads to the file again.
    [[nodiscard]] Result<void> adopt_orphan(ext2_ino_t number);
    // Frees files without names that nobody has open any more. Requires: no operation runs.
    [[nodiscard]] Result<void> reap();

    // The same where the caller has not the lock, and errors concern nobody.
    void reap_soon();

    // Called when the last reference to an inode goes: nobody else has it. Does not wait.
    void forget(Node& node);

private:
    // A file without a name.
    struct Orphan {
        ext2_ino_t number;
        bool listed = false;  // on the volume
        bool dead = false;    // nobody has it open
    };
    struct NumberTraits {
        static ext2_ino_t key(const Node& node);
    };

    [[nodiscard]] Result<void> before_commit() override;
    [[nodiscard]] Result<void> recover_orphans();
    [[nodiscard]] Result<void> list_orphan(Orphan& orphan);
    [[nodiscard]] Result<void> unlist_orphan(ext2_ino_t number);
    [[nodiscard]] Result<void> set_next_orphan(ext2_ino_t number, ext2_ino_t next);
    [[nodiscard]] Result<void> free_file(ext2_ino_t number);
    [[nodiscard]] Result<void> free_blocks(ext2_ino_t number, uint64_t from);
    [[nodiscard]] Orphan* find_orphan(ext2_ino_t number);

    Volume volume_;
    // What nobody asks to be made last is, as ext4 has it by default: so much is lost when the machine stops. Errors are kept for those who
    // ask for them, and logged where nothing can be changed any more.
    sched::DelayedTask committer_{[](void* self) { (void)static_cast<FileSystem*>(self)->synchronize(); }, this, Duration::seconds(5)};
    sync::Spinlock lock_{sync::Rank::Directory};
    Tree<Node, NumberTraits, ByNumber> nodes_;
    Vector<Orphan> orphans_;     // guarded by the volume's lock, but for `dead`, which lock_ guards with the vector's layout
    Vector<ext2_ino_t> listed_;  // on the volume, the newest last
    NameCache<Node> names_;      // guarded by lock_
    AbsentNames absent_;         // the same
    std::atomic<bool> unplaced_{false};  // there may be dirty pages without a place
};

}  // namespace eremite::fs::ext4
