#pragma once
// System calls without the C library's opinion, and checks that print one line each: what was called, its result, its errno.
// Whatever kernel runs it, the output must be the same, so nothing is printed that may differ: no times, no inode numbers.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>

namespace file_ops {

// The kernel under test: result, or the negative errno.
using SystemCall = long (*)(long number, long a, long b, long c, long d, long e, long f);
extern SystemCall system_call;
extern FILE* output;

// The files are those of another machine, by a protocol without O_TMPFILE, RENAME_EXCHANGE, fallocate() and a way to ask for
// holes: these are left out.
extern bool limited;
// Files can be made without a name (O_TMPFILE).
extern bool unnamed_files;

// Prints "text result errno", the result being -1 for errors.
void report(const char* text, long result);
#define CHECK(expression) ::file_ops::report(#expression, (expression))

// A type of our own, so that our stat() is meant and not the C library's.
struct Status : ::stat {};

template <typename T>
long word(T value) {
    if constexpr (
        requires { reinterpret_cast<long>(value); } && !requires { static_cast<long>(value); })
        return reinterpret_cast<long>(value);
    else return static_cast<long>(value);
}
inline long word(decltype(nullptr)) { return 0; }

template <typename... Arguments>
long call(long number, Arguments... arguments) {
    const long words[6] = {word(arguments)...};
    return system_call(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

inline long open(const char* path, int flags, int mode = 0) { return call(SYS_open, path, flags, mode); }
inline long openat(int directory, const char* path, int flags, int mode = 0) { return call(SYS_openat, directory, path, flags, mode); }
inline long close(int fd) { return call(SYS_close, fd); }
inline long read(int fd, void* buffer, size_t size) { return call(SYS_read, fd, buffer, size); }
inline long write(int fd, const void* buffer, size_t size) { return call(SYS_write, fd, buffer, size); }
inline long pread(int fd, void* buffer, size_t size, long offset) { return call(SYS_pread64, fd, buffer, size, offset); }
inline long pwrite(int fd, const void* buffer, size_t size, long offset) { return call(SYS_pwrite64, fd, buffer, size, offset); }
inline long lseek(int fd, long offset, int whence) { return call(SYS_lseek, fd, offset, whence); }
inline long stat(const char* path, Status* s) { return call(SYS_stat, path, s); }
inline long lstat(const char* path, Status* s) { return call(SYS_lstat, path, s); }
inline long fstat(int fd, Status* s) { return call(SYS_fstat, fd, s); }
inline long mkdir(const char* path, int mode) { return call(SYS_mkdir, path, mode); }
inline long rmdir(const char* path) { return call(SYS_rmdir, path); }
inline long unlink(const char* path) { return call(SYS_unlink, path); }
inline long rename(const char* from, const char* to) { return call(SYS_rename, from, to); }
inline long link(const char* from, const char* to) { return call(SYS_link, from, to); }
inline long symlink(const char* target, const char* path) { return call(SYS_symlink, target, path); }
inline long truncate(const char* path, long size) { return call(SYS_truncate, path, size); }
inline long ftruncate(int fd, long size) { return call(SYS_ftruncate, fd, size); }
inline long fcntl(int fd, int command, long argument = 0) { return call(SYS_fcntl, fd, command, argument); }
inline long access(const char* path, int mode) { return call(SYS_access, path, mode); }
inline long chdir(const char* path) { return call(SYS_chdir, path); }
inline long chmod(const char* path, int mode) { return call(SYS_chmod, path, mode); }

// Sets the number of descriptors to what it is in most places, since the checks run into that limit.
void limit_descriptors();
// Permissions and type of a path, or the error.
long mode_of(const char* path);
long size_of(const char* path);
long links_of(const char* path);
long blocks_of(const char* path);
// Creates a file with these contents.
long make_file(const char* path, const char* contents);
// Reads a file and prints its contents (at most 200 bytes) under a name.
void show(const char* path);
// Prints the sorted names in a directory.
void show_directory(const char* path);

// The groups of checks. Each leaves the working directory as it found it, empty.
void open_checks();
void io_checks();
void name_checks();
void path_checks();
void stat_checks();
void control_checks();
void size_checks();
void xattr_checks();
void notify_checks();
void lock_checks();
void pipe_checks();
void unnamed_checks();
void device_checks();
// Mapped files; they need mmap() of the same kernel.
void map_checks();

}  // namespace file_ops
