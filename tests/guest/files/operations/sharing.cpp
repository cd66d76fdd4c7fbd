// Locks, mappings, events, descriptors: what several users of one file see of each other
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "expect.hpp"

namespace file_ops {

namespace {

alignas(8) char buffer[4096];
struct ::flock lock;

long record_lock(int fd, int command, int type, long start, long length, int whence = SEEK_SET) {
    lock = {};
    lock.l_type = static_cast<short>(type);
    lock.l_whence = static_cast<short>(whence);
    lock.l_start = start;
    lock.l_len = length;
    return call(SYS_fcntl, fd, command, &lock);
}

// Descriptors 3 and 4 are different descriptions of one file.
void whole_file() {
    OK(call(SYS_flock, 3, LOCK_EX));
    FAILS(EAGAIN, call(SYS_flock, 4, LOCK_SH | LOCK_NB));
    OK(call(SYS_flock, 3, LOCK_SH));
    OK(call(SYS_flock, 4, LOCK_SH | LOCK_NB));
    FAILS(EAGAIN, call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    OK(call(SYS_flock, 3, LOCK_UN));
    OK(call(SYS_flock, 4, LOCK_EX | LOCK_NB));
    // The lock belongs to the description and ends with its last descriptor.
    IS(5, call(SYS_dup, 4));
    OK(close(4));
    FAILS(EAGAIN, call(SYS_flock, 3, LOCK_EX | LOCK_NB));
    OK(close(5));
    OK(call(SYS_flock, 3, LOCK_EX | LOCK_NB));
    OK(call(SYS_flock, 3, LOCK_UN));
    IS(4, open("f", O_RDWR));
    FAILS(EINVAL, call(SYS_flock, 3, 0));
    FAILS(EINVAL, call(SYS_flock, 3, LOCK_SH | LOCK_EX));
    FAILS(EBADF, call(SYS_flock, 99, LOCK_SH));
}

void ranges() {
    OK(record_lock(3, F_OFD_SETLK, F_WRLCK, 10, 10));
    FAILS(EAGAIN, record_lock(4, F_OFD_SETLK, F_RDLCK, 19, 1));
    FAILS(EAGAIN, record_lock(4, F_SETLK, F_RDLCK, 0, 0));
    OK(record_lock(4, F_OFD_SETLK, F_WRLCK, 20, 10));
    OK(record_lock(4, F_OFD_GETLK, F_RDLCK, 0, 15));
    IS(F_WRLCK, lock.l_type);
    IS(10, lock.l_start);
    IS(10, lock.l_len);
    IS(-1, lock.l_pid);
    OK(record_lock(3, F_OFD_SETLK, F_UNLCK, 12, 3));
    OK(record_lock(4, F_OFD_SETLK, F_RDLCK, 12, 3));
    OK(record_lock(4, F_OFD_GETLK, F_RDLCK, 13, 5));
    IS(15, lock.l_start);
    OK(record_lock(3, F_OFD_SETLK, F_UNLCK, 0, 0));
    OK(record_lock(4, F_OFD_SETLK, F_UNLCK, 0, 0));
    OK(record_lock(3, F_SETLK, F_WRLCK, -5, 5, SEEK_END));
    FAILS(EAGAIN, record_lock(4, F_OFD_SETLK, F_RDLCK, 5, 1));
    OK(record_lock(4, F_SETLK, F_WRLCK, 0, 0));
    OK(record_lock(4, F_GETLK, F_WRLCK, 0, 0));
    IS(F_UNLCK, lock.l_type);
    // Closing any descriptor of the file gives up the process's locks.
    IS(5, open("f", O_RDONLY));
    OK(close(5));
    OK(record_lock(4, F_OFD_SETLK, F_WRLCK, 0, 0));
    OK(record_lock(4, F_OFD_SETLK, F_UNLCK, 0, 0));
    IS(5, open("f", O_RDONLY));
    FAILS(EBADF, record_lock(5, F_SETLK, F_WRLCK, 0, 1));
    OK(close(5));
    IS(5, open("f", O_WRONLY));
    FAILS(EBADF, record_lock(5, F_SETLK, F_RDLCK, 0, 1));
    OK(close(5));
    FAILS(EINVAL, record_lock(3, F_SETLK, 9, 0, 1));
    FAILS(EINVAL, record_lock(3, F_SETLK, F_RDLCK, 0, 1, 9));
    FAILS(EINVAL, record_lock(3, F_SETLK, F_RDLCK, -1, 1));
    FAILS(EOVERFLOW, record_lock(3, F_SETLK, F_RDLCK, INT64_MAX, 2));
    FAILS(EBADF, record_lock(99, F_SETLK, F_RDLCK, 0, 1));
    FAILS(EFAULT, call(SYS_fcntl, 3, F_SETLK, nullptr));
}

long add_watch(const char* path, uint32_t mask) { return call(SYS_inotify_add_watch, 3, path, mask); }

// The masks of all events that are queued, or'ed.
long events() {
    long masks = 0;
    for (long size; (size = read(3, buffer, sizeof buffer)) > 0;) {
        for (long at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, buffer + at, sizeof event);
            masks |= event.mask;
            at += static_cast<long>(sizeof event + event.len);
        }
    }
    return masks;
}

char* map(int fd, size_t size, int protection, int flags) {
    const long at = call(SYS_mmap, nullptr, size, protection, flags, fd, 0L);
    return at < 0 && at > -4096 ? nullptr : reinterpret_cast<char*>(at);
}

}  // namespace

void locking() {
    if (!has(Feature::Locks, "locks")) return;
    IS(10, make_file("f", "0123456789"));
    IS(3, open("f", O_RDWR));
    IS(4, open("f", O_RDWR));
    whole_file();
    ranges();
    OK(call(SYS_close_range, 3, 4, 0));
    OK(unlink("f"));
}

void mapping() {
    if (!has(Feature::Mapping, "mmap")) return;
    constexpr int both = PROT_READ | PROT_WRITE;
    IS(4, make_file("f", "text"));
    IS(3, open("f", O_RDWR));
    OK(ftruncate(3, 10000));
    char* const shared = map(3, 8192, both, MAP_SHARED);
    char* const own = map(3, 8192, both, MAP_PRIVATE);
    IS(true, shared && own);
    if (shared && own) {
        IS(0, std::memcmp(shared, "text", 5));
        std::memcpy(shared + 4090, "mapped bytes", 12);
        IS(12, pread(3, buffer, 12, 4090));
        IS(0, std::memcmp(buffer, "mapped bytes", 12));
        IS(0, std::memcmp(own + 4090, "mapped bytes", 12));
        IS(5, pwrite(3, "wrote", 5, 100));
        IS(0, std::memcmp(shared + 100, "wrote", 5));
        std::memcpy(own + 200, "mine", 4);
        IS(0, shared[200]);
        IS(4, pread(3, buffer, 4, 200));
        IS(0, buffer[0]);
        OK(call(SYS_msync, shared, 8192, MS_SYNC));
        OK(call(SYS_msync, shared, 8192, MS_ASYNC));
        FAILS(EINVAL, call(SYS_msync, shared + 1, 8192, MS_SYNC));
        FAILS(EINVAL, call(SYS_msync, shared, 8192, MS_SYNC | MS_ASYNC));
        // A mapping outlives descriptor and name.
        OK(close(3));
        IS(3, open("f", O_RDONLY));
        OK(unlink("f"));
        shared[0] = 'T';
        IS(1, pread(3, buffer, 1, 0));
        IS('T', buffer[0]);
        FAILS(EACCES, call(SYS_mmap, nullptr, 4096, both, MAP_SHARED, 3, 0L));
        OK(call(SYS_munmap, shared, 8192));
        OK(call(SYS_munmap, own, 8192));
        FAILS(ENOMEM, call(SYS_msync, shared, 4096, MS_SYNC));
    }
    FAILS(EINVAL, call(SYS_mmap, nullptr, 0, PROT_READ, MAP_SHARED, 3, 0L));
    FAILS(EINVAL, call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_SHARED, 3, 1L));
    FAILS(EBADF, call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_SHARED, 99, 0L));
    OK(close(3));
    IS(3, open("f", O_WRONLY | O_CREAT, 0600));
    FAILS(EACCES, call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_SHARED, 3, 0L));
    OK(close(3));
    OK(unlink("f"));
    IS(3, open(".", O_RDONLY));
    FAILS(ENODEV, call(SYS_mmap, nullptr, 4096, PROT_READ, MAP_SHARED, 3, 0L));
    OK(close(3));
}

void watching() {
    if (!has(Feature::Inotify, "inotify")) return;
    OK(mkdir("d", 0755));
    FAILS(EINVAL, call(SYS_inotify_init1, 1));
    IS(3, call(SYS_inotify_init1, IN_NONBLOCK));
    IS(1, add_watch("d", IN_ALL_EVENTS));
    FAILS(EAGAIN, read(3, buffer, sizeof buffer));
    IS(1, make_file("d/f", "x"));
    IS(IN_CREATE | IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE, events());
    IS(true, contains("d/f", "x"));
    IS(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE, events());
    OK(chmod("d/f", 0600));
    IS(IN_ATTRIB, events());
    OK(truncate("d/f", 0));
    IS(IN_MODIFY, events() & ~(IN_OPEN | IN_CLOSE_WRITE));
    OK(rename("d/f", "d/g"));
    IS(IN_MOVED_FROM | IN_MOVED_TO, events());
    IS(2, add_watch("d/g", IN_DELETE_SELF));
    OK(unlink("d/g"));
    IS(IN_DELETE | IN_DELETE_SELF | IN_IGNORED, events());
    OK(mkdir("d/sub", 0755));
    IS(IN_CREATE | IN_ISDIR, events());
    OK(rmdir("d/sub"));
    IS(IN_DELETE | IN_ISDIR, events());
    OK(rmdir("d"));
    IS(IN_DELETE_SELF | IN_IGNORED, events() & ~IN_ISDIR);
    FAILS(EINVAL, call(SYS_inotify_rm_watch, 3, 1));
    FAILS(ENOENT, add_watch("d", IN_OPEN));
    FAILS(EINVAL, add_watch(".", 0));
    FAILS(EBADF, call(SYS_inotify_add_watch, 99, ".", IN_OPEN));
    FAILS(EFAULT, add_watch(nullptr, IN_OPEN));
    IS(1, make_file("f", "x"));
    FAILS(ENOTDIR, add_watch("f", IN_OPEN | IN_ONLYDIR));
    OK(unlink("f"));
    OK(close(3));
}

void descriptors() {
    IS(1, make_file("f", "x"));
    IS(3, open("f", O_RDWR));
    IS(4, call(SYS_dup, 3));
    IS(10, call(SYS_dup2, 3, 10));
    IS(3, call(SYS_dup2, 3, 3));
    IS(11, call(SYS_dup3, 3, 11, O_CLOEXEC));
    IS(FD_CLOEXEC, fcntl(11, F_GETFD));
    IS(0, fcntl(10, F_GETFD));
    FAILS(EINVAL, call(SYS_dup3, 3, 3, 0));
    FAILS(EINVAL, call(SYS_dup3, 3, 5, 1));
    FAILS(EBADF, call(SYS_dup, 99));
    FAILS(EBADF, call(SYS_dup2, 99, 5));
    FAILS(EBADF, call(SYS_dup2, 3, -1));
    FAILS(EBADF, call(SYS_dup2, 3, 1024));
    IS(20, fcntl(3, F_DUPFD, 20));
    IS(21, fcntl(3, F_DUPFD_CLOEXEC, 20));
    FAILS(EINVAL, fcntl(3, F_DUPFD, 1024));
    FAILS(EINVAL, fcntl(3, 9999));
    FAILS(EBADF, fcntl(99, F_GETFD));
    OK(fcntl(3, F_SETFL, O_APPEND));
    IS(O_APPEND, fcntl(20, F_GETFL) & O_APPEND);
    OK(call(SYS_close_range, 10, 21, 0));
    FAILS(EBADF, fcntl(20, F_GETFD));
    FAILS(EINVAL, call(SYS_close_range, 5, 4, 0));
    FAILS(EINVAL, call(SYS_close_range, 5, 6, 1));
    OK(close(4));
    FAILS(EBADF, close(4));
    FAILS(EBADF, close(-1));
    int last = 3;
    long next = 0;
    while ((next = open("f", O_RDONLY)) >= 0) last = static_cast<int>(next);
    IS(-EMFILE, next);
    IS(1023, last);
    FAILS(EMFILE, call(SYS_dup, 3));
    OK(call(SYS_close_range, 3, ~0U, 0));
    OK(unlink("f"));
}

void many_threads() {
    // Appends are atomic: each record is there once, as a whole.
    constexpr int threads = 4, records = 250, size = 16;
    OK(make_file("f", ""));
    std::array<bool, threads> good{};
    {
        std::vector<std::thread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([t, &good] {
                char record[size + 1];
                const long fd = open("f", O_WRONLY | O_APPEND);
                bool fine = fd >= 0;
                for (int i = 0; i < records; ++i) {
                    std::snprintf(record, sizeof record, "thread %d: %05d\n", t, i);
                    fine = fine && write(static_cast<int>(fd), record, size) == size;
                }
                good[static_cast<size_t>(t)] = fine && close(static_cast<int>(fd)) == 0;
            });
        }
        for (std::thread& thread : running) thread.join();
    }
    IS(threads, std::count(good.begin(), good.end(), true));
    IS(threads * records * size, size_of("f"));
    IS(3, open("f", O_RDONLY));
    std::array<int, threads> next{};
    bool whole = true;
    for (int i = 0; i < threads * records; ++i) {
        int t = -1, number = -1;
        char record[size + 1] = {};
        whole = whole && read(3, record, size) == size && std::sscanf(record, "thread %d: %d", &t, &number) == 2 && t >= 0 && t < threads &&
                next[static_cast<size_t>(t)]++ == number;
    }
    IS(true, whole);
    OK(close(3));
    OK(unlink("f"));
    // Of several that create one name, one wins.
    for (int round = 0; round < 20; ++round) {
        std::array<long, threads> result{};
        std::vector<std::thread> running;
        for (int t = 0; t < threads; ++t)
            running.emplace_back([t, &result] { result[static_cast<size_t>(t)] = open("new", O_WRONLY | O_CREAT | O_EXCL, 0600); });
        for (std::thread& thread : running) thread.join();
        IS(threads - 1, std::count(result.begin(), result.end(), -EEXIST));
        OK(call(SYS_close_range, 3, ~0U, 0));
        OK(unlink("new"));
    }
}

}  // namespace file_ops
