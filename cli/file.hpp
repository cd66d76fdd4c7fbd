#pragma once
// Files of the host: whole files in memory, pipes, and the command's cache folder.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "vmm/unique_fd.hpp"

namespace eremite::cli {

using vmm::UniqueFd;

// A pipe whose ends are closed on exec.
struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};
// Throws Failure when the process has no descriptors left.
Pipe make_pipe();

// A file mapped for reading. The bytes are valid as long as the object lives.
class MappedFile {
public:
    // Throws Failure: 127 when there is no such file, 126 when it cannot be read or is no regular file.
    explicit MappedFile(const std::filesystem::path& path);
    MappedFile(MappedFile&& other) noexcept : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    MappedFile& operator=(MappedFile&&) = delete;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

private:
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
};

// The whole text of a small file, or nothing when it cannot be read.
std::optional<std::string> read_text(const std::filesystem::path& path);

// Replaces a file in one step (written beside it, then renamed), so that a reader never sees half of it. False when it cannot be written.
bool replace_text(const std::filesystem::path& path, std::string_view text);

// Writes all of `data` to a blocking descriptor. False, with errno set, when that fails.
bool write_all(int fd, std::string_view data);

// ${XDG_CACHE_HOME:-~/.cache}/eremite, created when missing; a folder for temporary files when the user has no home
// (XDG Base Directory Specification).
std::filesystem::path cache_folder();

}  // namespace eremite::cli
