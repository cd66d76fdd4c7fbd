#include "cli/cpio_writer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {

namespace fs = std::filesystem;

namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
    // SAFETY: bytes as characters.
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
    throw Failure{exit_status::eremite_failed, fmt::format("cannot pack {}: {}", path.string(), why)};
}

}  // namespace

void CpioWriter::add(const CpioEntry& entry, std::string_view contents) {
    if (contents.size() > UINT32_MAX) fail(entry.path, "larger than 4 GiB, which a cpio archive cannot hold");
    if (entry.path.size() >= UINT16_MAX) fail(entry.path.substr(0, 60), "the name is too long");
    // Thirteen fields of eight hexadecimal digits; name and contents are padded to four bytes.
    archive_ +=
        fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", next_inode_++, entry.mode, 0, 0,
                    1, entry.modified, contents.size(), 0, 0, entry.device_major, entry.device_minor, entry.path.size() + 1, 0);
    const auto pad = [this] { archive_.resize((archive_.size() + 3) & ~size_t{3}, '\0'); };
    archive_ += entry.path;
    archive_ += '\0';
    pad();
    archive_ += contents;
    pad();
}

void CpioWriter::add_folder(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) fail(folder, error ? error.message() : "not a folder");
    std::vector<fs::path> paths;
    fs::recursive_directory_iterator walk{folder, error};
    if (error) fail(folder, error.message());
    while (walk != fs::recursive_directory_iterator{}) {
        paths.push_back(walk->path());
        walk.increment(error);
        if (error) fail(folder, error.message());
    }
    // By name, so that the same folder gives the same archive; a folder sorts before what is in it.
    std::ranges::sort(paths);
    for (const fs::path& path : paths) {
        struct stat attributes {};
        if (::lstat(path.c_str(), &attributes) != 0) fail(path, std::strerror(errno));
        CpioEntry entry{.path = path.lexically_relative(folder).string(),
                        .mode = attributes.st_mode,
                        .modified = static_cast<uint32_t>(attributes.st_mtime)};
        if (S_ISREG(attributes.st_mode)) {
            try {
                add(entry, as_text(MappedFile{path}.bytes()));
            } catch (const Failure& failure) {
                throw Failure{exit_status::eremite_failed, fmt::format("cannot pack {}", failure.what())};
            }
        } else if (S_ISLNK(attributes.st_mode)) {
            const fs::path target = fs::read_symlink(path, error);
            if (error) fail(path, error.message());
            add(entry, target.string());
        } else {
            if (S_ISCHR(attributes.st_mode) || S_ISBLK(attributes.st_mode)) {
                entry.device_major = major(attributes.st_rdev);
                entry.device_minor = minor(attributes.st_rdev);
            }
            add(entry, {});
        }
    }
}

void CpioWriter::add_executable(const fs::path& file, std::string_view path) {
    for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        add({.path = std::string{path.substr(0, slash)}, .mode = S_IFDIR | 0755}, {});
    }
    add({.path = std::string{path}, .mode = S_IFREG | 0755}, as_text(MappedFile{file}.bytes()));
}

std::string CpioWriter::finish() {
    add({.path = "TRAILER!!!"}, {});
    next_inode_ = 1;
    return std::exchange(archive_, {});
}

}  // namespace eremite::cli
