// The first disk as a block special file: reads, writes and flushes at all kinds of places, from several threads, against a model.
// The arguments say what the disk is like: its size and, if it cannot be written, "ro".
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

std::atomic<int> failures{0};

void check(bool good, const char* what) {
    if (good) return;
    std::printf("%s: %s\n", what, std::strerror(errno));
    ++failures;
}

// What the host put there.
unsigned char byte_at(uint64_t offset) { return static_cast<unsigned char>(offset * 31 + (offset >> 9) * 7); }

void read_all(uint64_t size) {
    const int fd = open("/dev/vda", O_RDONLY);
    check(fd >= 0, "open");
    std::vector<unsigned char> piece(300'000);
    uint64_t offset = 0;
    for (ssize_t count; (count = read(fd, piece.data(), piece.size())) > 0; offset += static_cast<uint64_t>(count))
        for (ssize_t i = 0; i < count; ++i)
            if (piece[static_cast<size_t>(i)] != byte_at(offset + static_cast<uint64_t>(i))) {
                std::printf("wrong byte at %llu\n", static_cast<unsigned long long>(offset) + i);
                ++failures;
                return;
            }
    check(offset == size, "end");
    close(fd);
}

// Each thread has a part of the disk.
void write_part(uint64_t first, uint64_t size, unsigned seed) {
    const int fd = open("/dev/vda", O_RDWR);
    check(fd >= 0, "open");
    std::vector<unsigned char> model(size), read_back(size);
    for (uint64_t i = 0; i < size; ++i) model[i] = byte_at(first + i);
    for (int round = 0; round < 60; ++round) {
        seed = seed * 1664525 + 1013904223;
        const uint64_t at = (seed >> 4) % size, length = std::min<uint64_t>(size - at, 1 + (seed >> 9) % 70'000);
        for (uint64_t i = 0; i < length; ++i) model[at + i] = static_cast<unsigned char>(seed + i * round);
        check(pwrite(fd, model.data() + at, length, static_cast<off_t>(first + at)) == static_cast<ssize_t>(length), "pwrite");
        if (round % 16 == 0) check(fsync(fd) == 0, "fsync");
    }
    check(pread(fd, read_back.data(), size, static_cast<off_t>(first)) == static_cast<ssize_t>(size), "pread");
    check(read_back == model, "what was written");
    // The host looks for this.
    for (uint64_t i = 0; i < size; ++i) model[i] = static_cast<unsigned char>(~byte_at(first + i));
    check(pwrite(fd, model.data(), size, static_cast<off_t>(first)) == static_cast<ssize_t>(size), "pwrite");
    check(fdatasync(fd) == 0, "fdatasync");
    close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const uint64_t size = std::strtoull(argv[1], nullptr, 10);
    const bool read_only = argc > 2 && std::string_view{argv[2]} == "ro";
    struct stat status {};
    check(stat("/dev/vda", &status) == 0 && S_ISBLK(status.st_mode) && minor(status.st_rdev) == 0, "stat");
    const int fd = open("/dev/vda", read_only ? O_RDONLY : O_RDWR);
    check(fd >= 0, "open");
    uint64_t bytes = 0;
    int flag = -1, block = 0;
    check(ioctl(fd, BLKGETSIZE64, &bytes) == 0 && bytes == size, "BLKGETSIZE64");
    check(ioctl(fd, BLKROGET, &flag) == 0 && flag == (read_only ? 1 : 0), "BLKROGET");
    check(ioctl(fd, BLKSSZGET, &block) == 0 && block >= 512, "BLKSSZGET");
    check(lseek(fd, 0, SEEK_END) == static_cast<off_t>(size), "SEEK_END");
    char byte = 0;
    check(read(fd, &byte, 1) == 0, "read at the end");
    check(lseek(fd, 0, SEEK_SET) == 0 && read(fd, &byte, 1) == 1, "SEEK_SET");
    read_all(size);
    if (read_only) {
        check(open("/dev/vda", O_RDWR) < 0 && errno == EACCES, "open for writing");
    } else {
        errno = 0;
        check(pwrite(fd, &byte, 1, static_cast<off_t>(size)) < 0 && errno == ENOSPC, "write at the end");
        constexpr unsigned threads = 4;
        std::vector<std::thread> workers;
        const uint64_t part = size / threads;
        for (unsigned i = 0; i < threads; ++i) workers.emplace_back(write_part, i * part, part, i + 1);
        for (std::thread& worker : workers) worker.join();
    }
    close(fd);
    std::printf("%d failures\n", failures.load());
    return failures == 0 ? 0 : 1;
}
