#pragma once
// A volume: libext2fs on a block cache with a journal behind it. Everything that changes the volume is an Operation, which takes effect
// as a whole or not at all, in memory; a commit makes all operations before it last, and after a crash either all that it held is there or
// nothing. One lock for all: the library knows none. Data of files goes past it.
#include <ext2fs/ext2fs.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "base/list.hpp"
#include "base/time.hpp"
#include "libos/fs/ext4/block_cache.hpp"
#include "libos/fs/ext4/journal.hpp"
#include "libos/sched/mutex.hpp"

namespace eremite::fs::ext4 {

// Something in memory that follows what is on the volume, and goes back with an operation that fails.
class Follower : public ListNode<ByOperation> {
public:
    virtual void undo() = 0;
    virtual void keep() = 0;

protected:
    ~Follower() = default;
};

// An inode, or the part that every volume has, as bytes.
template <typename Inode>
[[nodiscard]] std::span<uint8_t> inode_bytes(Inode& inode) {
    static_assert(std::is_same_v<Inode, ext2_inode> || std::is_same_v<Inode, ext2_inode_large>);
    // SAFETY: an inode is numbers all through.
    return {reinterpret_cast<uint8_t*>(&inode), sizeof inode};
}

// Blocks, one behind the other.
struct BlockRange {
    uint64_t first = 0;
    uint64_t count = 0;
};

// Who has something to put on the volume before a commit.
class CommitListener {
public:
    // In parts (Volume::Part). Requires the volume's lock.
    [[nodiscard]] virtual Result<void> before_commit() = 0;
    // There is something to commit.
    virtual void changed() = 0;

protected:
    ~CommitListener() = default;
};

class Volume {
public:
    explicit Volume(block::Device& device) : device_{device} {}
    Volume(const Volume&) = delete;
    Volume& operator=(const Volume&) = delete;
    ~Volume();

    // Replays the journal and opens the volume. ENOTSUP: it has features that we do not know; EUCLEAN: it is no ext4 volume, or damaged;
    // EROFS: it can only be read, or its journal has to be replayed and the device cannot be written. EIO, ENOMEM.
    [[nodiscard]] Result<void> mount(bool read_only);
    // Makes everything last and marks the volume clean. Requires the lock.
    [[nodiscard]] Result<void> unmount();

    [[nodiscard]] bool read_only() const { return read_only_; }
    [[nodiscard]] block::Device& device() { return device_; }
    [[nodiscard]] BlockCache& cache() { return *cache_; }
    [[nodiscard]] ext2_filsys library() { return library_; }
    [[nodiscard]] ext2_super_block& super() { return *library_->super; }
    [[nodiscard]] uint32_t block_size() const { return block_size_; }
    [[nodiscard]] sched::Mutex& mutex() { return mutex_; }

    void listen(CommitListener& listener) { listener_ = &listener; }

    // Whether so many bytes find room later, beside all that is in memory and waits for that. A guess on the safe side, without the lock.
    [[nodiscard]] bool has_room(uint64_t bytes) const;
    // After ENOMEM: what is only kept to be fast is given back.
    [[nodiscard]] Result<void> release_memory();

    // A page for whoever cannot wait for memory.
    class [[nodiscard]] SparePage {
    public:
        explicit SparePage(Volume& volume) : guard_{volume.spare_mutex_}, address_{volume.spare_page_} {}
        [[nodiscard]] PhysicalAddress address() const { return address_; }

    private:
        sched::MutexGuard guard_;
        PhysicalAddress address_;
    };

    // What follows requires the lock.

    // After something was looked at: metadata in memory that is too much is let go. Blocks that were found do not stay.
    void trim() { cache_->trim_clean(); }

    // A change of its own by somebody who has the lock. What was done is undone unless keep() was called.
    class [[nodiscard]] Part {
    public:
        explicit Part(Volume& volume) : volume_{volume} {}
        Part(const Part&) = delete;
        Part& operator=(const Part&) = delete;
        ~Part() {
            if (running_) volume_.undo_operation();
        }
        // Without a commit before it, however full the journal is.
        [[nodiscard]] Result<void> begin() {
            TRY(volume_.prepare_operation());
            running_ = true;
            return {};
        }
        [[nodiscard]] Result<void> begin_after_commit() {
            TRY(volume_.begin_operation());
            running_ = true;
            return {};
        }
        // ENOMEM: it did not work out after all, and is undone.
        [[nodiscard]] Result<void> keep() {
            if (volume_.lost_track_) return Error{ENOMEM};
            volume_.keep_operation();
            running_ = false;
            return {};
        }

    private:
        Volume& volume_;
        bool running_ = false;
    };

    // Makes all operations last. EIO: from then on the volume can only be read.
    [[nodiscard]] Result<void> commit();
    // Makes what was written to the device last, which is less: changes of the running transaction are not on it.
    [[nodiscard]] Result<void> flush() { return failure_ != 0 ? Result<void>{Error{failure_}} : device_.flush(); }
    // Grows with each commit.
    [[nodiscard]] uint64_t transaction() const { return transaction_; }
    // Who may have the last few blocks: what was taken from the program already.
    enum class Use : uint8_t { Ordinary, Promised };
    // Finds up to `wanted` free blocks in a row, the nearest to `goal`. ENOSPC.
    [[nodiscard]] Result<BlockRange> find_free(uint64_t goal, uint64_t wanted, Use use);
    // Free ones that Use::Ordinary may have.
    [[nodiscard]] uint64_t ordinary_blocks() const { return free_blocks() > promised_ ? free_blocks() - promised_ : 0; }
    // Keeps free blocks from being found, and lets them be found again.
    void withhold(BlockRange range);
    void release(BlockRange range);
    // Marks blocks as used. Requires: an operation runs.
    void use(BlockRange range);
    // An inode as it is on the volume: the first bytes of it, as many as there are of both. EUCLEAN: its checksum is wrong, or there is none
    // of this number. `verify`: whether the checksum is looked at.
    [[nodiscard]] Result<void> read_inode(ext2_ino_t number, std::span<uint8_t> bytes, bool verify = true);
    // Requires: an operation runs. `fresh`: what stands behind becomes zero. The checksum in `bytes` is made right.
    [[nodiscard]] Result<void> write_inode(ext2_ino_t number, std::span<uint8_t> bytes, bool fresh = false);
    // A free inode near `near`, marked as used by the running operation. ENOSPC.
    [[nodiscard]] Result<ext2_ino_t> allocate_inode(ext2_ino_t near, uint32_t mode);
    void free_inode(ext2_ino_t number, bool directory);
    [[nodiscard]] uint64_t free_blocks() const { return ext2fs_free_blocks_count(library_->super); }
    // A file that no name leads to any more, but somebody has open: to be freed after a crash. The other way round: it was freed.
    [[nodiscard]] Result<void> add_orphan(ext2_ino_t number);
    [[nodiscard]] Result<void> remove_orphan(ext2_ino_t number);
    void follow(Follower& follower) {
        if (!static_cast<ListNode<ByOperation>&>(follower).linked()) followers_.push_back(follower);
    }

private:
    // What the running operation did to the maps of blocks and inodes.
    struct Allocation {
        uint64_t first;
        uint32_t count;
        int8_t change;
        bool inode;
        bool directory;
    };
    struct InodePlace {
        Block* block;
        size_t offset;
    };
    [[nodiscard]] Result<InodePlace> inode_place(ext2_ino_t number);
    static Volume& of(ext2_filsys library) { return *static_cast<Volume*>(library->priv_data); }
    [[nodiscard]] Result<void> read_super(ext2_super_block& super);
    [[nodiscard]] Result<void> check_super(const ext2_super_block& super, bool& only_readable) const;
    [[nodiscard]] Result<void> open_journal();
    [[nodiscard]] Result<void> start();
    void close_library();
    void install_hooks();
    void allocated(uint64_t first, uint32_t count, int change);
    void mark_group(uint64_t group, uint8_t what);
    [[nodiscard]] Result<void> write_bitmaps();
    [[nodiscard]] Result<void> write_bitmap(uint32_t group, bool inodes, uint8_t* buffer);
    [[nodiscard]] Result<void> write_library();
    [[nodiscard]] Result<void> write_transaction();
    [[nodiscard]] Result<void> checkpoint(bool finally);
    [[nodiscard]] Result<void> checkpoint_or_break_down();
    [[nodiscard]] Result<void> begin_operation();
    [[nodiscard]] Result<void> prepare_operation();
    void keep_operation();
    void undo_operation();
    void break_down(std::string_view why, int code);

    block::Device& device_;
    sched::Mutex mutex_;
    uint32_t block_size_ = 0;
    bool read_only_ = true;
    int failure_ = 0;  // a commit failed: nothing is changed any more
    std::unique_ptr<BlockCache> cache_;
    std::unique_ptr<Journal> journal_;
    ext2_filsys library_ = nullptr;
    ext2fs_block_bitmap withheld_ = nullptr;  // free blocks that must not be used yet
    Vector<uint8_t> changed_groups_;          // whose maps changed since the last commit
    Vector<Allocation> allocations_;          // of the running operation
    Vector<BlockRange> freed_;                // by the running transaction
    size_t freed_before_ = 0;                 // by operations before the running one
    Vector<uint64_t> revoked_;
    List<Follower, ByOperation> followers_;
    CommitListener* listener_ = nullptr;
    bool undoing_ = false, lost_track_ = false;
    uint64_t transaction_ = 1;
    std::atomic<uint64_t> free_{0};  // blocks
    uint64_t promised_ = 0;          // of these, for Use::Promised
    sched::Mutex spare_mutex_;
    PhysicalAddress spare_page_{};
};

// One change of the volume, with the lock.
class [[nodiscard]] Operation {
public:
    explicit Operation(Volume& volume) : guard_{volume.mutex()}, part_{volume} {}
    // EROFS, EIO: the volume cannot be changed.
    [[nodiscard]] Result<void> begin() { return part_.begin_after_commit(); }
    [[nodiscard]] Result<void> keep() { return part_.keep(); }

private:
    sched::MutexGuard guard_;
    Volume::Part part_;
};

}  // namespace eremite::fs::ext4
