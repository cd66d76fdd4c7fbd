// Several threads touch the same fresh pages, and allocate at once.
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "stress.hpp"

namespace stress {

// Each page is touched first by several threads at the same time; all must get the same page, zeroed, once.
void shared_faults() {
    constexpr int workers = 4;
    constexpr size_t pages = 1024, words = 512;
    for (int flags : {MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS}) {
        void* const at = mmap(nullptr, pages * 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
        REQUIRE(at != MAP_FAILED);
        uint64_t* const start = static_cast<uint64_t*>(at);
        std::atomic<int> ready = 0;
        in_threads(workers, [&](int worker) {
            ++ready;
            while (ready != workers) sched_yield();
            for (size_t k = 0; k < pages; ++k) {
                // Half of the threads read first.
                if (worker % 2) REQUIRE(std::atomic_ref{start[k * words + 100]} == 0);
                std::atomic_ref{start[k * words]} += 1 + static_cast<uint64_t>(worker);
            }
            progress();
        });
        for (size_t k = 0; k < pages; ++k) REQUIRE(start[k * words] == workers * (workers + 1) / 2);
        REQUIRE(munmap(at, pages * 4096) == 0);
    }
}

// Blocks of all sizes are allocated by one thread, and freed by that or another one. Their contents stay.
void heap() {
    constexpr int workers = 6, slots = 64;
    struct Block {
        size_t size;
        unsigned char fill;
        unsigned char data[];
    };
    static std::atomic<Block*> exchange[slots];
    in_threads(workers, [](int worker) {
        Random random(worker);
        for (int i = 0; i < 1500; ++i) {
            size_t size = 1 + random.below(512);
            if (random.below(16) == 0) size = random.below(64 * 1024);
            if (random.below(200) == 0) size = random.below(512 * 1024);
            auto* block = static_cast<Block*>(std::malloc(sizeof(Block) + size));
            REQUIRE(block);
            block->fill = static_cast<unsigned char>(random.next());
            if (random.below(8) == 0) {
                size += random.below(4096);
                block = static_cast<Block*>(std::realloc(block, sizeof(Block) + size));
                REQUIRE(block);
            }
            block->size = size;
            std::memset(block->data, block->fill, size);
            block = exchange[random.below(slots)].exchange(block);
            if (block) {
                for (size_t k = 0; k < block->size; k += 61) REQUIRE(block->data[k] == block->fill);
                std::free(block);
            }
            if (i % 100 == 0) progress();
        }
    });
    for (auto& slot : exchange) std::free(slot.exchange(nullptr));
}

}  // namespace stress
