#include "libos/mm/page_allocator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "machine.hpp"

namespace eremite::mm {
namespace {

using test::Panic;

// Each test has physical memory of its own.
PhysicalRange fresh_memory(uint64_t size) {
    static uint64_t next = uint64_t{4} << 30;
    const PhysicalRange range = test::physical_memory(next, align_up(size, huge_page_size));
    next = range.end.value;
    return {range.start, range.start + size};
}

TEST(PageAllocator, ServesAlignedBlocksAndTakesThemBack) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{64} << 20)).ok());
    const uint64_t start = memory->free_pages();
    EXPECT_EQ(start, memory->total_pages());
    EXPECT_EQ(start, (uint64_t{64} << 8) - 4);  // one byte per page
    for (unsigned order = 0; order <= 12; ++order) {
        const auto block = memory->allocate(order);
        ASSERT_TRUE(block.ok());
        EXPECT_TRUE(block.value().is_aligned(page_size << order));
        EXPECT_EQ(memory->order_of(block.value()), order);
        EXPECT_EQ(memory->free_pages(), start - (uint64_t{1} << order));
        memory->free(block.value(), order);
    }
    EXPECT_EQ(memory->free_pages(), start);
    EXPECT_EQ(memory->allocate(15).code(), ENOMEM);
}

// Which blocks are reported, until there is none.
uint64_t report_all(PageAllocator& memory, unsigned largest = 12, uint64_t spare = 0) {
    uint64_t pages = 0;
    while (const auto block = memory.take_unreported(9, largest, spare)) {
        EXPECT_LE(block->order, largest);
        EXPECT_TRUE(block->address.is_aligned(page_size << block->order));
        pages += uint64_t{1} << block->order;
        memory.free_reported(*block);
    }
    return pages;
}

TEST(PageAllocator, ReportsWhatWasUsedOnce) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{64} << 20)).ok());
    const uint64_t start = memory->free_pages();
    // What nobody has touched need not be.
    EXPECT_EQ(report_all(*memory), 0U);
    const auto block = memory->allocate(11);
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(report_all(*memory), 0U);
    memory->free(block.value(), 11);
    const uint64_t reported = report_all(*memory);
    EXPECT_GE(reported, uint64_t{1} << 11);
    EXPECT_EQ(report_all(*memory), 0U);
    EXPECT_EQ(memory->free_pages(), start);
    // It is whole again, and can be used as before.
    std::vector<PhysicalAddress> blocks;
    for (unsigned order = 13; order-- > 0;)
        if (const auto again = memory->allocate(order); again.ok()) blocks.push_back(again.value());
    EXPECT_EQ(blocks.size(), 13U);
    for (const PhysicalAddress again : blocks) memory->free(again, memory->order_of(again));
    EXPECT_EQ(memory->free_pages(), start);
    // What was not split off stays reported.
    const uint64_t second = report_all(*memory);
    EXPECT_GE(second, uint64_t{1} << 12);
    EXPECT_EQ(report_all(*memory), 0U);
}

TEST(PageAllocator, ReportsInPartsAndLeavesSomeToOthers) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{64} << 20)).ok());
    const uint64_t start = memory->free_pages();
    const auto block = memory->allocate(13);
    ASSERT_TRUE(block.ok());
    memory->free(block.value(), 13);
    EXPECT_FALSE(memory->take_unreported(9, 12, start));
    memory->set_promised(start);
    EXPECT_FALSE(memory->take_unreported(9, 12, 0));
    memory->set_promised(0);
    const auto part = memory->take_unreported(9, 9, 0);
    ASSERT_TRUE(part);
    EXPECT_EQ(memory->free_pages(), start - 512);
    // Given back without the host's having it, it is to be reported yet.
    memory->free(part->address, part->order);
    EXPECT_GE(report_all(*memory, 9), uint64_t{1} << 13);
    EXPECT_EQ(memory->free_pages(), start);
    EXPECT_TRUE(memory->allocate(13).ok());
}

TEST(PageAllocator, KeepsWhatIsPromised) {
    using Use = PageAllocator::Use;
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{1} << 20)).ok());
    const uint64_t start = memory->free_pages();
    memory->set_promised(start - 5);
    EXPECT_EQ(memory->available_pages(), 5u);
    EXPECT_EQ(memory->allocate(3).code(), ENOMEM);
    const auto block = memory->allocate(2);
    const auto page = memory->allocate(0);
    ASSERT_TRUE(block.ok() && page.ok());
    EXPECT_EQ(memory->available_pages(), 0u);
    EXPECT_EQ(memory->allocate(0).code(), ENOMEM);
    std::vector<PhysicalAddress> promised;
    while (memory->free_pages() != 0) promised.push_back(memory->allocate(0, Use::Promised).value());
    EXPECT_EQ(memory->available_pages(), 0u);
    EXPECT_EQ(memory->allocate(0, Use::Promised).code(), ENOMEM);
    for (const PhysicalAddress frame : promised) memory->free(frame, 0);
    memory->free(block.value(), 2);
    EXPECT_EQ(memory->allocate(2).code(), 0);
    memory->free(page.value(), 0);
}

TEST(PageAllocator, GivesOutSinglePagesAsFarAsThereAreSome) {
    using Use = PageAllocator::Use;
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{1} << 20)).ok());
    const uint64_t start = memory->free_pages();
    std::array<PhysicalAddress, 100> frames;
    EXPECT_EQ(memory->allocate_pages({frames.data(), 0}), 0u);
    EXPECT_EQ(memory->allocate_pages({frames.data(), 40}), 40u);
    memory->set_promised(start - 45);
    size_t got = 40;
    while (const size_t more = memory->allocate_pages({frames.data() + got, frames.size() - got})) got += more;
    EXPECT_EQ(got, 45u);
    EXPECT_EQ(memory->available_pages(), 0u);
    while (got < frames.size()) {
        const size_t more = memory->allocate_pages({frames.data() + got, frames.size() - got}, Use::Promised);
        ASSERT_NE(more, 0u);
        got += more;
    }
    std::sort(frames.begin(), frames.end());
    EXPECT_EQ(std::adjacent_find(frames.begin(), frames.end()), frames.end());
    for (const PhysicalAddress frame : frames) memory->free(frame, 0);
    EXPECT_EQ(memory->free_pages(), start);
}

TEST(PageAllocator, PromisesWhatIsThere) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{1} << 20)).ok());
    const uint64_t start = memory->free_pages();
    EXPECT_FALSE(memory->promise(start - 10, 11));
    EXPECT_EQ(memory->available_pages(), start);
    EXPECT_TRUE(memory->promise(start - 10, 10));
    EXPECT_EQ(memory->available_pages(), 10u);
    EXPECT_TRUE(memory->can_spare(10));
    EXPECT_FALSE(memory->can_spare(11));
    EXPECT_TRUE(memory->promise(0, start));
    EXPECT_EQ(memory->available_pages(), start);
}

TEST(PageAllocator, TouchesLittleOfALargeMemory) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{4} << 30)).ok());
    const auto block = memory->allocate(PageAllocator::maximum_order);
    ASSERT_TRUE(block.ok());
    memory->free(block.value(), PageAllocator::maximum_order);
}

// Of memory that is read and written as bytes: whether it is as it was filled.
bool is_filled(PhysicalRange range) {
    const auto* const bytes = direct_map(range.start).as<const uint8_t>();
    return std::all_of(bytes, bytes + range.size(), [](uint8_t byte) { return byte == 0xa5; });
}

TEST(PageAllocator, TouchesNoMemoryThatNobodyHas) {
    constexpr uint64_t size = uint64_t{64} << 20;
    // Blocks of all sizes, at addresses that make the bytes of their pages begin anywhere.
    for (const uint64_t odd : {0, 1, 3, 7, 12}) {
        auto memory = std::make_unique<PageAllocator>();
        PhysicalRange range = fresh_memory(size);
        range.start = range.start + odd * page_size;
        std::memset(direct_map(range.start).as<void>(), 0xa5, range.size());
        ASSERT_TRUE(memory->add(range).ok());
        const uint64_t start = memory->free_pages();
        // Behind the bytes, and blocks that are small.
        const PhysicalRange rest{range.start + (uint64_t{1} << 20), range.end};
        EXPECT_TRUE(is_filled(rest)) << odd;
        const auto block = memory->allocate(12);
        ASSERT_TRUE(block.ok());
        memory->free(block.value(), 12);
        EXPECT_NE(report_all(*memory), 0U);
        EXPECT_TRUE(is_filled(rest)) << odd;
        EXPECT_EQ(memory->free_pages(), start);
    }
}

TEST(PageAllocator, RefusesTinyRangesAndTooManyOfThem) {
    auto memory = std::make_unique<PageAllocator>();
    const PhysicalRange range = fresh_memory(uint64_t{1} << 20);
    EXPECT_EQ(memory->add({range.start, range.start + page_size}).code(), EINVAL);
    EXPECT_EQ(memory->add({range.start + 1, range.start + 2 * page_size}).code(), EINVAL);
    EXPECT_EQ(memory->add({range.start, range.start}).code(), EINVAL);
    for (size_t i = 0; i < PageAllocator::maximum_zones; ++i) {
        const PhysicalAddress start = range.start + i * 3 * page_size;
        ASSERT_TRUE(memory->add({start, start + 2 * page_size}).ok());
    }
    EXPECT_EQ(memory->total_pages(), PageAllocator::maximum_zones);
    EXPECT_EQ(memory->add({range.end - 4 * page_size, range.end}).code(), ENOSPC);
}

TEST(PageAllocator, CatchesWrongFrees) {
    auto memory = std::make_unique<PageAllocator>();
    const PhysicalRange range = fresh_memory(uint64_t{8} << 20);
    ASSERT_TRUE(memory->add(range).ok());
    const auto page = memory->allocate(0);
    const auto block = memory->allocate(3);
    EXPECT_THROW(memory->free(page.value(), 1), Panic);
    EXPECT_THROW(memory->free(block.value(), 2), Panic);
    EXPECT_THROW(memory->free(block.value() + page_size, 0), Panic);
    EXPECT_THROW(memory->free(range.start, 0), Panic);  // our own bookkeeping
    EXPECT_THROW(memory->free(range.end, 0), Panic);
    memory->free(page.value(), 0);
    EXPECT_THROW(memory->free(page.value(), 0), Panic);
    memory->free(block.value(), 3);
    EXPECT_THROW(memory->free(block.value(), 3), Panic);
    EXPECT_EQ(memory->free_pages(), memory->total_pages());
}

TEST(PageAllocator, SplitsABlockIntoPages) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{8} << 20)).ok());
    const auto block = memory->allocate(9);
    memory->split(block.value(), 9);
    for (unsigned i = 0; i < 512; ++i) memory->free(block.value() + i * page_size, 0);
    EXPECT_EQ(memory->free_pages(), memory->total_pages());
    EXPECT_TRUE(memory->allocate(9).ok());
}

// Random requests on several ranges with holes, against a map of what is handed out.
TEST(PageAllocator, AgreesWithAModel) {
    auto memory = std::make_unique<PageAllocator>();
    const PhysicalRange range = fresh_memory(uint64_t{64} << 20);
    uint64_t at = range.start.value;
    for (const uint64_t pages : {159u, 2u, 1000u, 7u, 4096u, 513u}) {
        ASSERT_TRUE(memory->add({{at}, {at + pages * page_size}}).ok());
        at += (pages + 3) * page_size;
    }
    const uint64_t start = memory->free_pages();
    std::mt19937_64 random{42};
    std::map<uint64_t, unsigned> allocated;
    uint64_t used = 0;
    for (int step = 0; step < 100000; ++step) {
        const bool phase = (step / 5000) % 2 == 0;
        if (random() % 100 < (phase ? 65 : 35)) {
            const unsigned order = random() % 3 ? 0 : static_cast<unsigned>(random() % 8);
            const auto block = memory->allocate(order);
            if (!block.ok()) continue;
            const uint64_t first = block.value().value, end = first + (page_size << order);
            const auto above = allocated.lower_bound(first);
            ASSERT_TRUE(above == allocated.end() || above->first >= end);
            ASSERT_TRUE(above == allocated.begin() || std::prev(above)->first + (page_size << std::prev(above)->second) <= first);
            ASSERT_TRUE(memory->manages(block.value()) && memory->manages({end - 1}));
            allocated[first] = order;
            used += uint64_t{1} << order;
        } else if (!allocated.empty()) {
            auto victim = allocated.lower_bound(range.start.value + random() % range.size());
            if (victim == allocated.end()) victim = allocated.begin();
            memory->free({victim->first}, victim->second);
            used -= uint64_t{1} << victim->second;
            allocated.erase(victim);
        }
        ASSERT_EQ(memory->free_pages(), start - used);
    }
    for (const auto& [first, order] : allocated) memory->free({first}, order);
    EXPECT_EQ(memory->free_pages(), start);
    // Everything has merged again.
    EXPECT_TRUE(memory->allocate(11).ok());
}

TEST(PageAllocator, GivesOutEveryPage) {
    auto memory = std::make_unique<PageAllocator>();
    ASSERT_TRUE(memory->add(fresh_memory(uint64_t{4} << 20)).ok());
    const uint64_t start = memory->free_pages();
    std::vector<PhysicalAddress> pages;
    for (;;) {
        auto page = memory->allocate(0);
        if (!page.ok()) break;
        pages.push_back(page.value());
    }
    EXPECT_EQ(pages.size(), start);
    EXPECT_EQ(memory->free_pages(), 0u);
    for (const PhysicalAddress page : pages) memory->free(page, 0);
    EXPECT_EQ(memory->free_pages(), start);
    // Cached pages are merged when a block is wanted that only they can make.
    EXPECT_TRUE(memory->allocate(9).ok());
}

}  // namespace
}  // namespace eremite::mm
