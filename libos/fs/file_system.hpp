#pragma once
// What the inodes of one file system have in common. Names, links and renames do not leave it.
#include <atomic>
#include <cstdint>

#include "base/result.hpp"
#include "libos/fs/attributes.hpp"

namespace eremite::fs {

// Lives at least as long as any of its inodes.
class FileSystem {
public:
    // `device`: what stat() shows as st_dev; new_device_number() gives one that nobody else has.
    constexpr explicit FileSystem(uint64_t device) : device_{device} {}
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;

    // What statfs() tells. May block, may fail with EIO.
    [[nodiscard]] virtual Result<FileSystemStatus> status() = 0;
    // Returns when everything that was written before has reached what keeps it (syncfs(2)). May block. EIO, ENOSPC.
    [[nodiscard]] virtual Result<void> synchronize() { return {}; }

    // Inodes that nobody uses are let go.
    virtual void unmounted() {}

    [[nodiscard]] uint64_t device() const { return device_; }
    // Set by mounting it so: system calls refuse with EROFS whatever would change a file, before the inode is asked.
    [[nodiscard]] bool read_only() const { return read_only_.load(std::memory_order_relaxed); }
    void set_read_only(bool on) { read_only_.store(on, std::memory_order_relaxed); }
    // Whether it cannot be mounted in another way.
    [[nodiscard]] virtual bool only_readable() const { return false; }

protected:
    ~FileSystem() = default;

private:
    uint64_t device_;
    std::atomic<bool> read_only_{false};
};

// A file system of which nothing is known but its kind (linux/magic.h): what the kernel makes up.
class NamelessFileSystem final : public FileSystem {
public:
    constexpr NamelessFileSystem(uint64_t magic, uint64_t device) : FileSystem{device}, magic_{magic} {}
    [[nodiscard]] Result<FileSystemStatus> status() override { return FileSystemStatus{.magic = magic_}; }

private:
    uint64_t magic_;
};

// A number for st_dev of a file system without a device of its own.
[[nodiscard]] uint64_t new_device_number();

}  // namespace eremite::fs
