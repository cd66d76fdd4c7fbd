#include <cstring>

#include "check.hpp"

namespace memory {

namespace {

char* address(long result) {
    return reinterpret_cast<char*>(result);
}

void fill(char* p, size_t pages) {
    for (size_t i = 0; i < pages; ++i) std::memset(p + i * page, static_cast<char>('a' + i), page);
}

// As "abc.": the letter each page is filled with, '.' for zeros, '?' for a mixture.
const char* contents(const char* p, size_t pages) {
    static char text[64];
    for (size_t i = 0; i < pages; ++i) {
        const char first = p[i * page];
        text[i] = !all(p + i * page, page, first) ? '?' : first ? first : '.';
    }
    text[pages] = 0;
    return text;
}

void check_arguments() {
    char* p = fresh_between_holes(4);
    CHECK(remap(p + 1, page, page, 0));
    CHECK(remap(p, page, 0, 0));
    CHECK(remap(p, page, page, 0x100));
    CHECK(remap(p, page, page, MREMAP_FIXED, p + 2 * page));
    CHECK(remap(p, 0, page, MREMAP_MAYMOVE));
    CHECK(remap(p - page, page, 2 * page, MREMAP_MAYMOVE));
    CHECK(remap(p, 5 * page, 6 * page, MREMAP_MAYMOVE));
    CHECK(remap(p, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, p + page));
    CHECK(remap(p, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * page + 1));
    CHECK(unmap(p, 4 * page));
}

void check_sizes() {
    char* p = fresh_between_holes(4);
    fill(p, 4);
    CHECK(remap(p, 4 * page, 2 * page, 0) == reinterpret_cast<long>(p));
    CHECK_TEXT(rights(p, 4));
    CHECK(remap(p, 2 * page, 4 * page, 0) == reinterpret_cast<long>(p));
    CHECK_TEXT(contents(p, 4));
    // The end is taken: it may not grow where it is.
    CHECK(map(p + 4 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) > 0);
    CHECK(remap(p, 4 * page, 6 * page, 0));
    char* moved = address(remap(p, 4 * page, 6 * page, MREMAP_MAYMOVE));
    CHECK(moved != p);
    CHECK_TEXT(contents(moved, 6));
    CHECK_TEXT(rights(p, 5));
    CHECK(remap(moved, 6 * page, 6 * page, 0) == reinterpret_cast<long>(moved));
    CHECK(unmap(moved, 6 * page));
}

void check_target() {
    char* p = fresh(4);
    fill(p, 4);
    char* target = fresh_between_holes(4);
    std::memset(target, 'x', 4 * page);
    // A part out of the middle, over something else.
    CHECK(remap(p + page, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_FIXED, target + page) == reinterpret_cast<long>(target + page));
    CHECK_TEXT(contents(target, 4));
    CHECK_TEXT(rights(p, 4));
    CHECK_TEXT(rights(target, 4));
    // And longer than it was.
    CHECK(remap(p + 3 * page, page, 3 * page, MREMAP_MAYMOVE | MREMAP_FIXED, target) == reinterpret_cast<long>(target));
    CHECK_TEXT(contents(target, 4));
    CHECK(protect(target, page, PROT_READ));
    char* moved = address(remap(target, page, 2 * page, MREMAP_MAYMOVE));
    CHECK_TEXT(rights(moved, 2));
    CHECK(unmap(moved, 2 * page));
    CHECK(unmap(target, 4 * page));
    CHECK(unmap(p, 4 * page));
}

// As a vector that grows through realloc().
void check_growth() {
    size_t pages = 1;
    char* p = fresh(pages);
    p[0] = 'g';
    for (; pages < 4096; pages *= 2) {
        const long result = remap(p, pages * page, 2 * pages * page, MREMAP_MAYMOVE);
        if (result < 0) return report("growing", result);
        p = address(result);
        if (!all(p + pages * page, pages * page, 0)) return report_text("new pages", "not zero");
        p[pages * page] = 'g';
    }
    size_t marks = 0;
    for (size_t i = 0; i < pages; ++i) marks += p[i * page] == 'g';
    CHECK(marks);
    CHECK(remap(p, pages * page, page, 0) == reinterpret_cast<long>(p));
    CHECK_TEXT(rights(p, 2));
    CHECK(p[0] == 'g');
    CHECK(unmap(p, page));
}

}  // namespace

void check_remap() {
    check_arguments();
    check_sizes();
    check_target();
    check_growth();
}

}  // namespace memory
