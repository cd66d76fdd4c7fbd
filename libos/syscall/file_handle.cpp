#include "libos/syscall/file_handle.hpp"

#include <fcntl.h>

#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<long> sys_name_to_handle_at(int directory, VirtualAddress path, VirtualAddress, VirtualAddress, int flags) {
    if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return Error{EINVAL};
    const int find_flags = (flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
    TRY(find_at(directory, path, find_flags));
    return Error{EOPNOTSUPP};
}

Result<long> sys_open_by_handle_at(int mount, VirtualAddress handle, int) {
    file_handle header{};
    TRY(mm::copy_from_user(&header, handle, sizeof header));
    if (header.handle_bytes == 0 || header.handle_bytes > MAX_HANDLE_SZ) return Error{EINVAL};
    if (mount != AT_FDCWD) TRY(get_file_or_path(mount));
    return Error{ESTALE};
}

}  // namespace eremite::syscall
