#pragma once
// Memory system calls without the C library's opinion, and checks that print one line each. Whatever kernel runs it, the
// output must be the same, so no addresses are printed.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace memory {

inline constexpr size_t page = 4096;

// A system call's result, or the negative errno.
template <typename... Arguments>
long call(long number, Arguments... arguments) {
    const long words[6] = {(long)arguments...};  // pointers and integers alike
    extern long raw_call(long, const long(&)[6]);
    return raw_call(number, words);
}

inline long map(void* hint, size_t length, int prot, int flags, int fd = -1, long offset = 0) {
    return call(SYS_mmap, hint, length, prot, flags, fd, offset);
}
inline long unmap(void* start, size_t length) {
    return call(SYS_munmap, start, length);
}
inline long protect(void* start, size_t length, int prot) {
    return call(SYS_mprotect, start, length, prot);
}
inline long remap(void* start, size_t from, size_t to, int flags, void* target = nullptr) {
    return call(SYS_mremap, start, from, to, flags, target);
}
inline long advise(void* start, size_t length, int advice) {
    return call(SYS_madvise, start, length, advice);
}

// Fresh private memory, zeroed, that may be read and written; ends the program where there is none.
char* fresh(size_t pages, int prot = PROT_READ | PROT_WRITE, int flags = MAP_PRIVATE | MAP_ANONYMOUS);
// As fresh, with nothing mapped in the `pages` below and above.
char* fresh_between_holes(size_t pages);

// What may be done to each of `pages` pages, as "rw r- -- rw": the kernel is asked to read and to write there.
const char* rights(const void* start, size_t pages);
// Whether every byte is `value`.
bool all(const char* start, size_t size, char value);

// Prints "what: 0", "what: ENOMEM", or for an address "what: address".
void report(const char* what, long result);
void report_text(const char* what, const char* text);
#define CHECK(expression) ::memory::report(#expression, (long)(expression))
#define CHECK_TEXT(expression) ::memory::report_text(#expression, (expression))

void check_map();
void check_protect();
void check_remap();
void check_advise();
void check_break();
void check_file();

}  // namespace memory
