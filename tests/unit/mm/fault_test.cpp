// How memory gets its frames: runs, large pages, objects, what is flushed.
#include "space.hpp"

namespace eremite::mm {
namespace {

using FaultTest = test::SpaceTest;
constexpr uint64_t MiB = uint64_t{1} << 20;

TEST_F(FaultTest, OneTouchedPageCostsOnePage) {
    const VirtualAddress start = map(64 * page_size);
    write(start + 20 * page_size, 5);
    EXPECT_EQ(resident(), 1u);
    EXPECT_EQ(read(start + 20 * page_size), 5u);
    EXPECT_EQ(read(start + 3 * page_size), 0u);
    EXPECT_EQ(resident(), 2u);
    EXPECT_EQ(test::tlb_counters.total(), 0);
}

TEST_F(FaultTest, SequentialFaultsDoubleTheRun) {
    const VirtualAddress start = map(256 * page_size);
    for (uint64_t i = 0; i < 256; ++i) write(start + i * page_size, i);
    // 1, 2, 4, 8, then sixteen at a time.
    EXPECT_EQ(space().statistics().faults, 4u + (256 - 15 + 15) / 16);
    EXPECT_EQ(resident(), 256u);
    for (uint64_t i = 0; i < 256; ++i) EXPECT_EQ(read(start + i * page_size), i);
}

TEST_F(FaultTest, LargeMemoryGetsLargePages) {
    const VirtualAddress start = map(6 * MiB);
    ASSERT_TRUE(start.is_aligned(large_page_size));
    write(start + 3 * page_size, 1);
    EXPECT_EQ(resident(), 512u);
    EXPECT_EQ(space().query(start)->size, large_page_size);
    for (uint64_t at = 0; at < 6 * MiB; at += page_size) write(start + at, at);
    EXPECT_EQ(space().statistics().faults, 3u);
    ASSERT_TRUE(space().unmap(start, 6 * MiB).ok());
    EXPECT_EQ(test::tlb_counters.total(), 1);
    EXPECT_EQ(resident(), 0u);
}

TEST_F(FaultTest, StacksReservationsAndRefusalsGetSmallPages) {
    const VirtualAddress stack = map(8 * MiB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
    write(stack + 8 * MiB - page_size, 1);
    const VirtualAddress arena = map(64 * MiB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    write(arena + 5 * MiB, 1);
    const VirtualAddress refused = map(8 * MiB);
    ASSERT_TRUE(space().advise(refused, 8 * MiB, MADV_NOHUGEPAGE).ok());
    write(refused, 1);
    EXPECT_EQ(resident(), 3u);
    ASSERT_TRUE(space().advise(arena, 64 * MiB, MADV_HUGEPAGE).ok());
    write(arena + 8 * MiB, 1);
    EXPECT_EQ(resident(), 515u);
}

TEST_F(FaultTest, SequentialUseOfAReservationEndsInLargePages) {
    const VirtualAddress arena = map(8 * MiB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    for (uint64_t at = 0; at < 4 * MiB; at += page_size) write(arena + at, 1);
    EXPECT_EQ(space().query(arena)->size, page_size);
    EXPECT_EQ(space().query(arena + 2 * MiB)->size, large_page_size);
}

TEST_F(FaultTest, ScarceMemoryGetsSmallPages) {
    test::Hunger hunger{4000};
    const VirtualAddress start = map(8 * MiB);
    write(start + 100 * page_size, 1);
    EXPECT_EQ(resident(), 1u);
}

TEST_F(FaultTest, SplittingALargePageKeepsContents) {
    const VirtualAddress start = map(2 * MiB);
    for (uint64_t i = 0; i < 512; ++i) write(start + i * page_size, i + 1);
    ASSERT_EQ(space().query(start)->size, large_page_size);
    ASSERT_TRUE(space().protect(start + 5 * page_size, page_size, protection::read).ok());
    ASSERT_TRUE(space().unmap(start + 100 * page_size, 10 * page_size).ok());
    EXPECT_EQ(cpu().write(start + 5 * page_size, 9), EACCES);
    for (uint64_t i = 0; i < 512; ++i) {
        if (i >= 100 && i < 110) EXPECT_EQ(read_error(start + i * page_size), EFAULT);
        else EXPECT_EQ(read(start + i * page_size), i + 1);
    }
    EXPECT_EQ(resident(), 502u);
}

TEST_F(FaultTest, AccessRightsHold) {
    const VirtualAddress none = map(page_size, 0), read_only = map(page_size, 1), code = map(page_size, 5), data = map(page_size, 3);
    EXPECT_EQ(read_error(none), EACCES);
    EXPECT_EQ(read(read_only), 0u);
    EXPECT_EQ(cpu().write(read_only, 1), EACCES);
    EXPECT_TRUE(space().fault(code, Access::Execute).ok());
    EXPECT_EQ(space().fault(data, Access::Execute).code(), EACCES);
    EXPECT_EQ(read_error({0x12'3000}), EFAULT);
}

TEST_F(FaultTest, MemoryWithoutAccessKeepsItsContents) {
    const VirtualAddress start = map(4 * page_size);
    write(start, 77);
    ASSERT_TRUE(space().protect(start, 4 * page_size, protection::none).ok());
    EXPECT_EQ(read_error(start), EACCES);
    ASSERT_TRUE(space().protect(start, 4 * page_size, protection::read_write).ok());
    EXPECT_EQ(read(start), 77u);
}

TEST_F(FaultTest, DontneedZeroesAndFreeLetsGo) {
    const VirtualAddress start = map(8 * page_size);
    for (const int advice : {MADV_DONTNEED, MADV_FREE}) {
        for (int i = 0; i < 8; ++i) write(start + i * page_size, 5);
        ASSERT_TRUE(space().advise(start + page_size, 2 * page_size, advice).ok());
        EXPECT_EQ(resident(), 6u);
        EXPECT_EQ(read(start + page_size), 0u);
        EXPECT_EQ(read(start + 3 * page_size), 5u);
        ASSERT_TRUE(space().advise(start, 8 * page_size, advice).ok());
        EXPECT_EQ(resident(), 0u);
    }
}

TEST_F(FaultTest, PrivateObjectPagesAreCopiedOnWrite) {
    const auto object = make_ref<test::FakeObject>(20u, 500u).value();
    const auto start = try_map(20 * page_size, 3, MAP_PRIVATE, {}, object, 2 * page_size).value();
    EXPECT_EQ(read(start), 502u);
    write(start, 9);
    write(start + page_size, 10);  // not read before
    EXPECT_EQ(read(start), 9u);
    EXPECT_EQ(object->word(2), 502u);
    EXPECT_EQ(object->word(3), 503u);
    EXPECT_EQ(object->write_requests, 0);
    object->word(4) = 99;
    EXPECT_EQ(read(start + 2 * page_size), 99u);
    EXPECT_EQ(read_error(start + 18 * page_size), ENXIO);
    ASSERT_TRUE(space().advise(start, page_size, MADV_DONTNEED).ok());
    EXPECT_EQ(read(start), 502u);
    EXPECT_EQ(object->mappings, 1);
    ASSERT_TRUE(space().unmap(start, 20 * page_size).ok());
    EXPECT_EQ(object->mappings, 0);
}

TEST_F(FaultTest, SharedObjectPagesAreWritten) {
    const auto object = make_ref<test::FakeObject>(20u, 500u).value();
    const auto one = try_map(20 * page_size, 3, MAP_SHARED, {}, object).value();
    const auto other = try_map(20 * page_size, 3, MAP_SHARED, {}, object).value();
    EXPECT_EQ(read(one), 500u);
    EXPECT_EQ(object->write_requests, 0);
    write(one, 1);
    EXPECT_EQ(object->write_requests, 1);
    EXPECT_EQ(read(other), 1u);
    EXPECT_EQ(object->word(0), 1u);
    // A second mapping of the same pages by mremap of no length.
    const auto third = space().remap(one, 0, 4 * page_size, MREMAP_MAYMOVE).value();
    EXPECT_EQ(read(third), 1u);
    write(third + page_size, 2);
    EXPECT_EQ(read(one + page_size), 2u);
}

TEST_F(FaultTest, GrowsDownAsStacksDo) {
    const VirtualAddress top{0x1000'0000};
    map(4 * page_size, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, top);
    write(top - 10 * page_size, 3);
    EXPECT_EQ(space().statistics().mapped_pages, 14u);
    EXPECT_EQ(read_error(top - 9 * MiB), EFAULT);
    // Never within a megabyte of its neighbour.
    map(page_size, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, top - 400 * page_size);
    EXPECT_EQ(read_error(top - 300 * page_size), EFAULT);
    EXPECT_EQ(read(top - 100 * page_size), 0u);
}

TEST_F(FaultTest, PopulateMapsEverything) {
    const VirtualAddress start = map(100 * page_size, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE);
    EXPECT_EQ(resident(), 100u);
    EXPECT_EQ(read(start + 99 * page_size), 0u);
    EXPECT_EQ(space().statistics().faults, 0u);
}

TEST_F(FaultTest, ReadingZerosThatNobodyPromisedTakesOnePage) {
    const VirtualAddress start = map(64 * MiB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    const uint64_t before = page_allocator().free_pages();
    for (uint64_t at = 0; at < 32 * MiB; at += page_size) ASSERT_EQ(read(start + at), 0u);
    EXPECT_GE(page_allocator().free_pages() + 1 + 16 + 3, before);  // the page and tables
    const auto zeros = space().query(start)->address;
    EXPECT_EQ(space().query(start + 5 * MiB)->address, zeros);
    EXPECT_FALSE(space().query(start)->flags.has(arch::page::write));
    // Writing gives each page a frame of its own.
    write(start, 7);
    write(start + 5 * MiB, 8);
    EXPECT_NE(space().query(start)->address, zeros);
    EXPECT_EQ(read(start), 7u);
    EXPECT_EQ(read(start + 5 * MiB), 8u);
    EXPECT_EQ(read(start + page_size), 0u);
    EXPECT_TRUE(space().query(start)->flags.has(arch::page::owned));
    EXPECT_EQ(resident(), 32 * 256u);
    ASSERT_TRUE(space().unmap(start, 64 * MiB).ok());
    EXPECT_EQ(resident(), 0u);
    EXPECT_GE(page_allocator().free_pages() + 2, before);
}

TEST_F(FaultTest, SharedZerosFollowWhatHappensToTheirArea) {
    const VirtualAddress start = map(16 * page_size, 1);
    for (uint64_t i = 0; i < 16; ++i) EXPECT_EQ(read(start + i * page_size), 0u);
    // Writable from now on, but not what everybody shares.
    ASSERT_TRUE(space().protect(start, 8 * page_size, protection::read_write).ok());
    EXPECT_EQ(space().statistics().committed_pages, 8u);
    for (uint64_t i = 0; i < 4; ++i) write(start + i * page_size, i + 1);
    for (uint64_t i = 0; i < 16; ++i) EXPECT_EQ(read(start + i * page_size), i < 4 ? i + 1 : 0);
    EXPECT_EQ(cpu().write(start + 8 * page_size, 1), EACCES);
    // They move, are given up and come back as any others.
    const auto moved = space().remap(start, 8 * page_size, 600 * page_size, MREMAP_MAYMOVE).value();
    for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(read(moved + i * page_size), i < 4 ? i + 1 : 0);
    ASSERT_TRUE(space().advise(moved, 8 * page_size, MADV_DONTNEED).ok());
    write(moved + 7 * page_size, 9);
    EXPECT_EQ(read(moved), 0u);
    ASSERT_TRUE(space().protect(moved, 600 * page_size, protection::none).ok());
    ASSERT_TRUE(space().protect(moved, 600 * page_size, protection::read_write).ok());
    write(moved, 3);
    EXPECT_EQ(read(moved + page_size), 0u);
    EXPECT_EQ(read(moved + 7 * page_size), 9u);
}

TEST_F(FaultTest, SharedAnonymousMemoryStaysWhereItIs) {
    const VirtualAddress start = map(4 * page_size, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE);
    EXPECT_EQ(read(start), 0u);
    const auto frame = space().query(start)->address;
    write(start, 5);
    EXPECT_EQ(space().query(start)->address, frame);
}

TEST_F(FaultTest, PromisesAreKeptFromReservationsAndTheirTables) {
    const test::Hunger hunger{4096};
    const VirtualAddress promised = map(3000 * page_size);
    const VirtualAddress wide = map(uint64_t{1} << 40, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    int error = 0;
    for (uint64_t at = 0; error == 0; at += large_page_size) error = read_error(wide + at);
    EXPECT_EQ(error, ENOMEM);
    EXPECT_EQ(cpu().write(wide + page_size, 1), ENOMEM);
    EXPECT_EQ(page_allocator().allocate(0).code(), ENOMEM);
    for (uint64_t i = 0; i < 3000; ++i) write(promised + i * page_size, i);
    ASSERT_TRUE(space().unmap(promised, 3000 * page_size).ok());
    EXPECT_EQ(cpu().write(wide + page_size, 1), 0);
}

TEST_F(FaultTest, AShorterObjectLeavesItsMappings) {
    const auto object = make_ref<test::FakeObject>(8u, 500u).value();
    const auto other = make_ref<test::FakeObject>(8u, 700u).value();
    const auto shared = try_map(8 * page_size, 3, MAP_SHARED, {}, object).value();
    const auto copied = try_map(4 * page_size, 3, MAP_PRIVATE, {}, object, 4 * page_size).value();
    const auto unrelated = try_map(8 * page_size, 3, MAP_SHARED, {}, other).value();
    for (uint64_t i = 0; i < 8; ++i) {
        write(shared + i * page_size, i);
        write(unrelated + i * page_size, i);
        if (i >= 4) write(copied + (i - 4) * page_size, 40 + i);
    }
    object->shrink(5);
    space().drop_object_pages(*object, 5);
    EXPECT_EQ(resident(), 5u + 1 + 8);
    EXPECT_EQ(read(shared + 4 * page_size), 4u);
    EXPECT_EQ(read(copied), 44u);
    EXPECT_EQ(read_error(shared + 5 * page_size), ENXIO);
    EXPECT_EQ(cpu().write(copied + page_size, 1), ENXIO);
    EXPECT_EQ(read(unrelated + 7 * page_size), 7u);
}

TEST_F(FaultTest, FaultsWithoutMemoryFailAndRecover) {
    space().set_overcommit(AddressSpace::Overcommit::Always);
    const VirtualAddress start = map(64 * page_size);
    // Three tables and the page are wanted; tables that were made stay.
    for (uint64_t left = 0; left < 4; ++left) {
        test::Hunger hunger{left};
        EXPECT_EQ(space().fault(start, Access::Write).code(), left < 3 ? ENOMEM : 0);
    }
    write(start, 1);
    EXPECT_EQ(read(start), 1u);
}

}  // namespace
}  // namespace eremite::mm
