#include "libos/mm/heap.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "machine.hpp"

namespace eremite::mm {
namespace {

class HeapTest : public testing::Test {
protected:
    void SetUp() override { test::start_machine(); }
};

TEST_F(HeapTest, AlignsAsAsked) {
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (const size_t size : {size_t{0}, size_t{1}, size_t{17}, size_t{100}, size_t{1000}, size_t{2016}, size_t{2017}, size_t{5000}, size_t{100000}}) {
            void* p = heap_allocate(size, align);
            ASSERT_NE(p, nullptr);
            EXPECT_EQ(reinterpret_cast<uint64_t>(p) % align, 0u) << size << " at " << align;
            EXPECT_EQ(reinterpret_cast<uint64_t>(p) % 16, 0u);
            std::memset(p, 0xa5, size);
            heap_free(p);
        }
    }
    EXPECT_EQ(heap_allocate(1, 8192), nullptr);
    EXPECT_EQ(heap_allocate(SIZE_MAX), nullptr);
    EXPECT_EQ(heap_allocate(SIZE_MAX, 64), nullptr);
    heap_free(nullptr);
}

TEST_F(HeapTest, CatchesWrongFrees) {
    auto* p = static_cast<char*>(heap_allocate(100));
    auto* other = heap_allocate(100);
    heap_free(p);
    EXPECT_THROW(heap_free(p), test::Panic);
    heap_free(other);
    auto* pages = static_cast<char*>(heap_allocate(10000));
    heap_free(pages);
    EXPECT_THROW(heap_free(pages), test::Panic);
    alignas(4096) static char foreign[4096];
    EXPECT_THROW(heap_free(foreign), test::Panic);
    EXPECT_THROW(heap_free(foreign + 64), test::Panic);
}

TEST_F(HeapTest, FailsWhenMemoryIsGone) {
    test::Hunger hunger{0};
    EXPECT_EQ(heap_allocate(5000), nullptr);
    // Objects may remain in slabs, of other CPUs too; then it ends.
    std::vector<void*> got;
    while (void* p = heap_allocate(700)) got.push_back(p);
    EXPECT_LT(got.size(), 40u);
    for (void* p : got) heap_free(p);
}

TEST_F(HeapTest, KeepsObjectsApart) {
    const HeapStatistics before = heap_statistics();
    std::mt19937_64 random{7};
    std::map<unsigned char*, std::pair<size_t, unsigned char>> live;
    for (int step = 0; step < 60000; ++step) {
        if (random() % 100 < ((step / 3000) % 2 ? 40u : 60u)) {
            const size_t size = random() % 20 ? 1 + random() % 600 : 1 + random() % 9000;
            auto* p = static_cast<unsigned char*>(heap_allocate(size));
            ASSERT_NE(p, nullptr);
            const auto above = live.lower_bound(p);
            ASSERT_TRUE(above == live.end() || p + size <= above->first);
            ASSERT_TRUE(above == live.begin() || std::prev(above)->first + std::prev(above)->second.first <= p);
            const auto fill = static_cast<unsigned char>(random());
            std::memset(p, fill, size);
            live[p] = {size, fill};
        } else if (!live.empty()) {
            auto victim = live.begin();
            std::advance(victim, static_cast<long>(random() % std::min<size_t>(live.size(), 50)));
            const auto [size, fill] = victim->second;
            for (size_t i = 0; i < size; ++i) ASSERT_EQ(victim->first[i], fill);
            heap_free(victim->first);
            live.erase(victim);
        }
    }
    for (const auto& item : live) heap_free(item.first);
    EXPECT_EQ(heap_statistics().objects, before.objects);
    // At most one empty slab a size class stays.
    EXPECT_LE(heap_statistics().pages, before.pages + 21);
}

}  // namespace
}  // namespace eremite::mm
