// What libext2fs wants of a C library, beside strings.c. All of it is local to the library OS once that is linked.
#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <cstring>

#include "base/panic.hpp"
#include "libos/mm/heap.hpp"
#include "libos/platform/clock.hpp"

using namespace eremite;

extern "C" {

void* malloc(size_t size) { return mm::heap_allocate(size); }
void* calloc(size_t count, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) return nullptr;
    void* const memory = mm::heap_allocate(all);
    return memory ? std::memset(memory, 0, all) : nullptr;
}
void free(void* memory) { mm::heap_free(memory); }

void* realloc(void* memory, size_t size) {
    void* const grown = mm::heap_allocate(size);
    if (!grown || !memory) return grown;
    std::memcpy(grown, memory, std::min(size, mm::heap_size(memory)));
    mm::heap_free(memory);
    return grown;
}

void abort() { panic("libext2fs gave up"); }
time_t time(time_t* where) {
    const time_t now = platform::realtime_now() / Duration::seconds(1).ns;
    if (where) *where = now;
    return now;
}
char* getenv(const char*) { return nullptr; }
// Of options behind a question mark in a device's name, which ours has not.
unsigned long strtoul(const char*, char**, int) { return 0; }

}  // extern "C"
