// What system calls and fresh memory cost, one line per measurement: `name unit value`. Needs /dev/null and /dev/zero.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::Options;

constexpr size_t page_size = 4096;

char* map(size_t size, int protection = PROT_READ | PROT_WRITE) {
    void* memory = mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return static_cast<char*>(memory);
}

void unmap(char* memory, size_t size) {
    if (munmap(memory, size) != 0) fail("munmap");
}

void touch(char* memory, size_t size) {
    for (size_t offset = 0; offset < size; offset += page_size) static_cast<volatile char*>(memory)[offset] = 1;
}

void map_touch_unmap(size_t size) {
    char* memory = map(size);
    touch(memory, size);
    unmap(memory, size);
}

int open_device(const char* path, int flags) {
    int fd = open(path, flags);
    if (fd < 0) fail(path);
    return fd;
}

// The library function and the bare instruction are both measured: on Linux the former may be answered by the vDSO,
// without entering the kernel.
long bare_syscall(long number, long first, long second) {
    long result;
    // SAFETY: the Linux system-call convention; the kernel changes rax, rcx, r11 and the memory that the arguments point to.
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return result;
}

void measure_calls(const Options& options) {
    using eremite::bench::measure;
    measure(options, "getppid", [] { (void)getppid(); });
    measure(options, "clock_gettime", [] {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
    });
    measure(options, "clock_gettime_syscall", [] {
        timespec now;
        // SAFETY: the kernel takes addresses as integers.
        bare_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, reinterpret_cast<long>(&now));
    });

    char byte = 0;
    int null = open_device("/dev/null", O_WRONLY);
    measure(options, "write_null", [&] {
        if (write(null, &byte, 1) != 1) fail("write");
    });
    close(null);
    int zero = open_device("/dev/zero", O_RDONLY);
    measure(options, "read_zero", [&] {
        if (read(zero, &byte, 1) != 1) fail("read");
    });
    close(zero);
}

// The cost of a page fault alone: pages of fresh memory are touched one by one, and mapping and unmapping are not counted.
// Large pages are declined, so that each touch of a system that honours this is a fault.
void measure_page_fault(const Options& options) {
    constexpr const char* name = "page_fault";
    if (!options.only.empty() && options.only != name) return;
    constexpr size_t size = 128 * page_size;
    std::vector<double> samples;
    for (int i = 0; i < (options.quick ? 10 : 50); ++i) {
        char* memory = map(size);
        if (madvise(memory, size, MADV_NOHUGEPAGE) != 0 && i == 0) std::fprintf(stderr, "no MADV_NOHUGEPAGE here\n");
        // The first page also pays for new page tables.
        touch(memory, page_size);
        uint64_t start = eremite::bench::ticks();
        touch(memory + page_size, size - page_size);
        samples.push_back(static_cast<double>(eremite::bench::ticks() - start) / static_cast<double>(size / page_size - 1));
        unmap(memory, size);
    }
    print(options, name, eremite::bench::median(samples));
}

void measure_memory(const Options& options) {
    using eremite::bench::measure;
    // A program has other mappings nearby, which keep the page tables of the neighbourhood. Without them each mapping below would
    // allocate and free tables of all levels. The neighbour is read-only so that it does not merge with the others.
    char* neighbour = map(page_size, PROT_READ);
    (void)*static_cast<volatile char*>(neighbour);
    measure_page_fault(options);
    measure(options, "mmap_4k", [] { map_touch_unmap(page_size); });
    measure(options, "mmap_2m", [] { map_touch_unmap(512 * page_size); });
    // A large buffer as programs get it, with the large pages that the system gives without being asked.
    constexpr size_t large = size_t{16} << 20;
    measure(options, "mmap_16m_per_page", [] { map_touch_unmap(large); }, large / page_size);
    unmap(neighbour, page_size);
}

}  // namespace

int main(int argc, char** argv) {
    Options options = eremite::bench::parse_options(argc, argv);
    if (options.calibrate) {
        std::printf("tsc mhz %.3f\n", options.tsc_mhz);
        return 0;
    }
    measure_calls(options);
    measure_memory(options);
    return eremite::bench::finish(options, 0);
}
