#pragma once
// What stat() tells about a file, independent of the layout that a system call wants.
#include <sys/stat.h>

#include <cstdint>
#include <optional>

namespace eremite::fs {

enum class FileType : uint8_t { Regular, Directory, SymbolicLink, CharacterDevice, BlockDevice, Fifo, Socket, Anonymous };

// The S_IFMT bits; 0 for an anonymous inode (eventfd, epoll), as on Linux.
[[nodiscard]] constexpr uint32_t mode_of(FileType type) {
    switch (type) {
        case FileType::Regular: return S_IFREG;
        case FileType::Directory: return S_IFDIR;
        case FileType::SymbolicLink: return S_IFLNK;
        case FileType::CharacterDevice: return S_IFCHR;
        case FileType::BlockDevice: return S_IFBLK;
        case FileType::Fifo: return S_IFIFO;
        case FileType::Socket: return S_IFSOCK;
        case FileType::Anonymous: return 0;
    }
    return 0;
}

// The DT_* value of getdents64.
[[nodiscard]] constexpr uint8_t directory_entry_type(FileType type) { return static_cast<uint8_t>(mode_of(type) >> 12); }

// Device numbers as the kernel reports them in stat (makedev(3): 12 bits of major, 20 of minor).
[[nodiscard]] constexpr uint64_t device_number(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | (uint64_t{major & 0xfff} << 8) | (uint64_t{minor & ~0xffU} << 12);
}

[[nodiscard]] constexpr uint32_t major_of(uint64_t device) { return static_cast<uint32_t>((device >> 8) & 0xfff); }
[[nodiscard]] constexpr uint32_t minor_of(uint64_t device) {
    return static_cast<uint32_t>((device & 0xff) | ((device >> 12) & ~uint64_t{0xff}));
}

struct Attributes {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint32_t mode = 0;  // type and permission bits
    uint32_t links = 1;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint64_t device_number = 0;  // of a device node
    uint64_t size = 0;           // bytes
    uint64_t blocks = 0;         // of 512 bytes
    uint32_t block_size = 4096;
    // Nanoseconds since 1970-01-01 UTC.
    int64_t access_time = 0;
    int64_t modification_time = 0;
    int64_t change_time = 0;
    int64_t birth_time = 0;
};

// What chmod, chown and utimensat change. The change time follows by itself.
struct AttributeChange {
    std::optional<uint32_t> permissions;  // the low 12 bits of the mode
    std::optional<uint32_t> uid;
    std::optional<uint32_t> gid;
    std::optional<int64_t> access_time;
    std::optional<int64_t> modification_time;
};

// What statfs() tells.
struct FileSystemStatus {
    uint64_t magic = 0;
    uint64_t block_size = 4096;
    uint64_t blocks = 0;
    uint64_t free_blocks = 0;
    uint64_t files = 0;
    uint64_t free_files = 0;
    uint32_t name_maximum = 255;
    uint64_t identifier = 0;
};

}  // namespace eremite::fs
