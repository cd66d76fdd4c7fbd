#pragma once
// A file system whose files are those of a 9P server. Nothing is cached: every operation asks the server, so that what others
// do to the files is seen at once. What is kept is which inode stands for which file, and under which name it was found.
#include "libos/fs/file_system.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/ninep/client.hpp"
#include "libos/sched/mutex.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::ninep {

class Directory;
class Node;
struct ByIdentity;

class FileSystem final : public fs::FileSystem {
public:
    explicit FileSystem(Transport& transport) : fs::FileSystem{new_device_number()}, client_{transport} {}
    // Requires: its inodes have gone.
    ~FileSystem();

    // Connects and gives the root directory; called once. ENOTSUP: the server does not speak 9P2000.L; EIO; ENOMEM.
    [[nodiscard]] Result<Ref<Inode>> start();
    [[nodiscard]] Result<FileSystemStatus> status() override;

    [[nodiscard]] Client& client() { return client_; }
    // Guards names, fids and open files of all inodes. Held for moments, never while the server is asked.
    [[nodiscard]] sync::Spinlock& lock() { return lock_; }

    // How often names have been taken away from files. A look-up that finds another number at its end begins anew, since what it
    // found may have another name by now.
    [[nodiscard]] uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

    // These require the lock. The inode for a file, if there is one. `type`: it must be of; else it stands for a file that has
    // gone, and is forgotten.
    [[nodiscard]] Ref<Node> find(const Qid& qid, std::optional<FileType> type);
    void insert(Node& node);
    void remove(Node& node);
    void names_changed() { generation_.fetch_add(1, std::memory_order_release); }

private:
    friend class TransferBuffer;
    struct ByQid {
        static uint64_t key(const Node& node);
    };

    Client client_;
    sync::Spinlock lock_{sync::Rank::Directory};
    Tree<Node, ByQid, ByIdentity> nodes_;
    std::atomic<uint64_t> generation_{0};
    Ref<Fid> root_;
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

private:
    FileSystem& file_system_;
    uint8_t* memory_ = nullptr;
    size_t size_ = 0;
    unsigned order_ = 0;
};

}  // namespace eremite::fs::ninep
