#include "libos/arch/page_table.hpp"

#include <gtest/gtest.h>

#include <array>

#include "libos/mm/page_allocator.hpp"
#include "machine.hpp"

namespace eremite::arch {
namespace {

using mm::page_allocator;
constexpr PageFlags program_data = page::user | page::read | page::write;
constexpr PageFlags owned_data = program_data | page::owned;

class PageTableTest : public testing::Test {
protected:
    void SetUp() override {
        start_ = test::start_machine();
        table_.emplace(PageTable::create_root().value(), huge_page_size);
        test::tlb_counters = {};
    }
    void TearDown() override {
        table_.reset();
        EXPECT_EQ(page_allocator().free_pages(), start_);
    }
    PageTable& table() { return *table_; }
    void map_owned(VirtualAddress at, unsigned order) {
        const auto frame = page_allocator().allocate(order);
        EXPECT_TRUE(table().map(at, frame.value(), page_size << order, owned_data).ok());
    }
    // A page in the first slot, as a fault maps it.
    static void touch_owned(PageTable::EmptyRun run) {
        const PhysicalAddress frame = page_allocator().allocate(0).value();
        EXPECT_EQ(PageTable::fill(run, {&frame, 1}, owned_data), 1u);
    }

private:
    uint64_t start_ = 0;
    std::optional<PageTable> table_;
};

TEST_F(PageTableTest, MapsAllSizes) {
    EXPECT_TRUE(table().map({0x1000}, {0x5000}, page_size, program_data).ok());
    EXPECT_TRUE(table().map({0x20'0000}, {0x40'0000}, large_page_size, page::user | page::read | page::execute).ok());
    EXPECT_TRUE(table().map({0x4000'0000}, {0x8000'0000}, huge_page_size, page::read | page::write | page::uncached).ok());
    const auto small = table().query({0x1234});
    ASSERT_TRUE(small);
    EXPECT_EQ(small->address.value, 0x5234u);
    EXPECT_EQ(small->size, page_size);
    EXPECT_EQ(small->flags, program_data);
    const auto large = table().query({0x20'0000 + 0x12345});
    ASSERT_TRUE(large);
    EXPECT_EQ(large->address.value, 0x40'0000u + 0x12345);
    EXPECT_EQ(large->size, large_page_size);
    EXPECT_EQ(large->flags, page::user | page::read | page::execute);
    const auto huge = table().query({0x4000'0000 + 0x1234'5678});
    ASSERT_TRUE(huge);
    EXPECT_EQ(huge->address.value, 0x8000'0000u + 0x1234'5678);
    EXPECT_EQ(huge->flags, page::read | page::write | page::uncached);
    EXPECT_FALSE(table().query({0x2000}));
    EXPECT_EQ(table().map({0x1000}, {0x9000}, page_size, program_data).code(), EEXIST);
    EXPECT_EQ(table().map({0x20'1000}, {0x9000}, page_size, program_data).code(), EEXIST);
    EXPECT_EQ(test::tlb_counters.total(), 0);
}

TEST_F(PageTableTest, RangesUseTheLargestPages) {
    const VirtualRange range{{0x3fff'f000}, {0x8020'1000}};
    ASSERT_TRUE(table().map_range(range, {0x3fff'f000}, program_data).ok());
    EXPECT_EQ(table().query({0x3fff'f000})->size, page_size);
    EXPECT_EQ(table().query({0x4000'0000})->size, huge_page_size);
    EXPECT_EQ(table().query({0x8000'0000})->size, large_page_size);
    EXPECT_EQ(table().query({0x8020'0000})->size, page_size);
    EXPECT_FALSE(table().query({0x8020'1000}));
    EXPECT_EQ(table().count(range).pages, range.size() / page_size);
    EXPECT_EQ(table().count(range).owned, 0u);
    // Not congruent: small pages only.
    ASSERT_TRUE(table().map_range({{0x1'0000'0000}, {0x1'0040'0000}}, {0x1000}, program_data).ok());
    EXPECT_EQ(table().query({0x1'0020'0000})->size, page_size);
    EXPECT_EQ(table().query({0x1'0020'0123})->address.value, 0x20'1123u);
}

TEST_F(PageTableTest, SplitsLargePagesAndKeepsEveryTranslation) {
    ASSERT_TRUE(table().map({0x4000'0000}, {0x8000'0000}, huge_page_size, program_data).ok());
    const VirtualRange hole{{0x4020'3000}, {0x4060'5000}};
    ASSERT_TRUE(table().split_ends(hole).ok());
    for (const uint64_t at : {0x4000'0000u, 0x4020'3000u, 0x4040'0000u, 0x4060'5000u, 0x7fff'f000u}) {
        ASSERT_EQ(table().query({at})->address.value, at + 0x4000'0000u);
        ASSERT_EQ(table().query({at})->flags, program_data);
    }
    EXPECT_EQ(table().query({0x4020'3000})->size, page_size);
    EXPECT_EQ(table().query({0x4040'0000})->size, large_page_size);
    EXPECT_EQ(table().query({0x4080'0000})->size, large_page_size);
    EXPECT_EQ(table().unmap(hole).pages, hole.size() / page_size);
    EXPECT_TRUE(table().query({0x4020'2000}));
    EXPECT_FALSE(table().query({0x4020'3000}));
    EXPECT_FALSE(table().query({0x4060'4000}));
    EXPECT_TRUE(table().query({0x4060'5000}));
}

TEST_F(PageTableTest, UnmapNeedsSplitEnds) {
    ASSERT_TRUE(table().map({0x20'0000}, {0x40'0000}, large_page_size, program_data).ok());
    EXPECT_THROW(table().unmap({{0x20'0000}, {0x20'1000}}), test::Panic);
}

TEST_F(PageTableTest, FreesOwnedFramesAndEmptyTables) {
    const uint64_t before = page_allocator().free_pages();
    for (uint64_t i = 0; i < 1000; ++i) map_owned({0x4000'0000 + i * page_size}, 0);
    map_owned({0x8000'0000}, 9);
    ASSERT_TRUE(table().split_ends({{0x8000'1000}, {0x8000'2000}}).ok());
    const auto part = table().unmap({{0x8000'1000}, {0x8000'2000}});
    EXPECT_EQ(part.owned, 1u);
    const auto removed = table().unmap({{page_size}, {user_address_end}});
    EXPECT_EQ(removed.pages, 1511u);
    EXPECT_EQ(removed.owned, 1511u);
    // One table may stay as a spare, and the one that serves the first page too.
    EXPECT_GE(page_allocator().free_pages() + 2, before);
}

TEST_F(PageTableTest, TablesGoWithTheLastPageTheyServe) {
    const VirtualRange unused{{0x4000'0000}, {0x8000'0000}};
    map_owned({0x3fff'f000}, 0);
    map_owned({0x8000'0000}, 0);
    const uint64_t before = page_allocator().free_pages();
    for (uint64_t i = 0; i < 4; ++i) map_owned({0x4000'5000 + i * large_page_size}, 0);
    // The last page of a table: only it, not its neighbour's.
    table().unmap({{0x4000'5000}, {0x4000'6000}}, {unused.start, {0x4020'5000}});
    EXPECT_EQ(page_allocator().free_pages() + 3 * 2 + 1 + 1, before);  // and a spare
    table().unmap({{0x4020'5000}, {0x4060'6000}}, unused);
    EXPECT_EQ(page_allocator().free_pages() + 1, before);
    EXPECT_TRUE(table().query({0x3fff'f000}));
    EXPECT_TRUE(table().query({0x8000'0000}));
    // The spare comes back zeroed.
    const auto run = table().empty_run({0x5000'0000}, 512).value();
    EXPECT_EQ(run.count, 512u);
}

TEST_F(PageTableTest, EmptyTablesBesideTheRangeGoAsWell) {
    const uint64_t before = page_allocator().free_pages();
    // What a mapping leaves behind that failed: tables without pages.
    for (uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(table().empty_run({0x80'0000'0000 + i * 0x4020'0000}, 1).ok());
    map_owned({0x80'0000'0000}, 0);
    table().unmap({{0x80'0000'0000}, {0x80'0000'1000}}, {{0x80'0000'0000}, {0x100'0000'0000}});
    EXPECT_EQ(page_allocator().free_pages() + 1, before);
}

TEST_F(PageTableTest, AFreedTableIsFlushedWithItsPage) {
    const auto run = table().empty_run({0x4000'5000}, 1).value();
    touch_owned(run);
    test::tlb_counters = {};
    table().unmap({{0x4000'5000}, {0x4000'6000}}, {{0x4000'0000}, {0x8000'0000}});
    EXPECT_EQ(test::tlb_counters.pages, 1);
    EXPECT_EQ(test::tlb_counters.total(), 1);
}

TEST_F(PageTableTest, FlushesOnlyWhatATlbCanHold) {
    map_owned({0x1000}, 0);
    EXPECT_EQ(table().unmap({{0x1000}, {0x2000}}).owned, 1u);
    EXPECT_EQ(test::tlb_counters.total(), 0);
    const auto run = table().empty_run({0x1000}, 8).value();
    ASSERT_EQ(run.count, 8u);
    for (size_t i = 0; i < 4; ++i) touch_owned({run.slots + i, 1});
    for (uint64_t at = 0x5000; at < 0x9000; at += page_size) map_owned({at}, 0);
    // Less right needs one flush of what was touched, more right none.
    table().protect({{0x1000}, {0x9000}}, page::user | page::read, PageTable::WriteRule::All);
    EXPECT_EQ(test::tlb_counters.ranges, 1);
    EXPECT_EQ(test::tlb_counters.total(), 1);
    table().protect({{0x1000}, {0x9000}}, program_data, PageTable::WriteRule::All);
    EXPECT_EQ(test::tlb_counters.total(), 1);
    table().protect({{0x5000}, {0x9000}}, page::user, PageTable::WriteRule::All);
    EXPECT_EQ(test::tlb_counters.total(), 1);
    EXPECT_EQ(table().unmap({{0x1000}, {0x2000}}).owned, 1u);
    EXPECT_EQ(test::tlb_counters.pages, 1);
}

TEST_F(PageTableTest, FillsUntilASlotIsTaken) {
    const auto run = table().empty_run({0x1000}, 8).value();
    map_owned({0x5000}, 0);
    std::array<PhysicalAddress, 8> frames;
    ASSERT_EQ(page_allocator().allocate_pages(frames), 8u);
    EXPECT_EQ(PageTable::fill(run, frames, owned_data), 4u);
    EXPECT_EQ(table().query({0x4000})->address, frames[3]);
    EXPECT_FALSE(table().query({0x6000}));
    EXPECT_TRUE(table().query({0x1000})->accessed);
    EXPECT_FALSE(table().query({0x2000})->accessed);
    for (size_t i = 4; i < 8; ++i) page_allocator().free(frames[i], 0);
}

TEST_F(PageTableTest, RunsGrowWithWhatIsMappedBefore) {
    const auto count = [&](uint64_t address, size_t before) { return table().next_run({address}, before, 16).value().count; };
    EXPECT_EQ(count(0x10'0000, 100), 1u);
    for (uint64_t i = 1; i <= 20; ++i) {
        map_owned({0x10'0000 - i * page_size}, 0);
        EXPECT_EQ(count(0x10'0000, 100), std::min<uint64_t>(i + 1, 16));
        EXPECT_EQ(count(0x10'0000, 3), std::min<uint64_t>(i + 1, 4));
    }
    EXPECT_EQ(count(0x10'0000, 0), 1u);
    map_owned({0x10'5000}, 0);
    EXPECT_EQ(count(0x10'0000, 100), 5u);
    EXPECT_EQ(count(0x10'5000, 100), 0u);
    // Over the border of tables one page tells.
    EXPECT_EQ(count(0x40'0000, 100), 1u);
    map_owned({0x3f'f000}, 0);
    EXPECT_EQ(count(0x40'0000, 100), 16u);
    EXPECT_EQ(count(0x40'0000, 0), 1u);
}

TEST_F(PageTableTest, KeepsFramesWithoutAccess) {
    map_owned({0x1000}, 0);
    const auto before = table().query({0x1000});
    table().protect({{0x1000}, {0x2000}}, page::user, PageTable::WriteRule::All);
    ASSERT_TRUE(table().query({0x1000}));
    EXPECT_FALSE(table().query({0x1000})->flags.any(page::access));
    EXPECT_EQ(table().empty_run({0x1000}, 4).value().count, 0u);
    table().protect({{0x1000}, {0x2000}}, program_data, PageTable::WriteRule::All);
    EXPECT_EQ(table().query({0x1000})->address, before->address);
    EXPECT_EQ(table().query({0x1000})->flags, owned_data);
}

TEST_F(PageTableTest, WriteRuleSparesSharedPages) {
    ASSERT_TRUE(table().map({0x1000}, {0x9000}, page_size, page::user | page::read).ok());
    map_owned({0x2000}, 0);
    table().protect({{0x1000}, {0x3000}}, page::user | page::read, PageTable::WriteRule::OwnedPages);
    table().protect({{0x1000}, {0x3000}}, program_data, PageTable::WriteRule::OwnedPages);
    EXPECT_FALSE(table().query({0x1000})->flags.has(page::write));
    EXPECT_TRUE(table().query({0x2000})->flags.has(page::write));
}

TEST_F(PageTableTest, MovesTablesAndPages) {
    map_owned({0x4020'0000}, 9);
    for (uint64_t i = 0; i < 512; i += 3) map_owned({0x4040'0000 + i * page_size}, 0);
    const VirtualRange from{{0x4020'0000}, {0x4060'0000}};
    const auto first = table().query({0x4020'0000})->address;
    const auto last = table().query({0x4040'0000 + 510 * page_size})->address;
    // Congruent: the large page stays one.
    ASSERT_TRUE(table().prepare_move(from, {0x8000'0000}).ok());
    table().move(from, {0x8000'0000});
    EXPECT_EQ(table().count(from).pages, 0u);
    EXPECT_EQ(table().query({0x8000'0000})->size, large_page_size);
    EXPECT_EQ(table().query({0x8000'0000})->address, first);
    EXPECT_EQ(table().query({0x8020'0000 + 510 * page_size})->address, last);
    // Not congruent: page by page.
    const VirtualRange again{{0x8000'0000}, {0x8040'0000}};
    ASSERT_TRUE(table().prepare_move(again, {0xc000'7000}).ok());
    table().move(again, {0xc000'7000});
    EXPECT_EQ(table().count(again).pages, 0u);
    EXPECT_EQ(table().query({0xc000'7000})->address, first);
    EXPECT_EQ(table().query({0xc000'7000 + 511 * page_size})->address, first + 511 * page_size);
    EXPECT_EQ(table().query({0xc020'7000 + 510 * page_size})->address, last);
    EXPECT_EQ(table().count({{0xc000'7000}, {0xc040'7000}}).owned, 512u + 171);
}

TEST_F(PageTableTest, ClearsEmptyTablesForLargePages) {
    map_owned({0x4020'5000}, 0);
    EXPECT_FALSE(table().clear_empty_block({0x4020'0000}));
    table().unmap({{0x4020'5000}, {0x4020'6000}});
    EXPECT_TRUE(table().clear_empty_block({0x4020'0000}));
    map_owned({0x4020'0000}, 9);
    EXPECT_FALSE(table().clear_empty_block({0x4020'0000}));
}

TEST_F(PageTableTest, LeaksNothingWithoutMemory) {
    for (uint64_t left = 0; left < 4; ++left) {
        test::Hunger hunger{left};
        const auto mapped = table().map({0x1000 + left * huge_page_size * 512}, {0x5000}, page_size, program_data);
        EXPECT_EQ(mapped.code(), left < 3 ? ENOMEM : 0);
    }
    ASSERT_TRUE(table().map({0x20'0000}, {0x40'0000}, large_page_size, program_data).ok());
    test::Hunger hunger{0};
    EXPECT_EQ(table().split_ends({{0x20'1000}, {0x20'2000}}).code(), ENOMEM);
    EXPECT_EQ(table().query({0x20'1000})->size, large_page_size);
}

}  // namespace
}  // namespace eremite::arch
