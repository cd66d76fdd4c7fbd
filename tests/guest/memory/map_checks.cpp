#include <cstring>

#include "check.hpp"

namespace memory {

namespace {

constexpr int read_write = PROT_READ | PROT_WRITE;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

void check_arguments() {
    CHECK(map(nullptr, 0, read_write, anonymous));
    CHECK(map(nullptr, page, read_write, MAP_ANONYMOUS));
    CHECK(map(nullptr, page, read_write, MAP_PRIVATE, -1));
    CHECK(map(nullptr, page, read_write, MAP_PRIVATE, 999));
    CHECK(map(nullptr, page, PROT_READ, anonymous, -1, 1));
    CHECK(map(nullptr, size_t{1} << 62, PROT_NONE, anonymous));
    CHECK(map(nullptr, ~size_t{0}, PROT_NONE, anonymous));
    CHECK(map(reinterpret_cast<void*>(1), page, read_write, anonymous | MAP_FIXED));
    CHECK(map(reinterpret_cast<void*>(size_t{1} << 47), page, read_write, anonymous | MAP_FIXED));
    CHECK(map(reinterpret_cast<void*>(size_t{1} << 62), page, read_write, anonymous) > 0);
    CHECK(unmap(reinterpret_cast<void*>(1), page));
    CHECK(unmap(reinterpret_cast<void*>(page), 0));
    CHECK(unmap(reinterpret_cast<void*>(size_t{1} << 47), page));
    CHECK(unmap(reinterpret_cast<void*>(page * 100), size_t{1} << 62));
}

void check_contents() {
    char* p = fresh(8);
    CHECK(all(p, 8 * page, 0));
    std::memset(p, 'a', 8 * page);
    CHECK(unmap(p + 2 * page, page));
    CHECK_TEXT(rights(p, 8));
    CHECK(unmap(p + 2 * page, page));  // a hole is no error
    CHECK(unmap(p + page, 4 * page));
    CHECK_TEXT(rights(p, 8));
    CHECK(all(p, page, 'a') && all(p + 5 * page, 3 * page, 'a'));
    CHECK(map(p + page, page, read_write, anonymous | MAP_FIXED) == reinterpret_cast<long>(p + page));
    CHECK(all(p + page, page, 0));
    // A fixed mapping replaces what is there, at both ends too.
    CHECK(map(p + 4 * page, 3 * page, PROT_READ, anonymous | MAP_FIXED) == reinterpret_cast<long>(p + 4 * page));
    CHECK_TEXT(rights(p, 8));
    CHECK(all(p + 4 * page, 3 * page, 0) && all(p + 7 * page, page, 'a'));
    CHECK(unmap(p, 8 * page - 1));  // rounded up
    CHECK_TEXT(rights(p, 8));
}

void check_placement() {
    char* p = fresh(4);
    CHECK(map(p + page, page, read_write, anonymous | MAP_FIXED_NOREPLACE));
    CHECK(unmap(p + page, page));
    CHECK(map(p + page, page, read_write, anonymous | MAP_FIXED_NOREPLACE) == reinterpret_cast<long>(p + page));
    CHECK(unmap(p + 2 * page, page));
    // A hint is taken where there is room, and is rounded down.
    CHECK(map(p + 2 * page + 5, page, read_write, anonymous) == reinterpret_cast<long>(p + 2 * page));
    CHECK(map(p + 2 * page, page, read_write, anonymous) != reinterpret_cast<long>(p + 2 * page));
    CHECK_TEXT(rights(p, 4));
    const long low = map(nullptr, page, read_write, anonymous | MAP_32BIT);
    CHECK(low > 0 && low < 1L << 31);
    // Reservations far beyond the memory there is.
    const long huge = map(nullptr, size_t{1} << 40, PROT_NONE, anonymous | MAP_NORESERVE);
    CHECK(huge > 0);
    char* in_the_middle = reinterpret_cast<char*>(huge) + (size_t{1} << 39);
    CHECK(protect(in_the_middle, page, read_write));
    *in_the_middle = 'x';
    CHECK_TEXT(rights(in_the_middle - page, 3));
    CHECK(unmap(reinterpret_cast<char*>(huge), size_t{1} << 40));
    CHECK_TEXT(rights(in_the_middle, 1));
}

void check_many() {
    // A thousand areas of different rights, then every other one gone.
    constexpr size_t count = 1000;
    char* p = fresh(count);
    for (size_t i = 0; i < count; ++i) p[i * page] = static_cast<char>(i);
    long failures = 0;
    for (size_t i = 0; i < count; i += 2) failures += protect(p + i * page, page, PROT_READ) != 0;
    for (size_t i = 1; i < count; i += 4) failures += unmap(p + i * page, page) != 0;
    CHECK(failures);
    CHECK_TEXT(rights(p, 8));
    for (size_t i = 0; i < count; i += 2) failures += p[i * page] != static_cast<char>(i);
    CHECK(failures);
    CHECK(unmap(p, count * page));
    CHECK_TEXT(rights(p, 8));
    // Two and a half large pages, touched here and there.
    constexpr size_t size = 5 << 20;
    char* large = fresh(size / page);
    for (size_t at = 0; at < size; at += 3 * page + 17) large[at] = 'y';
    size_t touched = 0;
    for (size_t at = 0; at < size; ++at) touched += large[at] == 'y';
    CHECK(touched == (size + 3 * page + 16) / (3 * page + 17));
    CHECK(unmap(large + (1 << 20), 2 << 20));
    CHECK_TEXT(rights(large + (1 << 20) - page, 2));
    CHECK_TEXT(rights(large + (3 << 20) - page, 2));
    CHECK(unmap(large, size));
}

}  // namespace

void check_map() {
    check_arguments();
    check_contents();
    check_placement();
    check_many();
}

}  // namespace memory
