#include "vmm/page_map.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

namespace eremite::vmm {
namespace {

constexpr uint64_t page = PageMap::page;

// Pages of which some were written to.
struct Pages : ::testing::Test {
    static constexpr uint64_t count = 5000;
    void* const mapping = ::mmap(nullptr, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const std::span<std::byte> memory{static_cast<std::byte*>(mapping), count * page};
    PageMap map;

    void SetUp() override {
        ASSERT_NE(mapping, MAP_FAILED);
        map.open();
        // One by one, whatever the host would like to give.
        (void)::madvise(mapping, memory.size(), MADV_NOHUGEPAGE);
    }
    ~Pages() override { ::munmap(mapping, memory.size()); }
    void write(uint64_t first, uint64_t pages = 1) {
        for (uint64_t i = first; i < first + pages; ++i) memory[i * page + 1] = std::byte{1};
    }
    // Runs that touch each other are one, as "first+count".
    std::string runs() {
        std::string all;
        uint64_t start = 0, end = 0;
        const auto finish = [&] {
            if (end != start) all += std::to_string(start / page) + "+" + std::to_string((end - start) / page) + " ";
        };
        for (PageMap::Run run = map.next(memory, 0); run.size != 0; run = map.next(memory, run.offset + run.size)) {
            if (run.offset != end) {
                finish();
                start = run.offset;
            }
            end = run.offset + run.size;
        }
        finish();
        return all;
    }
};

TEST_F(Pages, AllWhereNothingIsKnown) {
    write(3);
    const PageMap closed;
    const PageMap::Run run = closed.next(memory, page);
    EXPECT_EQ(run.offset, page);
    EXPECT_EQ(run.size, memory.size() - page);
    EXPECT_EQ(closed.next(memory, memory.size()).size, 0U);
    EXPECT_EQ(closed.resident(memory), 0U);
}

TEST_F(Pages, None) {
    EXPECT_EQ(runs(), "");
    EXPECT_EQ(map.resident(memory), 0U);
}

TEST_F(Pages, Runs) {
    write(0);
    write(2, 3);
    write(1023, 2);  // from one batch of entries into the next
    write(2048, 1100);
    write(count - 1);
    EXPECT_EQ(runs(), "0+1 2+3 1023+2 2048+1100 4999+1 ");
    EXPECT_EQ(map.resident(memory), (1 + 3 + 2 + 1100 + 1) * page);
}

TEST_F(Pages, AllOfThem) {
    write(0, count);
    EXPECT_EQ(runs(), "0+5000 ");
}

TEST_F(Pages, FromSomewhereOn) {
    write(10, 10);
    const PageMap::Run run = map.next(memory, 15 * page);
    EXPECT_EQ(run.offset, 15 * page);
    EXPECT_EQ(run.size, 5 * page);
    EXPECT_EQ(map.next(memory, 20 * page).size, 0U);
}

TEST_F(Pages, ThoseGivenBackAreGone) {
    write(0, 10);
    ASSERT_EQ(::madvise(memory.data() + 3 * page, 4 * page, MADV_DONTNEED), 0);
    EXPECT_EQ(runs(), "0+3 7+3 ");
}

TEST_F(Pages, APartOfAPageAtTheEnd) {
    write(0, 2);
    const PageMap::Run run = map.next(memory.first(page + 100), 0);
    EXPECT_EQ(run.size, page + 100);
}

}  // namespace
}  // namespace eremite::vmm
