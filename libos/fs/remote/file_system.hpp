#pragma once
// What file systems of servers have in common: which inode stands for which of the server's files, and memory for transfers.
#include <atomic>
#include <optional>

#include "base/address.hpp"
#include "base/ref.hpp"
#include "base/tree.hpp"
#include "libos/fs/attributes.hpp"
#include "libos/fs/file_system.hpp"
#include "libos/fs/name_cache.hpp"
#include "libos/fs/remote/transport.hpp"
#include "libos/sched/mutex.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::remote {

class Node;
struct ByIdentity;

// What a server tells files apart by. Of two files with the same number but another variant, the first has gone.
struct Identity {
    uint64_t number;
    uint64_t variant;
    bool operator==(const Identity&) const = default;
};

class FileSystem : public fs::FileSystem {
public:
    void unmounted() override;

    // Guards names, handles and open files of all inodes. Held for moments, never while the server is asked.
    [[nodiscard]] sync::Spinlock& lock() { return lock_; }
    // The most that one read or write transfers; at least a page.
    [[nodiscard]] uint32_t io_unit() const { return io_unit_; }
    // The pieces of memory that its bytes may stand in, at most.
    [[nodiscard]] size_t most_segments() const { return most_segments_; }
    // How many files are kept although nobody uses them, at most.
    [[nodiscard]] size_t most_kept() const { return names_.most(); }
    // Whether files have their pages cached. Set before any is found.
    [[nodiscard]] bool cached() const { return cached_; }
    void set_cached(bool cached) { cached_ = cached; }
    // How often we changed files or their attributes. What the server told of them before may be out of date.
    [[nodiscard]] uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
    void count_change() { changes_.fetch_add(1, std::memory_order_release); }

    // How often names have been taken away from files. A look-up that finds another number at its end begins anew, since what it
    // found may have another name by now.
    [[nodiscard]] uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

    // These require the lock. The inode for a file, if there is one. `type`: it must be of; else it stands for a file that has
    // gone, and is forgotten.
    [[nodiscard]] Ref<Node> find(const Identity& identity, std::optional<FileType> type);
    void insert(Node& node);
    void remove(Node& node);
    [[nodiscard]] NameCache<Node>& names() { return names_; }
    void names_changed() { generation_.fetch_add(1, std::memory_order_release); }

protected:
    FileSystem() : fs::FileSystem{new_device_number()} {}
    // Requires: its inodes have gone.
    ~FileSystem();
    // How large a transfer should be on this machine, of no more than `most` bytes: a small part of the memory.
    [[nodiscard]] static uint32_t transfer_size(size_t most);
    // Before the first transfer and the first name. ENOMEM.
    [[nodiscard]] Result<void> prepare(uint32_t io_unit, size_t most_segments);

private:
    friend class TransferBuffer;
    struct ByNumber {
        static uint64_t key(const Node& node);
    };

    sync::Spinlock lock_{sync::Rank::Directory};
    Tree<Node, ByNumber, ByIdentity> nodes_;
    NameCache<Node> names_;
    std::atomic<uint64_t> generation_{0};
    uint32_t io_unit_ = 0;
    size_t most_segments_ = 1;
    bool cached_ = true;
    std::atomic<uint64_t> changes_{0};
    // For transfers when there is no other memory.
    sched::Mutex reserve_lock_;
    uint8_t* reserve_ = nullptr;
};

// Memory in the direct map through which data go to and from the program. Always at least a page; whoever has the last one
// makes others wait.
class TransferBuffer {
public:
    TransferBuffer(FileSystem& file_system, size_t wanted);
    ~TransferBuffer();
    TransferBuffer(const TransferBuffer&) = delete;
    TransferBuffer& operator=(const TransferBuffer&) = delete;
    [[nodiscard]] Segment bytes() const { return {memory_, size_}; }
    // Whether others wait for it.
    [[nodiscard]] bool is_last() const { return memory_ == file_system_.reserve_; }

private:
    FileSystem& file_system_;
    uint8_t* memory_ = nullptr;
    size_t size_ = 0;
    unsigned order_ = 0;
};

}  // namespace eremite::fs::remote
