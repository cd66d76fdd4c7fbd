// What threads on two CPUs get out of memory management at the same time, beside one alone. Each figure is the time that passes for an
// operation, whoever did it: half of it with two CPUs is the best there is. One line per measurement: `name unit value`.
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::Options;
using eremite::bench::ticks;

constexpr size_t page_size = 4096, large_page_size = size_t{2} << 20;
constexpr int most_threads = 2;

char* map(size_t size, int advice) {
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    // Where large pages are unknown all pages are small.
    (void)madvise(memory, size, advice);
    return static_cast<char*>(memory);
}

void touch(char* memory, size_t size) {
    for (size_t offset = 0; offset < size; offset += page_size) static_cast<volatile char*>(memory)[offset] = 1;
}

// A batch of operations, by which the time is divided. A batch may need memory that is mapped before the time is taken: of its own for each
// thread, or in one piece of which each has a part.
struct Operation {
    const char* name;
    size_t count;
    void (*run)(char* memory, size_t size);
    size_t memory = 0;
    int advice = 0;
    bool shared = false;
};

// A mapping that lives for one touch.
void map_4k(char*, size_t) {
    for (int i = 0; i < 16; ++i) {
        char* const memory = map(page_size, MADV_NORMAL);
        touch(memory, page_size);
        munmap(memory, page_size);
    }
}

// Blocks of a size for which the C library's heap grows and shrinks all the time.
void allocate(char*, size_t) {
    constexpr size_t blocks = 64, size = 24 * 1024;
    void* memory[blocks];
    for (void*& block : memory) {
        block = std::malloc(size);
        if (!block) fail("malloc");
        touch(static_cast<char*>(block), size);
    }
    for (void* block : memory) std::free(block);
}

// An object of the kernel.
void event_counter(char*, size_t) {
    for (int i = 0; i < 256; ++i) {
        const int fd = eventfd(0, 0);
        if (fd < 0) fail("eventfd");
        close(fd);
    }
}

constexpr Operation operations[] = {
    {"fault", 256, touch, 256 * page_size, MADV_NOHUGEPAGE},
    {"fault_shared", 1024, touch, 1024 * page_size, MADV_NOHUGEPAGE, true},
    {"fault_large", 4, touch, 4 * large_page_size, MADV_HUGEPAGE},
    {"mmap_4k", 16, map_4k},
    {"malloc_24k", 64, allocate},
    {"eventfd", 256, event_counter},
};

struct Worker {
    const Operation* operation;
    int thread, threads;
    int batches;
    pthread_barrier_t* barrier;
    char** shared;
    std::vector<uint64_t> starts{}, ends{};
};

void* work(void* argument) {
    auto& self = *static_cast<Worker*>(argument);
    const Operation& operation = *self.operation;
    eremite::bench::stay_on(self.thread);
    const bool maps = operation.memory != 0 && (!operation.shared || self.thread == 0);
    char* own = nullptr;
    char*& memory = operation.shared ? *self.shared : own;
    const size_t part = operation.shared ? operation.memory / static_cast<size_t>(self.threads) : operation.memory;
    // The first batch warms up.
    for (int batch = 0; batch < self.batches + 1; ++batch) {
        if (maps) memory = map(operation.memory, operation.advice);
        pthread_barrier_wait(self.barrier);
        const uint64_t start = ticks();
        operation.run(operation.shared ? memory + static_cast<size_t>(self.thread) * part : memory, part);
        const uint64_t end = ticks();
        pthread_barrier_wait(self.barrier);
        if (maps) munmap(memory, operation.memory);
        if (batch == 0) continue;
        self.starts.push_back(start);
        self.ends.push_back(end);
    }
    return nullptr;
}

void measure(const Options& options, const Operation& operation, int threads) {
    const std::string name = threads == 1 ? operation.name : operation.name + std::string{"_two_cpus"};
    if (!options.only.empty() && options.only != name) return;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, static_cast<unsigned>(threads));
    char* shared = nullptr;
    const int batches = options.quick ? 20 : 200;
    std::vector<Worker> workers;
    for (int i = 0; i < threads; ++i) workers.push_back({&operation, i, threads, batches, &barrier, &shared});
    pthread_t ids[most_threads];
    for (int i = 0; i < threads; ++i) {
        if (pthread_create(&ids[i], nullptr, work, &workers[static_cast<size_t>(i)]) != 0) fail("pthread_create");
    }
    for (int i = 0; i < threads; ++i) pthread_join(ids[i], nullptr);
    pthread_barrier_destroy(&barrier);
    // What is shared is divided; of what is not each thread does all.
    const size_t count = operation.shared ? operation.count : operation.count * static_cast<size_t>(threads);
    std::vector<double> samples;
    for (size_t batch = 0; batch < static_cast<size_t>(batches); ++batch) {
        uint64_t start = UINT64_MAX, end = 0;
        for (const Worker& worker : workers) {
            start = std::min(start, worker.starts[batch]);
            end = std::max(end, worker.ends[batch]);
        }
        samples.push_back(static_cast<double>(end - start) / static_cast<double>(count));
    }
    eremite::bench::print(options, name.c_str(), eremite::bench::median(samples));
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = eremite::bench::parse_options(argc, argv);
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) fail("sched_getaffinity");
    const int most = CPU_ISSET(0, &cpus) && CPU_ISSET(1, &cpus) ? most_threads : 1;
    for (const Operation& operation : operations) {
        for (int threads = 1; threads <= most; ++threads) measure(options, operation, threads);
    }
    return eremite::bench::finish(options, 0);
}
