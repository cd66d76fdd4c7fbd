#include <cstring>

#include "check.hpp"

namespace memory {

namespace {

long brk_to(char* where) {
    return call(SYS_brk, where);
}

}  // namespace

void check_break() {
    char* const before = reinterpret_cast<char*>(brk_to(nullptr));
    // What the C library keeps at the end of its heap stays untouched: the checks begin at the next page.
    char* const start = before + (page - reinterpret_cast<uintptr_t>(before) % page) % page;
    CHECK(brk_to(start + 4 * page) == reinterpret_cast<long>(start + 4 * page));
    CHECK(all(start, 4 * page, 0));
    CHECK_TEXT(rights(start, 4));
    std::memset(start, 'b', 4 * page);
    CHECK(brk_to(start + page + 1) == reinterpret_cast<long>(start + page + 1));
    CHECK_TEXT(rights(start, 4));
    CHECK(brk_to(start + 3 * page) == reinterpret_cast<long>(start + 3 * page));
    CHECK(all(start, 2 * page, 'b') && all(start + 2 * page, page, 0));
    CHECK(brk_to(reinterpret_cast<char*>(page)) == reinterpret_cast<long>(start + 3 * page));
    CHECK(brk_to(reinterpret_cast<char*>(size_t{1} << 62)) == reinterpret_cast<long>(start + 3 * page));
    // It stops at what is in its way.
    CHECK(map(start + 8 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE) ==
          reinterpret_cast<long>(start + 8 * page));
    CHECK(brk_to(start + 12 * page) == reinterpret_cast<long>(start + 3 * page));
    CHECK(unmap(start + 8 * page, page));
    CHECK(brk_to(start + 12 * page) == reinterpret_cast<long>(start + 12 * page));
    CHECK(all(start + 3 * page, 9 * page, 0));
    CHECK(brk_to(before) == reinterpret_cast<long>(before));
    CHECK_TEXT(rights(start, 2));
}

}  // namespace memory
