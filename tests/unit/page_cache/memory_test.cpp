// The cache where memory is short.
#include "cached_file.hpp"

namespace eremite::test {
namespace {

using CacheMemoryTest = CacheTest;
// As many pages as the machine leaves to the test; its margin is a part of all it has.
constexpr uint64_t left = 3000;
constexpr uint64_t file_pages = 8000;

TEST_F(CacheMemoryTest, AFileLargerThanMemoryIsReadAndWritten) {
    const Hunger hunger{left};
    const Bytes bytes = pattern(file_pages * page_size);
    CachedFile& file = make(bytes);
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    EXPECT_LT(fs::page_cache::figures().cached, left);
    EXPECT_GT(fs::page_cache::figures().cached, left / 3);
    const Bytes fresh = pattern(file_pages * page_size, 3);
    file.write(0, fresh);
    EXPECT_EQ(file.read(0, bytes.size()), fresh);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.bytes, fresh);
}

TEST_F(CacheMemoryTest, AMappedFileMayBeLargerThanMemory) {
    const Hunger hunger{left};
    const Bytes bytes = pattern(file_pages * page_size);
    CachedFile& file = make(bytes);
    const VirtualAddress start = map(file, file_pages);
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(load(start + i * page_size), word(bytes, i)) << i;
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(cpu().write(start + i * page_size, i), 0) << i;
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(load(start + i * page_size), i);
    ASSERT_TRUE(file.cache.write_back().ok());
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(word(file.store.bytes, i), i);
    unmap(start, file_pages);
}

TEST_F(CacheMemoryTest, OthersGetWhatTheCacheHas) {
    const Hunger hunger{left};
    CachedFile& file = make(pattern(file_pages * page_size));
    (void)file.read(0, file_pages * page_size);
    const uint64_t free = mm::page_allocator().free_pages();
    EXPECT_LT(free, left / 2);
    EXPECT_GT(mm::page_allocator().available_pages(), left * 3 / 4);
    EXPECT_TRUE(mm::page_allocator().can_spare(left * 3 / 4));
    std::vector<PhysicalAddress> taken;
    for (uint64_t i = 0; i < left * 3 / 4; ++i) {
        auto frame = mm::page_allocator().allocate(0);
        ASSERT_TRUE(frame.ok()) << i;
        taken.push_back(*frame);
    }
    for (const PhysicalAddress frame : taken) mm::page_allocator().free(frame, 0);
}

TEST_F(CacheMemoryTest, PromisesAreMadeOfCachedPages) {
    const Hunger hunger{left};
    CachedFile& file = make(pattern(file_pages * page_size));
    (void)file.read(0, file_pages * page_size);
    mm::MapRequest request;
    request.length = left * 3 / 4 * page_size;
    request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
    auto start = space().map(request);
    ASSERT_TRUE(start.ok());
    // What was promised is not taken by the cache any more.
    EXPECT_EQ(file.read(0, file_pages * page_size).size(), file_pages * page_size);
    for (uint64_t i = 0; i < left * 3 / 4; ++i) ASSERT_EQ(cpu().write(*start + i * page_size, i), 0) << i;
    EXPECT_EQ(file.read(0, file_pages * page_size), file.store.bytes);
    ASSERT_TRUE(space().unmap(*start, request.length).ok());
}

// Pages that are mapped, dirty ones among them, are not had under a lock.
TEST_F(CacheMemoryTest, AFaultWaitsForMappedPagesToGo) {
    const Hunger hunger{left};
    CachedFile& file = make(pattern(file_pages * page_size));
    const VirtualAddress start = map(file, file_pages);
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(cpu().write(start + i * page_size, i), 0);
    mm::MapRequest request;
    request.length = left * 3 / 4 * page_size;
    request.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    auto own = space().map(request);
    ASSERT_TRUE(own.ok());
    for (uint64_t i = 0; i < left * 3 / 4; ++i) ASSERT_EQ(cpu().write(*own + i * page_size, i), 0) << i;
    for (uint64_t i = 0; i < file_pages; ++i) ASSERT_EQ(load(start + i * page_size), i);
    ASSERT_TRUE(space().unmap(*own, request.length).ok());
    ASSERT_TRUE(file.cache.write_back().ok());
    unmap(start, file_pages);
}

TEST_F(CacheMemoryTest, WhatIsDirtyIsBounded) {
    CachedFile& file = make({});
    const uint64_t limit = mm::page_allocator().total_pages() / 8 + 1;
    file.write(0, Bytes((limit + 500) * page_size, 3));
    EXPECT_FALSE(file.store.writes.empty());
    EXPECT_LE(fs::page_cache::figures().dirty, limit + 1);
    ASSERT_TRUE(file.cache.write_back().ok());
}

TEST_F(CacheMemoryTest, WithoutMemoryReadsFail) {
    CachedFile& file = make(pattern(10 * page_size));
    const Hunger hunger{10};
    EXPECT_EQ(file.read_error(0), ENOMEM);
}

TEST_F(CacheMemoryTest, WriteBackNeedsNoMemory) {
    CachedFile& file = make({});
    const Bytes bytes = pattern(500 * page_size);
    file.write(0, bytes);
    const Hunger hunger{0};
    const FailingHeap heap{0};
    ASSERT_TRUE(file.cache.write_back().ok());
}

TEST_F(CacheMemoryTest, FailedAllocationsOfTheTreeAreErrorsAndNoMore) {
    const Bytes bytes = pattern(300 * page_size);
    for (int64_t successes = 0; successes < 12; ++successes) {
        CachedFile& file = make(bytes);
        {
            const FailingHeap heap{successes};
            Bytes room(bytes.size());
            fs::IoBuffer buffer = fs::IoBuffer::kernel(room);
            const auto done = file.cache.read(0, buffer);
            EXPECT_TRUE(done.ok() || done.code() == ENOMEM);
        }
        EXPECT_EQ(file.read(0, bytes.size()), bytes);
    }
}

}  // namespace
}  // namespace eremite::test
