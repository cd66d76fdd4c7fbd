#pragma once
// The "newc" archive format of initramfs images (cpio(5); Linux's Documentation/driver-api/early-userspace/buffer-format.rst).
// A reader over bytes from outside: every length is checked before it is used, and what is wrong is said with its place.
#include <cstdint>
#include <span>
#include <string_view>

namespace eremite::fs {

struct CpioEntry {
    std::string_view name;  // as it stands in the archive, without the final zero; never empty
    std::span<const uint8_t> data;
    uint32_t inode = 0;
    uint32_t mode = 0;
    uint32_t links = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint32_t modification_time = 0;  // seconds since 1970
    uint32_t device_major = 0;       // of the file system that was archived
    uint32_t device_minor = 0;
    uint32_t node_major = 0;  // of a device node
    uint32_t node_minor = 0;
};

enum class CpioError : uint8_t { None, Truncated, BadMagic, BadNumber, BadName, BadChecksum, MissingTrailer, Compressed };

// What the error is called in messages.
[[nodiscard]] std::string_view to_string(CpioError error);

class CpioReader {
public:
    enum class Step : uint8_t {
        Entry,         // an entry was read
        EndOfArchive,  // a trailer; another archive may follow
        End,           // nothing but padding follows
        Failed,        // error() and offset() say what and where; further calls fail in the same way
    };

    explicit CpioReader(std::span<const uint8_t> bytes) : bytes_{bytes} {}

    Step next(CpioEntry& entry);
    [[nodiscard]] CpioError error() const { return error_; }
    // Where the reader stands: behind the last entry, or at the place of the error.
    [[nodiscard]] size_t offset() const { return offset_; }

private:
    Step fail(CpioError error, size_t offset);
    Step read_entry(CpioEntry& entry);

    std::span<const uint8_t> bytes_;
    size_t offset_ = 0;
    bool inside_ = false;  // between a first entry and its trailer
    CpioError error_ = CpioError::None;
};

}  // namespace eremite::fs
