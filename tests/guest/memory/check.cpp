#include "check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace memory {

long raw_call(long number, const long (&words)[6]) {
    const long result = syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    return result == -1 ? -errno : result;
}

namespace {

[[noreturn]] void give_up(const char* why) {
    std::printf("cannot go on: %s\n", why);
    std::exit(2);
}

int probe_file() {
    static const int fd = [] {
        const int made = memfd_create("probe", 0);
        if (made < 0) give_up("no memfd");
        return made;
    }();
    return fd;
}

}  // namespace

char* fresh(size_t pages, int prot, int flags) {
    const long at = map(nullptr, pages * page, prot, flags);
    if (at < 0) give_up(strerrorname_np(static_cast<int>(-at)));
    return reinterpret_cast<char*>(at);
}

char* fresh_between_holes(size_t pages) {
    char* all_of_it = fresh(3 * pages);
    if (unmap(all_of_it, pages * page) != 0 || unmap(all_of_it + 2 * pages * page, pages * page) != 0) give_up("cannot make holes");
    return all_of_it + pages * page;
}

const char* rights(const void* start, size_t pages) {
    static std::string text;
    text.clear();
    for (size_t i = 0; i < pages; ++i) {
        char* at = static_cast<char*>(const_cast<void*>(start)) + i * page;
        const bool readable = pwrite(probe_file(), at, 1, 0) == 1;
        // What was read before is written back.
        const bool writable = pread(probe_file(), at, 1, 0) == 1;
        if (i) text += ' ';
        text += readable ? 'r' : '-';
        text += writable ? 'w' : '-';
    }
    return text.c_str();
}

bool all(const char* start, size_t size, char value) {
    return std::all_of(start, start + size, [value](char c) { return c == value; });
}

void report(const char* what, long result) {
    if (result < 0 && result >= -4095)
        std::printf("%s: %s\n", what, strerrorname_np(static_cast<int>(-result)));
    else if (result >= static_cast<long>(page))
        std::printf("%s: address\n", what);
    else
        std::printf("%s: %ld\n", what, result);
}

void report_text(const char* what, const char* text) {
    std::printf("%s: %s\n", what, text);
}

}  // namespace memory
