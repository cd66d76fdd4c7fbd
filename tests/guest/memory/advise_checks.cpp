#include <sys/resource.h>

#include <cstring>
#include <string>

#include "check.hpp"

namespace memory {

namespace {

// Which pages are in memory, as "10..": '.' for those of the end of the range, where nothing is.
const char* residency(char* p, size_t pages) {
    static std::string text;
    unsigned char vector[64] = {};
    text.clear();
    if (const long result = call(SYS_mincore, p, pages * page, vector); result < 0) return result == -ENOMEM ? "ENOMEM" : "an error";
    for (size_t i = 0; i < pages; ++i) text += vector[i] & 1 ? '1' : '0';
    return text.c_str();
}

void check_arguments() {
    char* p = fresh_between_holes(4);
    CHECK(advise(p + 1, page, MADV_DONTNEED));
    CHECK(advise(p, 0, MADV_DONTNEED));
    CHECK(advise(p, page, 9999));
    CHECK(advise(p, 0, 9999));
    CHECK(advise(p, ~size_t{0}, MADV_DONTNEED));
    CHECK(advise(p, 8 * page, MADV_DONTNEED));
    CHECK(advise(p - 4 * page, page, MADV_NORMAL));
    for (const int advice :
         {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP, MADV_DODUMP})
        report("hint", advise(p, 4 * page, advice));
    CHECK(advise(p, page, MADV_REMOVE));
    CHECK(unmap(p, 4 * page));
}

void check_discarding() {
    char* p = fresh(6);
    std::memset(p, 'a', 6 * page);
    CHECK(advise(p + page, 2 * page, MADV_DONTNEED));
    CHECK(all(p, page, 'a') && all(p + page, 2 * page, 0) && all(p + 3 * page, 3 * page, 'a'));
    CHECK_TEXT(rights(p, 6));
    CHECK(protect(p + 3 * page, page, PROT_NONE));
    CHECK(advise(p + 3 * page, page, MADV_DONTNEED));
    CHECK(protect(p + 3 * page, page, PROT_READ));
    CHECK(all(p + 3 * page, page, 0));
    CHECK(advise(p + 4 * page, page, MADV_FREE));
    const char after = p[4 * page];
    CHECK(after == 'a' || after == 0);
    p[4 * page] = 'n';
    CHECK(p[4 * page] == 'n');
    CHECK(unmap(p, 6 * page));

    char* shared = fresh(2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    std::memset(shared, 's', 2 * page);
    CHECK(advise(shared, 2 * page, MADV_DONTNEED));
    CHECK(all(shared, 2 * page, 's'));
    CHECK(advise(shared, page, MADV_FREE));
    CHECK(unmap(shared, 2 * page));
}

void check_residency() {
    char* p = fresh_between_holes(4);
    CHECK(advise(p, 4 * page, MADV_NOHUGEPAGE));
    CHECK(call(SYS_mincore, p + 1, page, p));
    CHECK(call(SYS_mincore, p, page, nullptr));
    CHECK(call(SYS_mincore, p, 0, nullptr));
    CHECK_TEXT(residency(p, 5));
    std::memset(p, 'r', 4 * page);
    CHECK_TEXT(residency(p, 4));
    CHECK(advise(p + page, page, MADV_DONTNEED));
    CHECK_TEXT(residency(p, 4));
    CHECK(unmap(p, 4 * page));
    char* populated = fresh(4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
    CHECK_TEXT(residency(populated, 4));
    CHECK(unmap(populated, 4 * page));
}

void check_locking() {
    char* p = fresh_between_holes(4);
    CHECK(call(SYS_mlock, p, 2 * page));
    CHECK_TEXT(residency(p, 2));
    CHECK(call(SYS_mlock, p + 3 * page, 2 * page));
    CHECK(advise(p, page, MADV_DONTNEED));
    CHECK(call(SYS_munlock, p, 4 * page));
    CHECK(advise(p, page, MADV_DONTNEED));
    CHECK(call(SYS_munlock, p, 5 * page));
    CHECK(call(SYS_mlock2, p, page, 8));
    CHECK(call(SYS_mlock2, p, page, MLOCK_ONFAULT));
    CHECK(call(SYS_mlockall, 0));
    CHECK(call(SYS_mlockall, 64));
    CHECK(call(SYS_munlockall));
    CHECK(call(SYS_msync, p, page, MS_SYNC));
    CHECK(call(SYS_msync, p, page, MS_SYNC | MS_ASYNC));
    CHECK(call(SYS_msync, p + 1, page, MS_SYNC));
    CHECK(call(SYS_msync, p, 6 * page, MS_ASYNC));
    CHECK(call(SYS_msync, p, page, 64));
    CHECK(unmap(p, 4 * page));
}

}  // namespace

void check_advise() {
    check_arguments();
    check_discarding();
    check_residency();
    check_locking();
}

}  // namespace memory
