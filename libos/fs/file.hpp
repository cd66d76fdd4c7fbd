#pragma once
// An open file description: what file descriptors refer to. Sockets, pipes and the like derive from File; everything
// that stands in a file system is an InodeFile.
#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <cstdint>

#include "base/ref.hpp"
#include "libos/fs/attributes.hpp"
#include "libos/fs/inode.hpp"
#include "libos/fs/io_buffer.hpp"
#include "libos/fs/readiness.hpp"
#include "libos/mm/memory_object.hpp"

namespace eremite::fs {

// For system calls that work on one class of files only.
enum class FileKind : uint8_t { Other, Pipe, Epoll, Timer, Signals, Socket, Inotify };

class File : public RefCounted {
public:
    explicit File(uint32_t flags) : flags_{flags} {}

    // Access mode and status flags (O_APPEND, O_NONBLOCK, O_PATH, ...).
    [[nodiscard]] uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
    void set_flags(uint32_t flags) { flags_.store(flags, std::memory_order_relaxed); }
    [[nodiscard]] bool readable() const { return ((flags() + 1) & 1) != 0 && !path_only(); }
    [[nodiscard]] bool writable() const { return ((flags() + 1) & 2) != 0 && !path_only(); }
    [[nodiscard]] bool nonblocking() const { return (flags() & O_NONBLOCK) != 0; }
    // Opened with O_PATH: names a file without opening it.
    [[nodiscard]] bool path_only() const { return (flags() & O_PATH) != 0; }

    // At the description's own position. Callers have checked readable() or writable().
    [[nodiscard]] virtual Result<size_t> read(IoBuffer& buffer) = 0;
    [[nodiscard]] virtual Result<size_t> write(IoBuffer& buffer) = 0;
    // At `offset`, leaving the position alone. ESPIPE where there is no position.
    [[nodiscard]] virtual Result<size_t> read_at(uint64_t, IoBuffer&) { return Error{ESPIPE}; }
    [[nodiscard]] virtual Result<size_t> write_at(uint64_t, IoBuffer&) { return Error{ESPIPE}; }
    // Writes at the end (RWF_APPEND); `move`: and leaves the position there.
    [[nodiscard]] virtual Result<size_t> write_end(IoBuffer& buffer, bool /*move*/) { return write(buffer); }
    // Whether there is a position at all: pread() and lseek() work.
    [[nodiscard]] virtual bool positioned() const { return false; }
    [[nodiscard]] virtual Result<uint64_t> seek(int64_t /*offset*/, int /*whence*/) { return Error{ESPIPE}; }
    // A descriptor of this description was closed; close(2) returns what this does. EIO, ENOSPC: written data is lost.
    [[nodiscard]] virtual Result<void> flush() { return {}; }
    // Returns when what was written has reached what keeps it (fsync(2)). EINVAL: not a file of which that can be said.
    [[nodiscard]] virtual Result<void> synchronize(bool /*data_only*/) { return Error{EINVAL}; }
    [[nodiscard]] virtual Result<Attributes> attributes() = 0;
    // `argument` is the third argument of ioctl(2). ENOTTY: not for this file.
    [[nodiscard]] virtual Result<long> ioctl(uint32_t /*request*/, uint64_t /*argument*/) { return Error{ENOTTY}; }
    [[nodiscard]] virtual Result<void> list(DirectorySink&) { return Error{ENOTDIR}; }
    // POLLIN, POLLOUT, ... that hold now. The default is that of files: always ready.
    [[nodiscard]] virtual uint32_t readiness() { return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; }
    // Where to hear of changes of readiness(). Null: it never changes, so there is nothing to wait for.
    [[nodiscard]] virtual ReadinessSource* readiness_source() { return nullptr; }
    [[nodiscard]] virtual FileKind kind() const { return FileKind::Other; }
    // What mmap() maps. ENODEV: cannot be mapped.
    [[nodiscard]] virtual Result<Ref<mm::MemoryObject>> memory_object() { return Error{ENODEV}; }
    // Null for files outside any file system.
    [[nodiscard]] virtual Inode* inode() { return nullptr; }
    // The target of /proc/self/fd/N; returns the length written, at most `size`.
    virtual size_t describe(char* path, size_t size);

protected:
    void dispose() const override;

private:
    std::atomic<uint32_t> flags_;
};

// A file without a name or a position, which only a system call makes: eventfd, timerfd, epoll and the like. As on Linux, seeking
// in it is no error.
class AnonymousFile : public File {
public:
    // `type`: what /proc/self/fd shows, "anon_inode:[TYPE]". A literal.
    AnonymousFile(const char* type, uint32_t flags) : File{flags}, type_{type} {}

    [[nodiscard]] Result<uint64_t> seek(int64_t, int) override { return uint64_t{0}; }
    [[nodiscard]] Result<Attributes> attributes() override;
    size_t describe(char* path, size_t size) override;

private:
    const char* const type_;
};

// A file of a file system.
class InodeFile : public File {
public:
    InodeFile(Ref<Inode> inode, uint32_t flags) : File{flags}, inode_{std::move(inode)} {}

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override { return inode_->read(position_, buffer); }
    [[nodiscard]] Result<size_t> write(IoBuffer& buffer) override {
        return lasting(inode_->write(position_, buffer, (flags() & O_APPEND) != 0));
    }
    [[nodiscard]] Result<size_t> read_at(uint64_t offset, IoBuffer& buffer) override { return inode_->read(offset, buffer); }
    [[nodiscard]] Result<size_t> write_at(uint64_t offset, IoBuffer& buffer) override {
        return lasting(inode_->write(offset, buffer, (flags() & O_APPEND) != 0));
    }
    [[nodiscard]] Result<size_t> write_end(IoBuffer& buffer, bool move) override {
        uint64_t end = 0;
        return lasting(inode_->write(move ? position_ : end, buffer, true));
    }
    [[nodiscard]] bool positioned() const override { return true; }
    [[nodiscard]] Result<uint64_t> seek(int64_t offset, int whence) override;
    [[nodiscard]] Result<void> synchronize(bool data_only) override { return inode_->synchronize(data_only); }
    [[nodiscard]] Result<Attributes> attributes() override { return inode_->attributes(); }
    [[nodiscard]] Result<void> list(DirectorySink& sink) override { return inode_->list(position_, sink); }
    [[nodiscard]] Result<Ref<mm::MemoryObject>> memory_object() override;
    [[nodiscard]] Inode* inode() override { return inode_.get(); }
    size_t describe(char* path, size_t size) override;

protected:
    [[nodiscard]] const Ref<Inode>& inode_ref() const { return inode_; }
    // Where read() and write() are. Who moves it guards it.
    [[nodiscard]] uint64_t& position() { return position_; }

private:
    // With O_DSYNC or O_SYNC a write returns when its bytes have reached what keeps them.
    [[nodiscard]] Result<size_t> lasting(Result<size_t> written) {
        if ((flags() & O_DSYNC) != 0) [[unlikely]] return synchronized(written);
        return written;
    }
    [[nodiscard]] Result<size_t> synchronized(const Result<size_t>& written);

    Ref<Inode> inode_;
    uint64_t position_ = 0;
};

}  // namespace eremite::fs
