#pragma once
// What the handlers of file system calls share: descriptors, path names and directories from the program's arguments.
#include <array>
#include <memory>
#include <string_view>

#include "libos/fs/file.hpp"
#include "libos/fs/file_table.hpp"
#include "libos/fs/path.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::syscall {

// What read and write transfer at most (read(2), NOTES).
inline constexpr size_t transfer_maximum = 0x7ffff000;

// An open description that is not O_PATH; EBADF.
[[nodiscard]] Result<Ref<fs::File>> get_file(int descriptor);
// An open description of either kind; EBADF.
[[nodiscard]] Result<Ref<fs::File>> get_file_or_path(int descriptor);
// Gives two files the lowest descriptors and stores those at `descriptors`, an array of two in the program. EMFILE, ENOMEM,
// EFAULT: none is open then.
[[nodiscard]] Result<long> add_two(fs::FileTable& table, Ref<fs::File> first, Ref<fs::File> second, bool close_on_exec, VirtualAddress descriptors);
// The inode behind a description; `otherwise` for those that have none.
[[nodiscard]] Result<Ref<fs::Inode>> inode_of(fs::File& file, Error otherwise);

// A path name from the program. Short ones, which is nearly all, need no allocation.
class PathArgument {
public:
    // EFAULT, ENAMETOOLONG, ENOMEM. The view lives as long as this object.
    [[nodiscard]] Result<std::string_view> load(VirtualAddress address);

private:
    std::array<char, 256> short_;
    std::unique_ptr<char[]> long_;
};

// EROFS: the file or directory is on a file system that was mounted read-only.
[[nodiscard]] Result<void> may_change(const fs::Inode& inode);

// Where a relative path starts: the working directory for AT_FDCWD, else the directory of the descriptor (EBADF). For an
// absolute path the descriptor does not matter.
[[nodiscard]] Result<Ref<fs::Inode>> start_of(int directory, std::string_view path);

// The file at a path; an empty one means `directory` itself when `flags` has AT_EMPTY_PATH. Takes AT_SYMLINK_NOFOLLOW;
// the last link is followed otherwise.
[[nodiscard]] Result<Ref<fs::Inode>> find_at(int directory, VirtualAddress path, int flags);
// The same for a name that is to be created, removed or renamed: the last component is not followed.
[[nodiscard]] Result<fs::Location> locate_at(int directory, std::string_view path);

// Whether [address, address + size) may be the program's at all: what Linux checks before anything else.
[[nodiscard]] inline bool in_user_space(VirtualAddress address, size_t size) {
    return size <= user_address_end && address.value <= user_address_end - size;
}

}  // namespace eremite::syscall
