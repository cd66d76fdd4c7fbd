// Reading, writing and writing back through the cache.
#include "cached_file.hpp"

namespace eremite::test {
namespace {

using FileCacheTest = CacheTest;
constexpr size_t KiB = 1024;

Bytes part(const Bytes& bytes, size_t from, size_t size) {
    from = std::min(from, bytes.size());
    return {bytes.begin() + static_cast<ptrdiff_t>(from), bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), from + size))};
}

TEST_F(FileCacheTest, ReadsWhatIsStoredUpToTheEnd) {
    const Bytes bytes = pattern(100 * KiB + 77);
    CachedFile& file = make(bytes);
    for (const size_t from : {0u, 1u, 4095u, 4096u, 50'000u, 102'400u, 102'476u, 102'477u, 200'000u})
        for (const size_t size : {1u, 4096u, 5000u, 120'000u}) EXPECT_EQ(file.read(from, size), part(bytes, from, size)) << from << ' ' << size;
    const size_t requests = file.store.reads.size();
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    EXPECT_EQ(file.store.reads.size(), requests);
}

TEST_F(FileCacheTest, SequentialReadsAreReadAheadInDoublingRequests) {
    const Bytes bytes = pattern(2048 * KiB);
    CachedFile& file = make(bytes);
    for (size_t at = 0; at < bytes.size(); at += 4 * KiB) ASSERT_EQ(file.read(at, 4 * KiB), part(bytes, at, 4 * KiB));
    EXPECT_LE(file.store.reads.size(), 12u);
    for (size_t i = 1; i + 1 < file.store.reads.size(); ++i)
        EXPECT_EQ(file.store.reads[i].pages, std::min<size_t>(2 * file.store.reads[i - 1].pages, fs::FileCache::largest_request));
}

TEST_F(FileCacheTest, RandomReadsReadWhatTheyNeed) {
    CachedFile& file = make(pattern(1024 * KiB));
    for (const size_t page : {200u, 13u, 100u, 57u, 3u}) (void)file.read(page * page_size, page_size);
    for (const auto& request : file.store.reads) EXPECT_EQ(request.pages, 1u);
}

TEST_F(FileCacheTest, OneLargeReadIsFewRequests) {
    const Bytes bytes = pattern(1024 * KiB);
    CachedFile& file = make(bytes);
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    EXPECT_EQ(file.store.reads.size(), 2u);
}

TEST_F(FileCacheTest, WritesReachTheStoreWhenWrittenBack) {
    CachedFile& file = make({});
    const Bytes bytes = pattern(300 * KiB + 5);
    file.write(0, bytes);
    EXPECT_TRUE(file.store.writes.empty());
    EXPECT_EQ(file.cache.size(), bytes.size());
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    EXPECT_TRUE(file.cache.dirty());
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_FALSE(file.cache.dirty());
    EXPECT_EQ(file.store.bytes, bytes);
    EXPECT_EQ(file.store.writes.size(), 1u);
    EXPECT_TRUE(file.store.reads.empty());
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.writes.size(), 1u);
}

TEST_F(FileCacheTest, APartOfAPageIsReadBeforeItIsWritten) {
    Bytes bytes = pattern(20 * KiB);
    CachedFile& file = make(bytes);
    const Bytes fresh = pattern(100, 9);
    file.write(5000, fresh);
    std::copy(fresh.begin(), fresh.end(), bytes.begin() + 5000);
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.bytes, bytes);
    EXPECT_EQ(file.store.writes.size(), 1u);
}

TEST_F(FileCacheTest, OnlyTheRangeAskedForIsWrittenBack) {
    CachedFile& file = make({});
    file.write(0, pattern(10 * page_size));
    ASSERT_TRUE(file.cache.write_back(2 * page_size, 3 * page_size).ok());
    ASSERT_EQ(file.store.writes.size(), 1u);
    EXPECT_EQ(file.store.writes[0].offset, 2 * page_size);
    EXPECT_EQ(file.store.writes[0].pages, 2u);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.writes.size(), 3u);
}

TEST_F(FileCacheTest, GapsReadAsZeros) {
    CachedFile& file = make(pattern(10));
    file.write(3 * page_size + 5, Bytes{1, 2, 3});
    Bytes expected = pattern(10);
    expected.resize(3 * page_size + 5);
    expected.insert(expected.end(), {1, 2, 3});
    EXPECT_EQ(file.read(0, 20'000), expected);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.bytes, expected);
}

TEST_F(FileCacheTest, AppendingWritesAtTheEnd) {
    CachedFile& file = make(pattern(5000));
    const Bytes more = pattern(3000, 4);
    fs::IoBuffer buffer = fs::IoBuffer::kernel(more);
    uint64_t offset = 7;
    EXPECT_EQ(file.cache.write(offset, buffer, true).value(), 3000u);
    EXPECT_EQ(offset, 5000u);
    Bytes expected = pattern(5000);
    expected.insert(expected.end(), more.begin(), more.end());
    EXPECT_EQ(file.read(0, 10'000), expected);
    ASSERT_TRUE(file.cache.write_back().ok());
}

TEST_F(FileCacheTest, DirtyPagesKeepTheOwner) {
    CachedFile& file = make({});
    file.write(0, pattern(100));
    EXPECT_EQ(file.reference_count(), 2u);
    file.write(page_size, pattern(100));
    EXPECT_EQ(file.reference_count(), 2u);
    ASSERT_TRUE(file.cache.write_back(0, 1).ok());
    EXPECT_EQ(file.reference_count(), 2u);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.reference_count(), 1u);
    file.write(0, pattern(100));
    ASSERT_TRUE(file.cache.truncate(0).ok());
    EXPECT_EQ(file.reference_count(), 1u);
}

TEST_F(FileCacheTest, ReadErrorsAreToldAndTriedAgain) {
    const Bytes bytes = pattern(10 * page_size);
    CachedFile& file = make(bytes);
    file.store.read_error = EIO;
    EXPECT_EQ(file.read_error(5), EIO);
    Bytes byte{1};
    fs::IoBuffer buffer = fs::IoBuffer::kernel(byte);
    uint64_t offset = 5;
    EXPECT_EQ(file.cache.write(offset, buffer, false).code(), EIO);
    file.store.read_error = 0;
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
}

TEST_F(FileCacheTest, WriteErrorsAreToldOnceToEachOpenFile) {
    CachedFile& file = make({});
    uint64_t first = file.cache.error_cursor(), second = file.cache.error_cursor();
    file.write(0, pattern(3 * page_size));
    file.store.write_error = ENOSPC;
    EXPECT_EQ(file.cache.write_back().code(), ENOSPC);
    EXPECT_FALSE(file.cache.dirty());
    EXPECT_EQ(file.reference_count(), 1u);
    file.store.write_error = 0;
    // Nobody was told so far.
    uint64_t late = file.cache.error_cursor();
    EXPECT_EQ(file.cache.check_error(first).code(), ENOSPC);
    EXPECT_TRUE(file.cache.check_error(first).ok());
    EXPECT_EQ(file.cache.check_error(late).code(), ENOSPC);
    EXPECT_EQ(file.cache.check_error(second).code(), ENOSPC);
    EXPECT_TRUE(file.cache.check_error(second).ok());
    uint64_t later = file.cache.error_cursor();
    EXPECT_TRUE(file.cache.check_error(later).ok());
}

TEST_F(FileCacheTest, TruncationCutsAndExtends) {
    const Bytes bytes = pattern(5 * page_size);
    CachedFile& file = make(bytes);
    (void)file.read(0, bytes.size());
    ASSERT_TRUE(file.cache.truncate(page_size + 10).ok());
    EXPECT_EQ(file.store.bytes.size(), page_size + 10);
    EXPECT_EQ(fs::page_cache::figures().cached, 2u);
    ASSERT_TRUE(file.cache.truncate(3 * page_size).ok());
    Bytes expected = part(bytes, 0, page_size + 10);
    expected.resize(3 * page_size);
    EXPECT_EQ(file.read(0, 10 * page_size), expected);
}

TEST_F(FileCacheTest, AFailedTruncationChangesNothing) {
    const Bytes bytes = pattern(3 * page_size);
    CachedFile& file = make({});
    file.write(0, bytes);
    file.store.size_error = EIO;
    EXPECT_EQ(file.cache.truncate(5).code(), EIO);
    file.store.size_error = 0;
    EXPECT_EQ(file.read(0, bytes.size()), bytes);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_EQ(file.store.bytes, bytes);
}

TEST_F(FileCacheTest, CopiesEndWhereTheProgramsMemoryDoes) {
    const Bytes bytes = pattern(4 * page_size);
    CachedFile& file = make(bytes);
    alignas(4096) static uint8_t memory[3 * page_size];
    unreachable = {VirtualAddress{memory + page_size}, VirtualAddress{memory + 2 * page_size}};
    fs::IoBuffer in = fs::IoBuffer::user(VirtualAddress{memory}, sizeof memory);
    EXPECT_EQ(file.cache.read(0, in).value(), page_size);
    fs::IoBuffer nothing = fs::IoBuffer::user(VirtualAddress{memory + page_size}, 10);
    EXPECT_EQ(file.cache.read(0, nothing).code(), EFAULT);
    // A new page of which only a part could be copied keeps what the file had.
    ASSERT_TRUE(file.cache.invalidate().ok());
    std::fill_n(memory, page_size, 7);
    fs::IoBuffer out = fs::IoBuffer::user(VirtualAddress{memory + 96}, 2 * page_size);
    uint64_t offset = page_size;
    EXPECT_EQ(file.cache.write(offset, out, false).value(), page_size - 96);
    Bytes expected = bytes;
    std::fill_n(expected.begin() + page_size, page_size - 96, 7);
    EXPECT_EQ(file.read(0, bytes.size()), expected);
    ASSERT_TRUE(file.cache.write_back().ok());
    EXPECT_GT(file.cache.evict(100), 0u);
    EXPECT_EQ(fs::page_cache::figures().cached, 0u);
}

// Places that cannot be written together are written one by one: the error of one is not the others'.
TEST_F(FileCacheTest, AnErrorInOnePlaceLeavesTheOthers) {
    CachedFile& file = make(Bytes(9 * page_size));
    for (const uint64_t page : {1, 4, 7}) file.write(page * page_size, pattern(page_size, static_cast<unsigned>(page)));
    unsigned call = 0;
    file.store.on_write = [&] {
        ++call;
        file.store.write_error = call == 2 || call == 4 ? EIO : 0;
    };
    EXPECT_EQ(file.cache.write_back().code(), EIO);
    EXPECT_EQ(call, 5u);
    EXPECT_FALSE(file.cache.dirty());
    for (const uint64_t page : {1, 7}) {
        const auto begin = file.store.bytes.begin() + static_cast<ptrdiff_t>(page * page_size);
        EXPECT_EQ(Bytes(begin, begin + page_size), pattern(page_size, static_cast<unsigned>(page))) << page;
    }
    file.store.on_write = nullptr;
    file.store.write_error = 0;
    EXPECT_TRUE(file.cache.write_back().ok());
}

TEST_F(FileCacheTest, AllFilesOfAFileSystemAreWrittenBack) {
    CachedFile& first = make({});
    const Ref<CachedFile> second = Ref<CachedFile>::adopt(new CachedFile{{}});
    first.write(0, pattern(10));
    second->write(0, pattern(20));
    const fs::NamelessFileSystem other{0, 2};
    ASSERT_TRUE(fs::write_back_all(other).ok());
    EXPECT_TRUE(first.cache.dirty());
    first.store.write_error = EIO;
    EXPECT_EQ(fs::write_back_all(file_system).code(), EIO);
    EXPECT_EQ(second->store.bytes, pattern(20));
}

TEST_F(FileCacheTest, AChangedFileIsReadAgain) {
    CachedFile& file = make(pattern(3 * page_size));
    (void)file.read(0, 3 * page_size);
    EXPECT_TRUE(file.cache.revalidate(3 * page_size, 1, file.cache.changes()));
    EXPECT_EQ(fs::page_cache::figures().cached, 3u);
    file.store.bytes = pattern(2 * page_size, 5);
    EXPECT_TRUE(file.cache.revalidate(2 * page_size, 2, file.cache.changes()));
    EXPECT_EQ(file.read(0, 3 * page_size), pattern(2 * page_size, 5));
    file.write(0, Bytes{1});
    EXPECT_FALSE(file.cache.revalidate(page_size, 3, file.cache.changes()));
    EXPECT_EQ(file.cache.size(), 2 * page_size);
    ASSERT_TRUE(file.cache.write_back().ok());
}

}  // namespace
}  // namespace eremite::test
