#include <cstring>

#include "check.hpp"

namespace memory {

namespace {

constexpr int read_write = PROT_READ | PROT_WRITE;

void check_rights() {
    char* p = fresh_between_holes(6);
    std::memset(p, 'a', 6 * page);
    CHECK(protect(p + 1, page, PROT_READ));
    CHECK(protect(p, 0, PROT_READ));
    CHECK(protect(p, page, 0x1000));
    CHECK(protect(p, ~size_t{0} - page, PROT_READ));
    CHECK(protect(p, 1, PROT_READ));
    CHECK(protect(p + 2 * page, 2 * page, PROT_NONE));
    CHECK_TEXT(rights(p, 6));
    CHECK(protect(p + 3 * page, page, read_write));
    CHECK_TEXT(rights(p, 6));
    CHECK(all(p + 3 * page, page, 'a'));
    // Up to the hole the change is made, then it is an error.
    CHECK(protect(p + 4 * page, 3 * page, PROT_READ));
    CHECK_TEXT(rights(p, 6));
    CHECK(protect(p - page, 2 * page, PROT_NONE));
    CHECK_TEXT(rights(p, 6));
    CHECK(protect(p, 6 * page, read_write));
    CHECK_TEXT(rights(p, 6));
    CHECK(all(p, 6 * page, 'a'));
    CHECK(unmap(p, 6 * page));
    // What was never touched, then readable, then writable.
    char* q = fresh(2, PROT_NONE);
    CHECK_TEXT(rights(q, 2));
    CHECK(protect(q, 2 * page, PROT_READ));
    CHECK(all(q, 2 * page, 0));
    CHECK_TEXT(rights(q, 2));
    CHECK(protect(q, 2 * page, read_write));
    q[page] = 'z';
    CHECK(q[0] == 0 && q[page] == 'z');
}

void check_code() {
    // mov eax, 42; ret
    constexpr unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    char* p = fresh(2);
    std::memcpy(p, code, sizeof code);
    CHECK(protect(p, page, PROT_READ | PROT_EXEC));
    CHECK_TEXT(rights(p, 2));
    const auto function = reinterpret_cast<int (*)()>(p);
    CHECK(function());
    // Changed and run again: as just-in-time compilers do.
    CHECK(protect(p, page, read_write));
    p[1] = 43;
    CHECK(protect(p, page, PROT_READ | PROT_EXEC));
    CHECK(function());
    // Code across a page's end.
    CHECK(protect(p, 2 * page, read_write));
    char* across = p + page - 3;
    std::memcpy(across, code, sizeof code);
    CHECK(protect(p, 2 * page, PROT_READ | PROT_EXEC));
    CHECK(reinterpret_cast<int (*)()>(across)());
}

}  // namespace

void check_protect() {
    check_rights();
    check_code();
}

}  // namespace memory
