#pragma once
// An object of a file system: file, directory, symbolic link or device. Path walk and system calls know only this class.
// Names handed in are single components of 1 to 255 bytes, never "." or "..".
//
// For file systems behind a device or shared with others:
//  * Operations may block and may fail with EIO, so callers hold no spinlock. Not so the destructor, describe(), parent(),
//    name() and unlinked(): those answer from memory, and what a destructor has to tell the device is left to somebody else.
//  * As long as an inode lives, every lookup that leads to its file returns it and not another one: mounts, locks and
//    mappings know a file by its inode.
//  * Attributes may change behind our back. Callers ask attributes() whenever they need them and keep nothing.
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ref.hpp"
#include "libos/fs/attributes.hpp"
#include "libos/fs/file_system.hpp"
#include "libos/fs/io_buffer.hpp"
#include "libos/mm/memory_object.hpp"

namespace eremite::fs {

class File;
class Inode;

// Receives the entries of a directory.
class DirectorySink {
public:
    // `next` is the cursor at which a later listing continues behind this entry. False: no room, the entry was not taken.
    virtual bool add(std::string_view name, uint64_t inode, FileType type, uint64_t next) = 0;

protected:
    ~DirectorySink() = default;
};

// What to create: type and permission bits (after the umask), and the device number of a device node.
struct NewFile {
    uint32_t mode;
    uint64_t device_number = 0;
};

enum class RenameMode : uint8_t { Replace, NoReplace, Exchange };

// fallocate()'s operations.
enum class AllocateMode : uint8_t { Allocate, PunchHole, ZeroRange };

class Inode : public mm::MemoryObject {
public:
    explicit Inode(FileType type) : type_{type} {}
    [[nodiscard]] FileType type() const { return type_; }
    [[nodiscard]] bool is_directory() const { return type_ == FileType::Directory; }

    [[nodiscard]] virtual Result<Attributes> attributes() = 0;
    [[nodiscard]] virtual Result<void> set_attributes(const AttributeChange&) { return Error{EPERM}; }

    // An open file description. `flags`: O_* after creation flags were dealt with. For a FIFO this is an end of a pipe.
    [[nodiscard]] virtual Result<Ref<File>> open(uint32_t flags);

    // Data. `position` moves on by the bytes transferred, under the inode's own lock, so that threads which share a
    // file description neither lose nor repeat bytes. `append`: write at the end, wherever that is by then.
    // A fault after some bytes is a short count; EFAULT only when nothing was transferred.
    [[nodiscard]] virtual Result<size_t> read(uint64_t&, IoBuffer&) { return Error{is_directory() ? EISDIR : EINVAL}; }
    [[nodiscard]] virtual Result<size_t> write(uint64_t&, IoBuffer&, bool /*append*/) { return Error{EINVAL}; }
    [[nodiscard]] virtual Result<void> truncate(uint64_t /*size*/) { return Error{EINVAL}; }
    [[nodiscard]] virtual Result<void> allocate(AllocateMode, uint64_t /*offset*/, uint64_t /*length*/, bool /*keep_size*/) {
        return Error{EOPNOTSUPP};
    }
    // The first byte at or behind `offset` that is data, or that is in a hole (the end of the file counts as one). ENXIO.
    [[nodiscard]] virtual Result<uint64_t> seek_data(uint64_t, bool /*hole*/) { return Error{ESPIPE}; }
    [[nodiscard]] virtual Result<void> synchronize(bool /*data_only*/) { return {}; }
    // Copies bytes to another regular file of the file system, where that is faster than reading and writing. May do less.
    // EOPNOTSUPP: it is not.
    [[nodiscard]] virtual Result<size_t> copy_range(uint64_t /*from*/, Inode& /*to*/, uint64_t /*at*/, size_t /*count*/) { return Error{EOPNOTSUPP}; }
    [[nodiscard]] Result<PhysicalAddress> page(uint64_t, bool) override { return Error{ENODEV}; }
    [[nodiscard]] virtual bool mappable() const { return false; }
    // memfd_create(2): the seals of fcntl(F_ADD_SEALS). EINVAL: not a file that has any; EPERM: sealed against more.
    [[nodiscard]] virtual Result<uint32_t> seals() const { return Error{EINVAL}; }
    [[nodiscard]] virtual Result<void> add_seals(uint32_t) { return Error{EINVAL}; }

    // Directories.
    [[nodiscard]] virtual Result<Ref<Inode>> lookup(std::string_view) { return Error{ENOTDIR}; }
    // Several look-ups at once, for names that are in memory: goes through the path's first names as long as they are those of directories
    // of the same file system, up to one on which another is mounted, and takes them off the path. `complete`: one name is left, which is
    // that of no symbolic link or mount point, and `found` is its file, or null if there is none. No `directory`: lookup() knows.
    struct Descent {
        Ref<Inode> directory, found;
        bool complete = false;
    };
    [[nodiscard]] virtual Descent descend(std::string_view& /*path*/) { return {}; }
    [[nodiscard]] virtual Result<Ref<Inode>> create(std::string_view, const NewFile&) { return Error{EPERM}; }
    // Creates a regular file and opens it, which some file systems do in one request. EEXIST: somebody was faster.
    [[nodiscard]] virtual Result<Ref<File>> create_open(std::string_view name, uint32_t permissions, uint32_t flags);
    // A file that no name leads to (O_TMPFILE); link() can give it one if it is `linkable`.
    [[nodiscard]] virtual Result<Ref<Inode>> create_unnamed(uint32_t /*permissions*/, bool /*linkable*/) { return Error{EOPNOTSUPP}; }
    [[nodiscard]] virtual Result<Ref<Inode>> create_directory(std::string_view, uint32_t /*permissions*/) { return Error{EPERM}; }
    [[nodiscard]] virtual Result<void> create_symbolic_link(std::string_view, std::string_view /*target*/) { return Error{EPERM}; }
    // ENOENT: the target has lost its last name.
    [[nodiscard]] virtual Result<void> link(std::string_view, Inode& /*target*/) { return Error{EPERM}; }
    [[nodiscard]] virtual Result<void> unlink(std::string_view) { return Error{EPERM}; }
    [[nodiscard]] virtual Result<void> remove_directory(std::string_view) { return Error{EPERM}; }
    // `to` is a directory of the same file system.
    [[nodiscard]] virtual Result<void> rename(std::string_view, Inode& /*to*/, std::string_view, RenameMode) { return Error{EPERM}; }
    // Lists entries from `cursor` (0: the start) until the sink is full, and moves the cursor on.
    [[nodiscard]] virtual Result<void> list(uint64_t& /*cursor*/, DirectorySink&) { return Error{ENOTDIR}; }
    // The directory that `..` leads to within the file system; null at its root and when it is not known.
    [[nodiscard]] virtual Ref<Inode> parent() { return nullptr; }
    // Writes the name under which the inode was linked last, returns its length.
    virtual size_t name(std::span<char>) const { return 0; }
    [[nodiscard]] virtual bool unlinked() const { return false; }

    // Symbolic links. The text lives as long as the inode.
    [[nodiscard]] virtual Result<std::string_view> link_target() { return Error{EINVAL}; }
    // Links of /proc/self/fd lead to an open file, whatever its path has become: that file's inode, else null.
    [[nodiscard]] virtual Result<Ref<Inode>> magic_target() { return Ref<Inode>{}; }

    [[nodiscard]] virtual FileSystem& file_system() const = 0;

    // Extended attributes (xattr(7)). ENODATA: there is none of this name; ERANGE: `value` or `names` is too small. Empty
    // buffers ask for the size. `flags`: XATTR_CREATE (EEXIST), XATTR_REPLACE (ENODATA).
    [[nodiscard]] virtual Result<size_t> extended_attribute(std::string_view /*name*/, std::span<uint8_t> /*value*/) { return Error{EOPNOTSUPP}; }
    [[nodiscard]] virtual Result<void> set_extended_attribute(std::string_view /*name*/, std::span<const uint8_t> /*value*/, uint32_t /*flags*/) {
        return Error{EOPNOTSUPP};
    }
    [[nodiscard]] virtual Result<void> remove_extended_attribute(std::string_view /*name*/) { return Error{EOPNOTSUPP}; }
    // Names one behind the other, each with its final zero.
    [[nodiscard]] virtual Result<size_t> list_extended_attributes(std::span<char> /*names*/) { return size_t{0}; }

    // Whether a file system is mounted on this directory, and whether this is the root of one that is: mount.hpp knows more.
    // A directory that is a mount point can be neither removed nor renamed (EBUSY).
    [[nodiscard]] bool is_mount_point() const { return (marks_.load(std::memory_order_relaxed) & mount_point) != 0; }
    [[nodiscard]] bool is_mounted_root() const { return (marks_.load(std::memory_order_relaxed) & mounted_root) != 0; }

    size_t describe(char* path, size_t size, uint64_t& inode) const override;

    // Whether somebody watches it (notify/watch.hpp, which sets it).
    [[nodiscard]] bool watched() const { return (marks_.load(std::memory_order_relaxed) & watched_mark) != 0; }
    void set_watched(bool on) {
        if (on) marks_.fetch_or(watched_mark, std::memory_order_relaxed);
        else marks_.fetch_and(static_cast<uint8_t>(~watched_mark), std::memory_order_relaxed);
    }

private:
    friend class MountTable;
    static constexpr uint8_t mount_point = 1;
    static constexpr uint8_t mounted_root = 2;
    static constexpr uint8_t watched_mark = 4;

    FileType type_;
    std::atomic<uint8_t> marks_{0};
};

}  // namespace eremite::fs
