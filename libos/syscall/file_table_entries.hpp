#pragma once
// The system calls on files, for the table in table.cpp.
#include "libos/syscall/file_control.hpp"
#include "libos/syscall/file_io.hpp"
#include "libos/syscall/file_open.hpp"
#include "libos/syscall/file_stat.hpp"

#define EREMITE_FILE_SYSCALLS                             \
    {__NR_open, adapt<sys_open>},                         \
    {__NR_openat, adapt<sys_openat>},                     \
    {__NR_openat2, adapt<sys_openat2>},                   \
    {__NR_creat, adapt<sys_creat>},                       \
    {__NR_close, adapt<sys_close>},                       \
    {__NR_close_range, adapt<sys_close_range>},           \
    {__NR_memfd_create, adapt<sys_memfd_create>},         \
    {__NR_read, adapt<sys_read>},                         \
    {__NR_write, adapt<sys_write>},                       \
    {__NR_readv, adapt<sys_readv>},                       \
    {__NR_writev, adapt<sys_writev>},                     \
    {__NR_pread64, adapt<sys_pread64>},                   \
    {__NR_pwrite64, adapt<sys_pwrite64>},                 \
    {__NR_preadv, adapt<sys_preadv>},                     \
    {__NR_pwritev, adapt<sys_pwritev>},                   \
    {__NR_preadv2, adapt<sys_preadv2>},                   \
    {__NR_pwritev2, adapt<sys_pwritev2>},                 \
    {__NR_lseek, adapt<sys_lseek>},                       \
    {__NR_stat, adapt<sys_stat>},                         \
    {__NR_lstat, adapt<sys_lstat>},                       \
    {__NR_fstat, adapt<sys_fstat>},                       \
    {__NR_newfstatat, adapt<sys_newfstatat>},             \
    {__NR_statx, adapt<sys_statx>},                       \
    {__NR_access, adapt<sys_access>},                     \
    {__NR_faccessat, adapt<sys_faccessat>},               \
    {__NR_faccessat2, adapt<sys_faccessat2>},             \
    {__NR_readlink, adapt<sys_readlink>},                 \
    {__NR_readlinkat, adapt<sys_readlinkat>},             \
    {__NR_statfs, adapt<sys_statfs>},                     \
    {__NR_fstatfs, adapt<sys_fstatfs>},                   \
    {__NR_dup, adapt<sys_dup>},                           \
    {__NR_dup2, adapt<sys_dup2>},                         \
    {__NR_dup3, adapt<sys_dup3>},                         \
    {__NR_fcntl, adapt<sys_fcntl>},                       \
    {__NR_flock, adapt<sys_flock>},                       \
    {__NR_ioctl, adapt<sys_ioctl>},
