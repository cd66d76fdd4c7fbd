#pragma once
// A folder of the host as a cpio archive in the "newc" format (cpio(5); Linux Documentation/driver-api/early-userspace/buffer-format.rst),
// the file system an image finds in its initrd.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace eremite::cli {

struct CpioEntry {
    std::string path;           // relative, without a leading slash
    uint32_t mode = 0;          // type and permissions, as in stat(2)
    uint32_t modified = 0;      // seconds since 1970
    uint32_t device_major = 0;  // of a device file
    uint32_t device_minor = 0;
};

class CpioWriter {
public:
    // Appends an entry with its contents: a file's bytes, a symbolic link's target, nothing else. Throws Failure (125) when the contents
    // or the name do not fit the format's 32 bits.
    void add(const CpioEntry& entry, std::string_view contents);
    // Appends a folder and all below it, in the order of names; sockets and named pipes are entries without contents. Throws Failure (125)
    // for what cannot be read.
    void add_folder(const std::filesystem::path& folder);
    // Appends a host file under another path, with the permissions of an executable, and the folders above it.
    void add_executable(const std::filesystem::path& file, std::string_view path);
    // The archive with its trailer; the writer is empty afterwards.
    std::string finish();

private:
    std::string archive_;
    uint32_t next_inode_ = 1;
};

}  // namespace eremite::cli
