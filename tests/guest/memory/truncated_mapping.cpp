// Pages of a shared mapping that were touched before the file's end moved below them: they are gone, for the kernel too.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "check.hpp"

using namespace memory;

int main() {
    const int fd = memfd_create("file", 0);
    CHECK(ftruncate(fd, 3 * page));
    char* p = reinterpret_cast<char*>(map(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
    std::memset(p, 'a', 3 * page);
    CHECK_TEXT(rights(p, 3));
    CHECK(ftruncate(fd, page + 10));
    CHECK_TEXT(rights(p, 3));
    CHECK(all(p + page, 10, 'a') && all(p + page + 10, page - 10, 0));
    CHECK(ftruncate(fd, 3 * page));
    CHECK_TEXT(rights(p, 3));
    CHECK(all(p + 2 * page, page, 0));
    // A private copy goes as well.
    char* copy = reinterpret_cast<char*>(map(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd));
    std::memset(copy, 'b', 3 * page);
    CHECK(ftruncate(fd, page));
    CHECK_TEXT(rights(copy, 3));
    CHECK(all(copy, page, 'b'));
}
