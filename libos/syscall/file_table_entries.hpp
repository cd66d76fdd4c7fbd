#pragma once
// The system calls on files, for the table in table.cpp.
#include <asm/unistd.h>

#include "libos/syscall/adapter.hpp"
#include "libos/syscall/file_attributes.hpp"
#include "libos/syscall/file_control.hpp"
#include "libos/syscall/file_directory.hpp"
#include "libos/syscall/file_handle.hpp"
#include "libos/syscall/file_io.hpp"
#include "libos/syscall/file_mount.hpp"
#include "libos/syscall/file_names.hpp"
#include "libos/syscall/file_notify.hpp"
#include "libos/syscall/file_open.hpp"
#include "libos/syscall/file_poll.hpp"
#include "libos/syscall/file_size.hpp"
#include "libos/syscall/file_stat.hpp"
#include "libos/syscall/file_transfer.hpp"
#include "libos/syscall/file_xattr.hpp"

// Newer than some headers.
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

namespace eremite::syscall {

inline constexpr Assignment file_assignments[] = {
    {__NR_chmod, adapt<sys_chmod>},
    {__NR_fchmod, adapt<sys_fchmod>},
    {__NR_fchmodat, adapt<sys_fchmodat>},
    {__NR_fchmodat2, adapt<sys_fchmodat2>},
    {__NR_chown, adapt<sys_chown>},
    {__NR_lchown, adapt<sys_lchown>},
    {__NR_fchown, adapt<sys_fchown>},
    {__NR_fchownat, adapt<sys_fchownat>},
    {__NR_utimensat, adapt<sys_utimensat>},
    {__NR_utimes, adapt<sys_utimes>},
    {__NR_futimesat, adapt<sys_futimesat>},
    {__NR_utime, adapt<sys_utime>},
    {__NR_dup, adapt<sys_dup>},
    {__NR_dup2, adapt<sys_dup2>},
    {__NR_dup3, adapt<sys_dup3>},
    {__NR_fcntl, adapt<sys_fcntl>},
    {__NR_flock, adapt<sys_flock>},
    {__NR_ioctl, adapt<sys_ioctl>},
    {__NR_getdents64, adapt<sys_getdents64>},
    {__NR_getdents, adapt<sys_getdents>},
    {__NR_getcwd, adapt<sys_getcwd>},
    {__NR_chdir, adapt<sys_chdir>},
    {__NR_fchdir, adapt<sys_fchdir>},
    {__NR_umask, adapt<sys_umask>},
    {__NR_read, adapt<sys_read>},
    {__NR_write, adapt<sys_write>},
    {__NR_readv, adapt<sys_readv>},
    {__NR_writev, adapt<sys_writev>},
    {__NR_pread64, adapt<sys_pread64>},
    {__NR_pwrite64, adapt<sys_pwrite64>},
    {__NR_preadv, adapt<sys_preadv>},
    {__NR_pwritev, adapt<sys_pwritev>},
    {__NR_preadv2, adapt<sys_preadv2>},
    {__NR_pwritev2, adapt<sys_pwritev2>},
    {__NR_lseek, adapt<sys_lseek>},
    {__NR_mkdir, adapt<sys_mkdir>},
    {__NR_mkdirat, adapt<sys_mkdirat>},
    {__NR_rmdir, adapt<sys_rmdir>},
    {__NR_unlink, adapt<sys_unlink>},
    {__NR_unlinkat, adapt<sys_unlinkat>},
    {__NR_rename, adapt<sys_rename>},
    {__NR_renameat, adapt<sys_renameat>},
    {__NR_renameat2, adapt<sys_renameat2>},
    {__NR_link, adapt<sys_link>},
    {__NR_linkat, adapt<sys_linkat>},
    {__NR_symlink, adapt<sys_symlink>},
    {__NR_symlinkat, adapt<sys_symlinkat>},
    {__NR_mknod, adapt<sys_mknod>},
    {__NR_mknodat, adapt<sys_mknodat>},
    {__NR_mount, adapt<sys_mount>},
    {__NR_umount2, adapt<sys_umount2>},
    {__NR_inotify_init, adapt<sys_inotify_init>},
    {__NR_inotify_init1, adapt<sys_inotify_init1>},
    {__NR_inotify_add_watch, adapt<sys_inotify_add_watch>},
    {__NR_inotify_rm_watch, adapt<sys_inotify_rm_watch>},
    {__NR_open, adapt<sys_open>},
    {__NR_openat, adapt<sys_openat>},
    {__NR_openat2, adapt<sys_openat2>},
    {__NR_creat, adapt<sys_creat>},
    {__NR_close, adapt<sys_close>},
    {__NR_close_range, adapt<sys_close_range>},
    {__NR_memfd_create, adapt<sys_memfd_create>},
    {__NR_poll, adapt<sys_poll>},
    {__NR_ppoll, adapt<sys_ppoll>},
    {__NR_select, adapt<sys_select>},
    {__NR_pselect6, adapt<sys_pselect6>},
    {__NR_truncate, adapt<sys_truncate>},
    {__NR_ftruncate, adapt<sys_ftruncate>},
    {__NR_fallocate, adapt<sys_fallocate>},
    {__NR_sync, adapt<sys_sync>},
    {__NR_syncfs, adapt<sys_syncfs>},
    {__NR_fsync, adapt<sys_fsync>},
    {__NR_fdatasync, adapt<sys_fdatasync>},
    {__NR_sync_file_range, adapt<sys_sync_file_range>},
    {__NR_fadvise64, adapt<sys_fadvise64>},
    {__NR_readahead, adapt<sys_readahead>},
    {__NR_stat, adapt<sys_stat>},
    {__NR_lstat, adapt<sys_lstat>},
    {__NR_fstat, adapt<sys_fstat>},
    {__NR_newfstatat, adapt<sys_newfstatat>},
    {__NR_statx, adapt<sys_statx>},
    {__NR_access, adapt<sys_access>},
    {__NR_faccessat, adapt<sys_faccessat>},
    {__NR_faccessat2, adapt<sys_faccessat2>},
    {__NR_readlink, adapt<sys_readlink>},
    {__NR_readlinkat, adapt<sys_readlinkat>},
    {__NR_statfs, adapt<sys_statfs>},
    {__NR_fstatfs, adapt<sys_fstatfs>},
    {__NR_name_to_handle_at, adapt<sys_name_to_handle_at>},
    {__NR_open_by_handle_at, adapt<sys_open_by_handle_at>},
    {__NR_sendfile, adapt<sys_sendfile>},
    {__NR_splice, adapt<sys_splice>},
    {__NR_tee, adapt<sys_tee>},
    {__NR_vmsplice, adapt<sys_vmsplice>},
    {__NR_copy_file_range, adapt<sys_copy_file_range>},
    {__NR_getxattr, adapt<sys_getxattr>},
    {__NR_lgetxattr, adapt<sys_lgetxattr>},
    {__NR_fgetxattr, adapt<sys_fgetxattr>},
    {__NR_setxattr, adapt<sys_setxattr>},
    {__NR_lsetxattr, adapt<sys_lsetxattr>},
    {__NR_fsetxattr, adapt<sys_fsetxattr>},
    {__NR_listxattr, adapt<sys_listxattr>},
    {__NR_llistxattr, adapt<sys_llistxattr>},
    {__NR_flistxattr, adapt<sys_flistxattr>},
    {__NR_removexattr, adapt<sys_removexattr>},
    {__NR_lremovexattr, adapt<sys_lremovexattr>},
    {__NR_fremovexattr, adapt<sys_fremovexattr>},
};

}  // namespace eremite::syscall
