// Threads that read, write, map, shorten, write back and evict one file at the same time, under ThreadSanitizer.
#include <random>
#include <thread>

#include "cached_file.hpp"

namespace eremite::test {
namespace {

class CacheThreads : public CacheTest {};

// Each writer has its own pages, to which it alone writes, in whole pages.
TEST_F(CacheThreads, EveryBodySeesItsOwnBytes) {
    constexpr unsigned writers = 3;
    constexpr uint64_t pages_each = 60, shared_end = writers * pages_each;
    constexpr int steps = 600;
    CachedFile& file = make(Bytes(shared_end * page_size, 0));
    file.store.on_read = file.store.on_write = [] { std::this_thread::yield(); };
    std::atomic<unsigned> running{writers};
    std::vector<std::thread> threads;
    std::array<std::array<uint8_t, pages_each>, writers> last{};
    for (unsigned t = 0; t < writers; ++t) {
        threads.emplace_back([&, t] {
            cpu_of_thread = 0;
            std::mt19937 random{t};
            for (int step = 0; step < steps; ++step) {
                const uint64_t page = random() % pages_each;
                const uint64_t offset = (t * pages_each + page) * page_size;
                if (random() % 2 == 0) {
                    const auto value = static_cast<uint8_t>(random());
                    file.write(offset, Bytes(page_size, value));
                    last[t][page] = value;
                } else {
                    EXPECT_EQ(file.read(offset, page_size), Bytes(page_size, last[t][page]));
                }
            }
            --running;
        });
    }
    threads.emplace_back([&] {
        while (running != 0) {
            (void)file.cache.evict_unmapped(20);
            (void)file.cache.evict(20);
            std::this_thread::yield();
        }
    });
    threads.emplace_back([&] {
        while (running != 0) {
            EXPECT_TRUE(file.cache.write_back().ok());
            EXPECT_TRUE(file.cache.truncate(shared_end * page_size + 100).ok());
            EXPECT_TRUE(file.cache.truncate(shared_end * page_size).ok());
            EXPECT_TRUE(file.cache.invalidate().ok());
        }
    });
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(file.cache.write_back().ok());
    for (unsigned t = 0; t < writers; ++t)
        for (uint64_t page = 0; page < pages_each; ++page) EXPECT_EQ(file.store.bytes[(t * pages_each + page) * page_size + 9], last[t][page]);
    EXPECT_EQ(file.reference_count(), 1u);
}

// Faults race with evictions; no thread looks at the memory through a TLB.
TEST_F(CacheThreads, FaultsRaceWithEvictions) {
    constexpr uint64_t pages = 100;
    CachedFile& file = make(pattern(pages * page_size));
    const VirtualAddress start = map(file, pages);
    std::atomic<unsigned> running{2};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 random{t};
            for (int step = 0; step < 1500; ++step)
                EXPECT_TRUE(space().fault(start + random() % pages * page_size, random() % 4 == 0 ? mm::Access::Write : mm::Access::Read).ok());
            --running;
        });
    }
    threads.emplace_back([&] {
        while (running != 0) {
            (void)file.cache.evict(30);
            EXPECT_TRUE(file.cache.write_back().ok());
        }
    });
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.bytes, pattern(pages * page_size));
    unmap(start, pages);
}

}  // namespace
}  // namespace eremite::test
