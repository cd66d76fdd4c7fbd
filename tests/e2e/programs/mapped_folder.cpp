// Maps files as its arguments say: `mapped_folder VERB FILE [MIB]`. Prints what it finds; exit status 1 when that is wrong.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr size_t page = 4096;

[[noreturn]] void fail(const char* what) {
    std::printf("%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

void expect(bool right, const char* what) {
    if (right) return;
    std::printf("wrong: %s\n", what);
    std::exit(1);
}

struct Mapping {
    int fd;
    uint8_t* bytes;
    size_t size;
};

Mapping map(const char* path, int protection, int flags) {
    const int fd = ::open(path, O_RDWR);
    if (fd < 0) fail("open");
    const auto size = static_cast<size_t>(::lseek(fd, 0, SEEK_END));
    void* const memory = ::mmap(nullptr, size, protection, flags, fd, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return {fd, static_cast<uint8_t*>(memory), size};
}

// The host sees what is written to a shared mapping once it is synchronized or the program has ended; it never sees a private one's.
void shared(const char* path) {
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_SHARED);
    std::memcpy(m.bytes + page - 2, "MARK", 4);
    char seen[4];
    expect(::pread(m.fd, seen, 4, page - 2) == 4 && std::memcmp(seen, "MARK", 4) == 0, "read sees the mapping");
    expect(::pwrite(m.fd, "file", 4, 2 * page) == 4 && std::memcmp(m.bytes + 2 * page, "file", 4) == 0, "the mapping sees writes");
    if (::msync(m.bytes, m.size, MS_SYNC) != 0) fail("msync");
    ::close(m.fd);
    std::memcpy(m.bytes + 3 * page, "LATE", 4);
    std::puts("shared");
}

void private_(const char* path) {
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    std::memcpy(m.bytes, "mine", 4);
    char seen[4];
    expect(::pread(m.fd, seen, 4, 0) == 4 && std::memcmp(seen, "mine", 4) != 0, "the file is as it was");
    std::puts("private");
}

// System calls whose memory is a mapping of which nothing is here yet.
void transfers(const char* path) {
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_SHARED);
    const size_t half = m.size / 2;
    const int other = ::open(path, O_RDWR);
    expect(::read(other, m.bytes + half, half) == static_cast<ssize_t>(half), "read of a file into its mapping");
    expect(std::memcmp(m.bytes, m.bytes + half, half) == 0, "what was read");
    for (const bool sockets : {false, true}) {
        int ends[2];
        if ((sockets ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : ::pipe(ends)) != 0) fail("pipe");
        if (::madvise(m.bytes, m.size, MADV_DONTNEED) != 0) fail("madvise");
        const int fresh = ::open(path, O_RDONLY | O_DIRECT);  // whose reads drop what is cached
        char one;
        (void)!::pread(fresh, &one, 1, 0);
        const int out = ends[1];
        std::thread writer{[&] {
            for (size_t done = 0; done < half;) {
                const ssize_t n = ::write(out, m.bytes + done, half - done);
                expect(n > 0, "write from a mapping");
                done += static_cast<size_t>(n);
            }
        }};
        std::vector<uint8_t> got(half);
        for (size_t done = 0; done < half;) {
            const ssize_t n = ::read(ends[0], got.data() + done, half - done);
            expect(n > 0, "read");
            done += static_cast<size_t>(n);
        }
        writer.join();
        expect(std::memcmp(got.data(), m.bytes, half) == 0, "what came through");
        ::close(fresh);
        ::close(ends[0]);
        ::close(ends[1]);
    }
    std::puts("transfers");
}

uint64_t value_at(size_t i) { return i * 0x9e3779b97f4a7c15; }

// A file larger than the machine's memory, written, then read and changed through a mapping.
void large(const char* path, size_t mebibytes) {
    const size_t size = mebibytes << 20;
    const int fd = ::open(path, O_RDWR | O_CREAT, 0644);
    std::vector<uint64_t> piece(1 << 14);
    const size_t bytes = piece.size() * sizeof(uint64_t);
    for (size_t at = 0; at < size; at += bytes) {
        for (size_t i = 0; i < piece.size(); ++i) piece[i] = value_at(at / 8 + i);
        if (::write(fd, piece.data(), bytes) != static_cast<ssize_t>(bytes)) fail("write");
    }
    if (::fsync(fd) != 0) fail("fsync");
    ::close(fd);
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_SHARED);
    expect(m.size == size, "size");
    auto* const words = reinterpret_cast<uint64_t*>(m.bytes);
    for (size_t i = 0; i < size / 8; i += 512) {
        expect(words[i] == value_at(i) && words[i + 511] == value_at(i + 511), "what is mapped");
        words[i + 1] = ~words[i + 1];
    }
    if (::msync(m.bytes, size, MS_SYNC) != 0) fail("msync");
    for (size_t i = 0; i < size / 8; i += 512) expect(words[i + 1] == ~value_at(i + 1), "what was changed");
    std::printf("%zu MiB\n", mebibytes);
}

sigjmp_buf after_fault;

// Waits until the server is dead, then needs a page of its file.
void orphan(const char* path) {
    const Mapping m = map(path, PROT_READ, MAP_SHARED);
    std::puts("mapped");
    std::fflush(stdout);
    (void)std::getchar();
    struct sigaction action {};
    action.sa_handler = [](int) { siglongjmp(after_fault, 1); };
    ::sigaction(SIGBUS, &action, nullptr);
    if (sigsetjmp(after_fault, 1) != 0) {
        std::puts("SIGBUS");
        return;
    }
    std::printf("byte %d\n", *static_cast<volatile uint8_t*>(m.bytes + m.size - 1));
}

// The host sees what is written before long, though the file stays open.
void kept_open(const char* path) {
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_SHARED);
    expect(::pwrite(m.fd, "file", 4, 0) == 4, "write");
    std::memcpy(m.bytes + page, "MARK", 4);
    std::puts("written");
    std::fflush(stdout);
    (void)std::getchar();
    std::puts("still open");
}

// What was written outlives a signal that ends the program.
void killed(const char* path, int signal) {
    const Mapping m = map(path, PROT_READ | PROT_WRITE, MAP_SHARED);
    expect(::pwrite(m.fd, "file", 4, 0) == 4, "write");
    std::memcpy(m.bytes + page, "MARK", 4);
    std::puts("written");
    std::fflush(stdout);
    ::raise(signal);
}

// A write that the server cannot store is an error of one fsync.
void full(const char* path) {
    const int fd = ::open(path, O_RDWR | O_CREAT, 0644);
    std::vector<char> bytes(1 << 20, 'x');
    bool refused = false;
    for (int i = 0; i < 16 && !refused; ++i) refused = ::write(fd, bytes.data(), bytes.size()) < 0;
    const int first = ::fsync(fd) == 0 ? 0 : errno, second = ::fsync(fd) == 0 ? 0 : errno;
    std::printf("write %s, fsync %s, then %s\n", refused ? "refused" : "taken", std::strerror(first), std::strerror(second));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view verb = argv[1];
    if (verb == "shared") shared(argv[2]);
    else if (verb == "private") private_(argv[2]);
    else if (verb == "transfers") transfers(argv[2]);
    else if (verb == "large" && argc > 3) large(argv[2], std::strtoul(argv[3], nullptr, 10));
    else if (verb == "orphan") orphan(argv[2]);
    else if (verb == "open") kept_open(argv[2]);
    else if (verb == "killed" && argc > 3) killed(argv[2], std::atoi(argv[3]));
    else if (verb == "full") full(argv[2]);
    else return 2;
}
