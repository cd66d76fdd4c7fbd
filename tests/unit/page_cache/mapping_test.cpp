// Cached files that are mapped.
#include "cached_file.hpp"
#include "libos/fs/page_cache/memory.hpp"

namespace eremite::test {
namespace {

using CachedMappingTest = CacheTest;

TEST_F(CachedMappingTest, MappingsAndReadsSeeTheSameBytes) {
    const Bytes bytes = pattern(20 * page_size);
    CachedFile& file = make(bytes);
    const VirtualAddress start = map(file, 20);
    for (uint64_t i = 0; i < 20; ++i) EXPECT_EQ(load(start + i * page_size), word(bytes, i));
    store(start + 3 * page_size, 42);
    EXPECT_EQ(word(file.read(0, 20 * page_size), 3), 42u);
    file.write(4 * page_size, Bytes{1, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(load(start + 4 * page_size), 1u);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(word(file.store.bytes, 3), 42u);
    unmap(start, 20);
}

TEST_F(CachedMappingTest, WhatIsWrittenAfterAWriteBackIsDirtyAgain) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    store(start, 1);
    EXPECT_TRUE(file.cache.dirty());
    // Written while the store writes: it belongs to the next time at the latest.
    file.store.on_write = [&] { store(start, 2); };
    ASSERT_TRUE(file.cache.write_back().ok());
    file.store.on_write = nullptr;
    EXPECT_TRUE(file.cache.dirty());
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(word(file.store.bytes, 0), 2u);
    EXPECT_FALSE(file.cache.dirty());
    EXPECT_EQ(load(start), 2u);
    EXPECT_FALSE(file.cache.dirty());
    store(start, 3);
    ASSERT_TRUE(space().sync(start, page_size, false, true).ok());
    EXPECT_EQ(word(file.store.bytes, 0), 3u);
    unmap(start, 4);
}

TEST_F(CachedMappingTest, MsyncTellsTheErrorOfTheStore) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    store(start, 1);
    file.store.write_error = EIO;
    EXPECT_TRUE(space().sync(start, page_size, false, false).ok());
    EXPECT_EQ(space().sync(start, page_size, false, true).code(), EIO);
    unmap(start, 4);
}

// The error of somebody else's write-back, after which the page is not dirty any more, is told once.
TEST_F(CachedMappingTest, MsyncTellsAnEarlierError) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    store(start, 1);
    file.store.write_error = ENOSPC;
    fs::page_cache::write_back_each();
    file.store.write_error = 0;
    EXPECT_EQ(space().sync(start, page_size, false, true).code(), ENOSPC);
    EXPECT_TRUE(space().sync(start, page_size, false, true).ok());
    unmap(start, 4);
}

TEST_F(CachedMappingTest, WhatWasWrittenOutlivesTheMapping) {
    CachedFile& file = make(pattern(2 * page_size));
    const VirtualAddress start = map(file, 2);
    store(start + page_size, 5);
    unmap(start, 2);
    EXPECT_EQ(file.reference_count(), 2u);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(word(file.store.bytes, 1), 5u);
}

TEST_F(CachedMappingTest, EvictedPagesComeBackAndPrivateCopiesStay) {
    const Bytes bytes = pattern(64 * page_size);
    CachedFile& file = make(bytes);
    const VirtualAddress shared = map(file, 64), own = map(file, 64, MAP_PRIVATE);
    for (uint64_t i = 0; i < 64; ++i) {
        EXPECT_EQ(load(shared + i * page_size), word(bytes, i));
        if (i % 3 == 0) store(own + i * page_size, i);
        else EXPECT_EQ(load(own + i * page_size), word(bytes, i));
    }
    EXPECT_EQ(file.cache.evict_unmapped(100), 0u);
    EXPECT_EQ(file.cache.evict(1000), 64u);
    EXPECT_EQ(fs::page_cache::figures().cached, 0u);
    for (uint64_t i = 0; i < 64; ++i) {
        EXPECT_EQ(load(own + i * page_size), i % 3 == 0 ? i : word(bytes, i));
        EXPECT_EQ(load(shared + i * page_size), word(bytes, i));
    }
    unmap(shared, 64);
    unmap(own, 64);
    EXPECT_EQ(file.cache.evict_unmapped(100), 64u);
}

TEST_F(CachedMappingTest, LockedAndDirtyPagesStay) {
    CachedFile& file = make(pattern(8 * page_size));
    const VirtualAddress start = map(file, 8);
    ASSERT_TRUE(space().lock(start, 8 * page_size, true).ok());
    EXPECT_EQ(file.cache.evict(100), 0u);
    ASSERT_TRUE(space().unlock(start, 8 * page_size).ok());
    store(start + 2 * page_size, 1);
    EXPECT_EQ(file.cache.evict(100), 7u);
    EXPECT_EQ(load(start + 2 * page_size), 1u);
    ASSERT_TRUE(file.cache.write_back().ok());
    unmap(start, 8);
}

TEST_F(CachedMappingTest, TruncationTakesPagesAndClearsTheTail) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    for (uint64_t i = 0; i < 4; ++i) store(start + i * page_size, 9);
    ASSERT_TRUE(file.cache.truncate(page_size + 4).ok());
    uint64_t value;
    EXPECT_EQ(cpu().read(start + 2 * page_size, value), ENXIO);
    EXPECT_EQ(load(start + page_size), 9u);
    // Behind the end, where no file is.
    store(start + page_size, UINT64_MAX);
    ASSERT_TRUE(file.cache.truncate(4 * page_size).ok());
    EXPECT_EQ(load(start + page_size), 0xffff'ffffu);
    EXPECT_EQ(load(start + 2 * page_size), 0u);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(word(file.store.bytes, 1), 0xffff'ffffu);
    unmap(start, 4);
}

TEST_F(CachedMappingTest, InvalidationReachesMappings) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    for (uint64_t i = 0; i < 4; ++i) (void)load(start + i * page_size);
    store(start, 77);
    file.store.on_write = [&] { file.store.bytes = pattern(4 * page_size, 6); };
    ASSERT_TRUE(file.cache.invalidate().ok());
    file.store.on_write = nullptr;
    EXPECT_EQ(load(start), 77u);
    for (uint64_t i = 1; i < 4; ++i) EXPECT_EQ(load(start + i * page_size), word(pattern(4 * page_size, 6), i));
    unmap(start, 4);
}

TEST_F(CachedMappingTest, ReadErrorsEndTheFault) {
    CachedFile& file = make(pattern(4 * page_size));
    const VirtualAddress start = map(file, 4);
    file.store.read_error = EIO;
    uint64_t value;
    EXPECT_EQ(cpu().read(start, value), EIO);
    file.store.read_error = 0;
    EXPECT_EQ(cpu().read(start, value), 0);
    unmap(start, 4);
}

}  // namespace
}  // namespace eremite::test
