#pragma once
// What the program's threads share for path names: root directory, working directory and umask (Linux: fs_struct).
#include <cstdint>

#include "libos/fs/inode.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {

class Context {
public:
    // Called once at boot, before there are threads.
    void initialize(Ref<Inode> root) {
        root_ = root;
        working_directory_ = std::move(root);
    }
    [[nodiscard]] const Ref<Inode>& root() const { return root_; }
    [[nodiscard]] Ref<Inode> working_directory() {
        const sync::Guard guard{lock_};
        return working_directory_;
    }
    // Requires: `directory` is a directory.
    void set_working_directory(Ref<Inode> directory) {
        // The old one is released behind the lock, since that may end a directory.
        const sync::Guard guard{lock_};
        std::swap(working_directory_, directory);
    }
    [[nodiscard]] uint32_t umask() const { return umask_.load(std::memory_order_relaxed); }
    // Returns the previous one.
    uint32_t set_umask(uint32_t mask) { return umask_.exchange(mask & 0777, std::memory_order_relaxed); }

private:
    sync::Spinlock lock_{sync::Rank::FileTable};
    Ref<Inode> root_;
    Ref<Inode> working_directory_;
    std::atomic<uint32_t> umask_{022};
};

}  // namespace eremite::fs
