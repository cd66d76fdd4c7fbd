// Memory that is reserved but hardly used: it costs what was written, whatever was mapped or read. Needs a machine with less
// memory than it maps and reads.
#include <cstring>

#include "check.hpp"

using namespace memory;

namespace {

constexpr size_t large = size_t{2} << 20;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

// One page in each 2 MiB for a moment: its page table goes with it.
void check_tables() {
    char* const base = reinterpret_cast<char*>(0x1000'0000'0000);
    bool mapped = true, unmapped = true;
    for (size_t i = 0; i < 20'000 && mapped && unmapped; ++i) {
        char* const place = base + i * large;
        mapped = map(place, page, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED_NOREPLACE) == reinterpret_cast<long>(place);
        if (!mapped) break;
        *place = 1;
        unmapped = unmap(place, page) == 0;
    }
    CHECK(mapped && unmapped);
}

// The same, moved on instead of unmapped.
void check_moved_tables() {
    char* const base = reinterpret_cast<char*>(0x1000'0000'0000);
    map(base, page, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED);
    *base = 5;
    bool moved = true;
    size_t i = 1;
    for (; i < 20'000 && moved; ++i) {
        char* const to = base + i * large;
        moved = remap(to - large, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, to) == reinterpret_cast<long>(to) && *to == 5;
    }
    CHECK(moved);
    CHECK(unmap(base + (i - 1) * large, page));
}

void check_zeros() {
    constexpr size_t read = size_t{256} << 20;
    char* const start = reinterpret_cast<char*>(map(nullptr, size_t{64} << 30, PROT_READ | PROT_WRITE, anonymous | MAP_NORESERVE));
    long sum = 0;
    for (size_t at = 0; at < read; at += page) sum += start[at];
    CHECK(sum == 0);
    // Each page that is written is one of its own.
    for (size_t at = 0; at < read; at += 16 * large) start[at] = 'w';
    bool own = true;
    for (size_t at = 0; at < read; at += 16 * large) own = own && start[at] == 'w' && all(start + at + 1, 2 * page - 1, 0);
    CHECK(own);
    CHECK(unmap(start, size_t{64} << 30));

    char* const constant = reinterpret_cast<char*>(map(nullptr, 8 * page, PROT_READ, anonymous));
    CHECK(all(constant, 8 * page, 0));
    CHECK_TEXT(rights(constant, 8));
    CHECK(protect(constant, 4 * page, PROT_READ | PROT_WRITE));
    CHECK_TEXT(rights(constant, 8));
    std::memset(constant, 'c', 2 * page);
    CHECK(all(constant, 2 * page, 'c'));
    CHECK(all(constant + 4 * page, 4 * page, 0));
}

}  // namespace

int main() {
    check_tables();
    check_moved_tables();
    check_zeros();
}
