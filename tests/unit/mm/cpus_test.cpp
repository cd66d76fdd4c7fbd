// The page allocator, the heap and faults with several threads of the host that play CPUs.
#include <gtest/gtest.h>
#include <linux/mman.h>

#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "libos/mm/heap.hpp"
#include "machine.hpp"

namespace eremite::mm {
namespace {

using Use = PageAllocator::Use;
constexpr unsigned cpus = 4;

// Runs body(cpu) on every CPU at once.
void on_all_cpus(const std::function<void(unsigned)>& body) {
    std::barrier start{cpus};
    std::vector<std::jthread> threads;
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        threads.emplace_back([&, cpu] {
            test::cpu_of_thread = cpu;
            start.arrive_and_wait();
            body(cpu);
        });
    }
}

// While it lives this thread plays another CPU.
class OnCpu {
public:
    explicit OnCpu(unsigned cpu) { test::cpu_of_thread = cpu; }
    ~OnCpu() { test::cpu_of_thread = 0; }
};

uint64_t& word_of(PhysicalAddress frame) { return *direct_map(frame).as<uint64_t>(); }

class CpusTest : public testing::Test {
protected:
    void SetUp() override {
        test::start_machine();
        ASSERT_TRUE(memory().add_cpu(cpus - 1).ok());
        for (unsigned cpu = 1; cpu < cpus; ++cpu) ASSERT_TRUE(heap_add_cpu(cpu).ok());
        free_at_start_ = memory().free_pages();
        heap_pages_at_start_ = heap_statistics().pages;
    }
    void TearDown() override {
        // What is left is at most the empty slabs that each CPU keeps.
        EXPECT_EQ(memory().free_pages() + heap_statistics().pages - heap_pages_at_start_, free_at_start_);
    }
    static PageAllocator& memory() { return page_allocator(); }
    // Takes pages until there are none, and returns them all.
    static std::vector<PhysicalAddress> take_all(Use use) {
        std::vector<PhysicalAddress> frames;
        for (;;) {
            const auto frame = memory().allocate(0, use);
            if (!frame.ok()) return frames;
            frames.push_back(frame.value());
        }
    }
    static void give_back(const std::vector<PhysicalAddress>& frames) {
        for (const PhysicalAddress frame : frames) memory().free(frame, 0);
    }
    // Leaves pages in the cache of each CPU.
    static void fill_caches() {
        for (unsigned cpu = 0; cpu < cpus; ++cpu) {
            const OnCpu here{cpu};
            std::array<PhysicalAddress, 40> frames;
            ASSERT_EQ(memory().allocate_pages(frames), frames.size());
            for (const PhysicalAddress frame : frames) memory().free(frame, 0);
        }
        ASSERT_GE(memory().free_pages(), memory().listed_pages() + cpus * 40);
    }
    [[nodiscard]] uint64_t free_at_start() const { return free_at_start_; }

private:
    uint64_t free_at_start_ = 0;
    uint64_t heap_pages_at_start_ = 0;
};

TEST_F(CpusTest, TheCachesOfOtherCpusAreUsedUp) {
    fill_caches();
    const auto frames = take_all(Use::Promised);
    EXPECT_EQ(frames.size(), free_at_start());
    EXPECT_EQ(memory().free_pages(), 0u);
    give_back(frames);
}

TEST_F(CpusTest, CachedPagesMergeForABlock) {
    std::vector<PhysicalAddress> blocks;
    while (true) {
        const auto block = memory().allocate(9, Use::Promised);
        if (!block.ok()) break;
        blocks.push_back(block.value());
    }
    // The pages of one block end in four caches.
    memory().split(blocks.back(), 9);
    for (unsigned i = 0; i < 512; ++i) {
        const OnCpu here{i % cpus};
        memory().free(blocks.back() + i * page_size, 0);
    }
    const auto block = memory().allocate(9, Use::Promised);
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(block.value(), blocks.back());
    for (const PhysicalAddress b : blocks) memory().free(b, 9);
}

TEST_F(CpusTest, CachedPagesCountForPromises) {
    fill_caches();
    const uint64_t free = memory().free_pages();
    uint64_t most = free;
    while (PageAllocator::with_tables(most) > free) --most;
    EXPECT_FALSE(memory().promise(most + 1, 0));
    EXPECT_EQ(memory().available_pages(), free);
    EXPECT_TRUE(memory().promise(most, 0));
    EXPECT_LE(memory().available_pages(), 1u);
    // No CPU spends it for another use, whatever its cache holds.
    memory().set_promised(free);
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        const OnCpu here{cpu};
        memory().free(memory().allocate(0, Use::Promised).value(), 0);
        EXPECT_FALSE(memory().can_spare(1));
        EXPECT_EQ(memory().allocate(0).code(), ENOMEM);
        memory().free(memory().allocate(0, Use::Promised).value(), 0);
        EXPECT_EQ(memory().allocate(1).code(), ENOMEM);
    }
    memory().set_promised(0);
}

TEST_F(CpusTest, PagesHaveOneOwner) {
    constexpr unsigned slots = 256;
    static std::array<std::atomic<uint64_t>, slots> exchange{};
    on_all_cpus([](unsigned cpu) {
        std::mt19937_64 random{cpu};
        for (int step = 0; step < 20000; ++step) {
            // Frames with their order in the low bits go from hand to hand: most are freed by another CPU.
            uint64_t mine = 0;
            if (random() % 2) {
                const unsigned order = random() % 16 ? 0 : static_cast<unsigned>(random() % 4);
                const auto frame = memory().allocate(order);
                ASSERT_TRUE(frame.ok());
                word_of(frame.value()) = frame.value().value;
                mine = frame.value().value | order;
            }
            const uint64_t other = exchange[random() % slots].exchange(mine);
            if (other == 0) continue;
            const PhysicalAddress frame{align_down(other, page_size)};
            ASSERT_EQ(word_of(frame), frame.value);
            word_of(frame) = 0;
            memory().free(frame, static_cast<unsigned>(other - frame.value));
        }
    });
    for (auto& slot : exchange) {
        if (const uint64_t left = slot.exchange(0)) memory().free({align_down(left, page_size)}, static_cast<unsigned>(left % page_size));
    }
}

// All CPUs together get exactly what there is, less what is promised.
TEST_F(CpusTest, ExhaustionIsExact) {
    constexpr uint64_t left = 300;
    const test::Hunger hunger{left};
    for (uint64_t round = 0; round < 100; ++round) {
        const uint64_t promised = round % 2 * 100;
        memory().set_promised(promised);
        std::array<std::vector<PhysicalAddress>, cpus> frames;
        on_all_cpus([&](unsigned cpu) { frames[cpu] = take_all(Use::Ordinary); });
        size_t taken = 0;
        for (const auto& some : frames) taken += some.size();
        EXPECT_EQ(taken, left - promised);
        EXPECT_EQ(memory().available_pages(), 0u);
        on_all_cpus([&](unsigned cpu) { give_back(frames[(cpu + 1) % cpus]); });
        memory().set_promised(0);
    }
}

// One CPU promises all that is free, and spends it, while the others take and return what they can get.
TEST_F(CpusTest, PromisesHoldWhileOthersAllocate) {
    std::atomic<bool> done = false;
    std::atomic<unsigned> kept = 0;
    const test::Hunger hunger{600};
    on_all_cpus([&](unsigned cpu) {
        std::mt19937_64 random{cpu};
        if (cpu == 0) {
            for (int round = 0; round < 100; ++round) {
                const uint64_t wanted = 50 + random() % 500;
                if (!memory().promise(wanted, 0)) {
                    std::this_thread::yield();
                    continue;
                }
                std::vector<PhysicalAddress> frames;
                while (frames.size() < wanted) {
                    const auto frame = memory().allocate(0, Use::Promised);
                    EXPECT_TRUE(frame.ok());
                    if (!frame.ok()) break;
                    frames.push_back(frame.value());
                    memory().set_promised(wanted - frames.size());
                }
                give_back(frames);
                ++kept;
            }
            done = true;
            return;
        }
        while (!done) {
            std::vector<PhysicalAddress> frames;
            for (uint64_t n = random() % 300; n > 0; --n) {
                const auto frame = memory().allocate(0);
                if (!frame.ok()) break;
                frames.push_back(frame.value());
            }
            give_back(frames);
        }
    });
    EXPECT_GT(kept, 0u);
}

TEST_F(CpusTest, ObjectsAreFreedByAnotherCpu) {
    constexpr unsigned slots = 512;
    static std::array<std::atomic<uint64_t*>, slots> exchange{};
    const HeapStatistics before = heap_statistics();
    on_all_cpus([](unsigned cpu) {
        std::mt19937_64 random{cpu};
        for (int step = 0; step < 30000; ++step) {
            uint64_t* mine = nullptr;
            if (random() % 2) {
                const size_t words = 2 + random() % (random() % 32 ? 60 : 1200);
                mine = static_cast<uint64_t*>(heap_allocate(words * 8));
                ASSERT_NE(mine, nullptr);
                mine[0] = words;
                mine[words - 1] = words;
            }
            uint64_t* const other = exchange[random() % slots].exchange(mine);
            if (!other) continue;
            const uint64_t words = other[0];
            ASSERT_EQ(other[words - 1], words);
            heap_free(other);
        }
    });
    for (auto& slot : exchange) heap_free(slot.exchange(nullptr));
    EXPECT_EQ(heap_statistics().objects, before.objects);
    // At most one empty slab for each CPU and size class stays.
    EXPECT_LE(heap_statistics().pages, before.pages + cpus * 21);
}

TEST_F(CpusTest, SlabsOfOtherCpusAreUsedUp) {
    void* first;
    {
        const OnCpu here{2};
        first = heap_allocate(1000);
    }
    std::vector<void*> got;
    {
        const test::Hunger hunger{0};
        while (void* const object = heap_allocate(1000)) got.push_back(object);
        EXPECT_GE(got.size(), 3u);
        for (void* const object : got) {
            EXPECT_NE(object, first);
            heap_free(object);
        }
    }
    heap_free(first);
}

class SharedSpaceTest : public CpusTest {
protected:
    void SetUp() override {
        CpusTest::SetUp();
        space_ = std::make_unique<AddressSpace>(arch::PageTable::create_root().value());
    }
    void TearDown() override {
        space_.reset();
        CpusTest::TearDown();
    }
    AddressSpace& space() { return *space_; }
    VirtualAddress map(uint64_t length, int flags = MAP_PRIVATE | MAP_ANONYMOUS, VirtualAddress hint = {}, Ref<MemoryObject> object = {}) {
        MapRequest request;
        request.hint = hint;
        request.length = length;
        request.flags = flags;
        request.object = std::move(object);
        const auto start = space().map(request);
        EXPECT_TRUE(start.ok());
        return start.ok() ? start.value() : VirtualAddress{};
    }
    // The first word of a page that nobody unmaps, faulting as a program does.
    std::atomic_ref<uint64_t> word(VirtualAddress page) {
        for (;;) {
            const auto mapping = space().query(page);
            if (mapping && mapping->flags.has(arch::page::write)) return std::atomic_ref{word_of(mapping->address)};
            EXPECT_TRUE(space().fault(page, Access::Write).ok());
        }
    }

private:
    std::unique_ptr<AddressSpace> space_;
};

// All CPUs touch the same pages, which are fresh, copies of a file's, or large; each gets the same page.
TEST_F(SharedSpaceTest, CpusFaultOnTheSamePages) {
    const auto object = make_ref<test::FakeObject>(512u, 0u).value();
    for (unsigned i = 0; i < 512; ++i) object->word(i) = 0;
    const auto large = uint64_t{16} << 20;
    const VirtualAddress fresh = map(512 * page_size), zeros = map(512 * page_size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
                         copies = map(512 * page_size, MAP_PRIVATE, {}, object), blocks = map(large);
    ASSERT_TRUE(space().advise(fresh, 512 * page_size, MADV_NOHUGEPAGE).ok());
    on_all_cpus([&](unsigned cpu) {
        for (uint64_t i = 0; i < 512; ++i) {
            for (const VirtualAddress start : {fresh, zeros, copies}) {
                const VirtualAddress page = start + i * page_size;
                if (cpu % 2) {
                    EXPECT_TRUE(space().fault(page, Access::Read).ok());
                }
                word(page) += 1 + cpu;
            }
            word(blocks + i * (large / 512)) += 1 + cpu;
        }
    });
    for (uint64_t i = 0; i < 512; ++i) {
        for (const VirtualAddress start : {fresh, zeros, copies}) EXPECT_EQ(word(start + i * page_size), 10u);
        EXPECT_EQ(word(blocks + i * (large / 512)), 10u);
        EXPECT_EQ(object->word(i), 0u);
    }
    EXPECT_EQ(space().query(blocks)->size, large_page_size);
    EXPECT_EQ(space().statistics().resident_pages, 3 * 512 + large / page_size);
    ASSERT_TRUE(space().unmap(copies, 512 * page_size).ok());
}

// A large page takes the place of an empty table, which another CPU is about to fill.
TEST_F(SharedSpaceTest, ALargePageMeetsASmallOne) {
    constexpr uint64_t blocks = 200;
    const VirtualAddress start = map((blocks + 1) * large_page_size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE).up_to(large_page_size);
    for (uint64_t block = 1; block < blocks; block += 2) {
        const VirtualAddress at = start + block * large_page_size;
        word(at - page_size) = 1;
        on_all_cpus([&](unsigned cpu) { word(at + cpu * 5 * page_size) = cpu + 1; });
        for (unsigned cpu = 0; cpu < cpus; ++cpu) ASSERT_EQ(word(at + cpu * 5 * page_size), cpu + 1);
        ASSERT_EQ(word(at + 100 * page_size), 0u);
        ASSERT_TRUE(space().advise(at, large_page_size, MADV_DONTNEED).ok());
    }
    ASSERT_TRUE(space().unmap(start, blocks * large_page_size).ok());
    EXPECT_EQ(space().statistics().resident_pages, 0u);
}

// Each CPU fills memory of its own while others map and unmap theirs, and replace what one of them faults on.
TEST_F(SharedSpaceTest, FaultsAndChangesMix) {
    const VirtualAddress victim{0x1000'0000};
    constexpr uint64_t victim_size = 2 * large_page_size;
    constexpr int replacing = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    map(victim_size, replacing, victim);
    std::atomic<unsigned> done = 0;
    on_all_cpus([&](unsigned cpu) {
        std::mt19937_64 random{cpu};
        if (cpu == 0) {
            while (done != cpus - 1) {
                map(victim_size, replacing | (random() % 2 ? MAP_NORESERVE : 0), victim);
                EXPECT_TRUE(space().advise(victim, victim_size, MADV_DONTNEED).ok());
                EXPECT_TRUE(space().protect(victim + (random() % 1024) * page_size, page_size, protection::read).ok());
            }
            return;
        }
        for (int round = 0; round < 60; ++round) {
            const uint64_t pages = random() % 8 ? 1 + random() % 40 : 512 * (1 + random() % 2);
            const VirtualAddress own = map(pages * page_size, MAP_PRIVATE | MAP_ANONYMOUS | (random() % 4 ? 0 : MAP_POPULATE));
            for (uint64_t i = 0; i < pages; ++i) {
                auto value = word(own + i * page_size);
                ASSERT_EQ(value, 0u);
                value = cpu << 20 | i;
                const auto result = space().fault(victim + (random() % 1024) * page_size, random() % 2 ? Access::Write : Access::Read);
                ASSERT_TRUE(result.ok() || result.code() == EACCES);
            }
            for (uint64_t i = 0; i < pages; ++i) ASSERT_EQ(word(own + i * page_size), (cpu << 20 | i));
            ASSERT_TRUE(space().unmap(own, pages * page_size).ok());
        }
        ++done;
    });
    ASSERT_TRUE(space().unmap(victim, victim_size).ok());
    EXPECT_EQ(space().statistics().resident_pages, 0u);
    EXPECT_EQ(space().statistics().committed_pages, 0u);
}

}  // namespace
}  // namespace eremite::mm
