// Uses a volume as its arguments say, up to its limits and beyond: `volume_files VERB ARGUMENT...`. Prints what happens.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

const char* error_of(long result) { return result < 0 ? std::strerror(errno) : "Success"; }

int open_file(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0644);
    if (fd >= 0) return fd;
    std::printf("%s: %s\n", path.c_str(), std::strerror(errno));
    std::exit(1);
}

// Writes until that is refused; what was taken is there. Then the volume is still of use.
void fill(const std::string& folder) {
    const int fd = open_file(folder + "/large", O_RDWR | O_CREAT);
    const std::vector<char> piece(100'000, 'x');
    off_t taken = 0;
    ssize_t done;
    while ((done = ::write(fd, piece.data(), piece.size())) > 0) taken += done;
    std::printf("write: %s\n", error_of(done));
    std::printf("fsync: %s\n", error_of(::fsync(fd)));
    std::printf("size is right: %d\n", ::lseek(fd, 0, SEEK_END) == taken);
    std::printf("taken %lld\n", static_cast<long long>(taken));
    int small = 0;
    for (; small < 100; ++small) {
        const int other = ::open((folder + "/small " + std::to_string(small)).c_str(), O_WRONLY | O_CREAT, 0644);
        if (other < 0 || ::write(other, "small", 5) != 5 || ::close(other) != 0) break;
    }
    std::printf("small: %s\n", small < 100 ? std::strerror(errno) : "Success");
    // Over what is there one can write as before.
    std::printf("overwrite: %s\n", error_of(::pwrite(fd, "yyyy", 4, 1000)));
    std::printf("fsync: %s\n", error_of(::fsync(fd)));
    if (::ftruncate(fd, taken / 2) != 0) std::printf("ftruncate: %s\n", std::strerror(errno));
    const int again = open_file(folder + "/again", O_WRONLY | O_CREAT);
    std::printf("again: %s\n", error_of(::write(again, piece.data(), piece.size())));
    std::printf("fsync: %s\n", error_of(::fsync(again)));
}

sigjmp_buf after_fault;

// Touches pages of a mapped hole until the volume has no room for another.
void fill_mapped(const std::string& folder) {
    constexpr size_t size = 64 << 20, page = 4096;
    const int fd = open_file(folder + "/mapped", O_RDWR | O_CREAT);
    if (::ftruncate(fd, size) != 0) std::printf("ftruncate: %s\n", std::strerror(errno));
    auto* const bytes = static_cast<volatile char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    struct sigaction action {};
    action.sa_handler = [](int) { siglongjmp(after_fault, 1); };
    ::sigaction(SIGBUS, &action, nullptr);
    static volatile size_t touched = 0;
    if (sigsetjmp(after_fault, 1) == 0) {
        while (touched < size) {
            const size_t at = touched;
            bytes[at] = 'm';
            touched = at + page;
        }
    } else {
        std::puts("SIGBUS");
    }
    std::printf("fsync: %s\n", error_of(::fsync(fd)));
    size_t right = 0;
    for (size_t at = 0; at < touched; at += page) right += bytes[at] == 'm';
    std::printf("pages are right: %d\n", touched != 0 && right == touched / page);
}

// What was written stays in memory until somebody stops the machine.
void write_and_wait(const std::string& folder) {
    const int fd = open_file(folder + "/unsynced", O_WRONLY | O_CREAT);
    if (::write(fd, "not synchronized", 16) != 16) std::printf("write: %s\n", std::strerror(errno));
    std::puts("written");
    std::fflush(stdout);
    for (;;) ::pause();
}

// Reads all of a file, past errors of the disk.
void read_all(const std::string& path) {
    const int fd = open_file(path, O_RDONLY);
    struct stat s {};
    ::fstat(fd, &s);
    std::vector<char> piece(4096);
    long good = 0, bad = 0;
    int error = 0;
    for (off_t at = 0; at < s.st_size; at += 4096) {
        if (::pread(fd, piece.data(), piece.size(), at) > 0) {
            ++good;
        } else {
            ++bad;
            error = errno;
        }
    }
    std::printf("some good: %d, some bad: %d, %s\n", good != 0, bad != 0, std::strerror(error));
}

// Writes and synchronizes until the disk fails.
void write_until_failure(const std::string& folder) {
    std::string text(8192, 'w');
    long result = 0;
    for (int i = 0; i < 200 && result >= 0; ++i) {
        const int fd = ::open((folder + "/f" + std::to_string(i)).c_str(), O_RDWR | O_CREAT, 0644);
        if ((result = fd) < 0) break;
        if ((result = ::write(fd, text.data(), text.size())) >= 0) result = ::fsync(fd);
        ::close(fd);
    }
    std::printf("failed: %s\n", error_of(result));
    const int known = ::open((folder + "/f0").c_str(), O_RDONLY);
    std::vector<char> bytes(text.size());
    std::printf("f0 can be read: %d\n", ::pread(known, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
}

// Holes and data, as they are told and as they read.
void holes(const std::string& folder) {
    const int fd = open_file(folder + "/holes", O_RDWR | O_CREAT);
    constexpr off_t mib = 1 << 20;
    bool right = ::pwrite(fd, "a", 1, 0) == 1 && ::pwrite(fd, "b", 1, 100 * mib) == 1 && ::ftruncate(fd, 1000 * mib) == 0;
    right = right && ::lseek(fd, 0, SEEK_HOLE) == 4096 && ::lseek(fd, 4096, SEEK_DATA) == 100 * mib;
    right = right && ::lseek(fd, 100 * mib + 4096, SEEK_DATA) == -1 && errno == ENXIO;
    right = right && ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * mib, 4096) == 0;
    right = right && ::lseek(fd, 4096, SEEK_DATA) == -1 && errno == ENXIO;
    char c = 'x';
    right = right && ::pread(fd, &c, 1, 100 * mib) == 1 && c == 0;
    struct stat s {};
    right = right && ::fstat(fd, &s) == 0 && s.st_size == 1000 * mib && s.st_blocks <= 16;
    std::printf("holes %s\n", right ? "right" : "wrong");
}

// Past the cache.
void direct(const std::string& folder) {
    const std::string path = folder + "/direct";
    const int fd = open_file(path, O_RDWR | O_CREAT | O_DIRECT), cached = open_file(path, O_RDWR);
    void* memory = nullptr;
    if (::posix_memalign(&memory, 4096, 65536) != 0) std::exit(1);
    auto* const bytes = static_cast<char*>(memory);
    bool right = true;
    for (int round = 0; round < 20; ++round) {
        std::memset(bytes, 'a' + round, 65536);
        right = right && ::pwrite(fd, bytes, 65536, off_t{round} * 32768) == 65536;
        right = right && ::pwrite(cached, "cached", 6, off_t{round} * 32768 + 100) == 6;
        right = right && ::pread(fd, bytes, 65536, off_t{round} * 32768) == 65536;
        right = right && std::memcmp(bytes + 100, "cached", 6) == 0 && bytes[99] == 'a' + round && bytes[65535] == 'a' + round;
        char c[6];
        right = right && ::pread(cached, c, 6, off_t{round} * 32768 + 65530) == 6 && c[5] == 'a' + round;
    }
    std::printf("direct %s\n", right ? "right" : "wrong");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view verb = argv[1];
    if (verb == "fill") fill(argv[2]);
    else if (verb == "fill_mapped") fill_mapped(argv[2]);
    else if (verb == "write_and_wait") write_and_wait(argv[2]);
    else if (verb == "read_all") read_all(argv[2]);
    else if (verb == "write_until_failure") write_until_failure(argv[2]);
    else if (verb == "holes") holes(argv[2]);
    else if (verb == "direct") direct(argv[2]);
    else return 2;
}
