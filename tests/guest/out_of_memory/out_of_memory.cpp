// What a program sees when memory runs out: an error it can handle, each time, and all of it back afterwards. Needs a machine
// with little memory, since it takes all there is.
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace {

int failures = 0;

void check(const char* what, bool good) {
    std::printf("%s %s\n", good ? "ok  " : "FAIL", what);
    failures += !good;
}

constexpr size_t mebibyte = 1 << 20;

// Memory that is taken and touched with `take` until it says no; returns how many MiB.
template <typename Take>
size_t exhaust(Take take) {
    size_t pieces = 0;
    while (pieces < 4096 && take()) ++pieces;
    return pieces;
}

size_t exhaust_new() {
    std::vector<std::unique_ptr<char[]>> pieces;
    pieces.reserve(4096);
    bool caught = false;
    const size_t count = exhaust([&] {
        try {
            pieces.push_back(std::make_unique<char[]>(mebibyte));
        } catch (const std::bad_alloc&) {
            caught = true;
        }
        return !caught;
    });
    check("std::bad_alloc is caught", caught);
    bool intact = true;
    for (const auto& piece : pieces) intact = intact && piece[0] == 0 && piece[mebibyte - 1] == 0;
    check("what was allocated can be used", intact);
    return count;
}

size_t exhaust_malloc() {
    std::vector<void*> pieces;
    pieces.reserve(4096);
    const size_t count = exhaust([&] {
        void* piece = std::malloc(mebibyte);
        if (!piece) return false;
        std::memset(piece, 'm', mebibyte);
        pieces.push_back(piece);
        return true;
    });
    check("malloc() returns null with ENOMEM", errno == ENOMEM);
    for (void* piece : pieces) std::free(piece);
    return count;
}

// Small blocks, so that it is the heap's end that cannot grow.
size_t exhaust_small_blocks() {
    struct Block {
        Block* next;
        char text[120];
    };
    Block* first = nullptr;
    Block** last = &first;
    size_t count = 0;
    while (void* memory = std::malloc(sizeof(Block))) {
        *last = new (memory) Block{nullptr, {}};
        last = &(*last)->next;
        ++count;
    }
    check("small blocks: malloc() returns null", errno == ENOMEM);
    // From the bottom up: the C library keeps the first few in a cache, and a heap shrinks only if nothing at its end is kept.
    while (first) std::free(std::exchange(first, first->next));
    return count * sizeof(Block) / mebibyte;
}

size_t exhaust_mmap() {
    std::vector<void*> pieces;
    pieces.reserve(4096);
    const size_t count = exhaust([&] {
        void* piece = mmap(nullptr, mebibyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED) return false;
        std::memset(piece, 'p', mebibyte);
        pieces.push_back(piece);
        return true;
    });
    check("mmap() fails with ENOMEM", errno == ENOMEM);
    for (void* piece : pieces) munmap(piece, mebibyte);
    return count;
}

void check_requests_beyond_reason() {
    check("malloc() of an exbibyte", std::malloc(size_t{1} << 60) == nullptr && errno == ENOMEM);
    bool caught = false;
    try {
        std::vector<char> huge(size_t{1} << 40);
    } catch (const std::bad_alloc&) {
        caught = true;
    }
    check("a vector of a tebibyte", caught);
    check("new (std::nothrow)", new (std::nothrow) char[size_t{1} << 40] == nullptr);
    void* p = mmap(nullptr, size_t{1} << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check("mmap() of a gibibyte", p == MAP_FAILED && errno == ENOMEM);
    p = mmap(nullptr, size_t{1} << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check("reserving a gibibyte", p != MAP_FAILED);
    check("mprotect() of a gibibyte", mprotect(p, size_t{1} << 30, PROT_READ | PROT_WRITE) == -1 && errno == ENOMEM);
    check("mprotect() of a page of it", mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
    *static_cast<char*>(p) = 1;
    check("mremap() to a gibibyte", mremap(p, 4096, size_t{1} << 30, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    check("what stayed", *static_cast<char*>(p) == 1);
    munmap(p, size_t{1} << 30);
    check("sbrk() of a gibibyte", sbrk(1 << 30) == reinterpret_cast<void*>(-1) && errno == ENOMEM);
}

// The file system lives in the same memory: it is full then, which is an error too.
size_t fill_file_system() {
    const std::filesystem::path path = "/tmp/filler";
    std::FILE* file = std::fopen(path.c_str(), "w");
    const std::vector<char> block(mebibyte, 'f');
    std::setvbuf(file, nullptr, _IONBF, 0);
    const size_t count = exhaust([&] { return std::fwrite(block.data(), 1, block.size(), file) == block.size(); });
    check("write() fails with ENOSPC", errno == ENOSPC || errno == ENOMEM);
    std::fclose(file);
    std::ifstream back{path, std::ios::binary};
    std::vector<char> bytes(mebibyte / 16);
    bool intact = true;
    for (size_t i = 0; i < 16 && back.read(bytes.data(), static_cast<std::streamsize>(bytes.size())); ++i)
        intact = intact && bytes.front() == 'f' && bytes.back() == 'f';
    check("what was written can be read", intact);
    std::filesystem::remove(path);
    return count;
}

}  // namespace

int main() {
    struct sysinfo before {
    }, after{};
    sysinfo(&before);
    if (before.totalram * before.mem_unit > 256 * mebibyte) {
        std::puts("this machine has too much memory to take it all");
        return 2;
    }
    check_requests_beyond_reason();
    // Twice, since all must be there again the second time.
    for (int round = 0; round < 2; ++round) {
        const size_t by_new = exhaust_new(), by_malloc = exhaust_malloc(), small = exhaust_small_blocks(), by_mmap = exhaust_mmap(),
                     file = fill_file_system();
        std::printf("MiB taken: new %zu, malloc %zu, small blocks %zu, mmap %zu, file %zu\n", by_new, by_malloc, small, by_mmap, file);
        const size_t half = before.totalram * before.mem_unit / mebibyte / 2;
        check("more than half of the memory each time", by_new > half && by_malloc > half && small > half && by_mmap > half && file > half);
    }
    sysinfo(&after);
    check("memory comes back", after.freeram + 2 * mebibyte > before.freeram);
    std::puts(failures ? "failed" : "passed");
    return failures != 0;
}
