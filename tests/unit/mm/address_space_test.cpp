// Set-up, placement, the heap, promises of memory, and what happens when allocations fail.
#include "space.hpp"

namespace eremite::mm {
namespace {

using AddressSpaceTest = test::SpaceTest;
constexpr uint64_t MiB = uint64_t{1} << 20;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

TEST_F(AddressSpaceTest, ImagesUseLargePagesAndAreNeverFreed) {
    const uint64_t before = page_allocator().free_pages();
    const auto frames = page_allocator().allocate(11).value();  // stands for loaded memory
    const VirtualAddress text{0x40'0000};
    ASSERT_TRUE(space().add_image({text, text + 2 * MiB + page_size}, frames, protection::read_execute, "program").ok());
    ASSERT_TRUE(space().add_image({text + 4 * MiB, text + 5 * MiB}, frames + 4 * MiB, protection::read_write, "program").ok());
    EXPECT_EQ(space().query(text)->size, large_page_size);
    EXPECT_EQ(space().query(text + 2 * MiB)->size, page_size);
    EXPECT_EQ(space().statistics().resident_pages, 513u + 256);
    EXPECT_EQ(space().add_image({text, text + page_size}, frames, protection::read, "x").code(), EEXIST);
    EXPECT_EQ(space().add_image({{0x80'0000}, {0x80'1000}}, frames, protection::all, "x").code(), EACCES);
    EXPECT_TRUE(space().fault(text, Access::Execute).ok());
    EXPECT_EQ(cpu().write(text, 1), EACCES);
    // Relocation read-only, and back.
    write(text + 4 * MiB, 5);
    ASSERT_TRUE(space().protect(text + 4 * MiB, page_size, protection::read).ok());
    EXPECT_EQ(cpu().write(text + 4 * MiB, 6), EACCES);
    ASSERT_TRUE(space().protect(text + 4 * MiB, page_size, protection::read_write).ok());
    write(text + 4 * MiB, 6);
    EXPECT_EQ(space().advise(text + 4 * MiB, page_size, MADV_DONTNEED).code(), EINVAL);
    ASSERT_TRUE(space().unmap(text, 5 * MiB).ok());
    page_allocator().free(frames, 11);
    EXPECT_GE(page_allocator().free_pages() + 5, before);
}

TEST_F(AddressSpaceTest, SupervisorPagesAreOutOfReach) {
    ASSERT_TRUE(space().add_kernel({{0x60'0000}, {0x60'1000}}, {0x60'0000}, protection::read_write, true, false, "[supervisor]").ok());
    EXPECT_FALSE(space().query({0x60'0000})->flags.has(arch::page::user));
    EXPECT_EQ(space().fault({0x60'0000}, Access::Read).code(), EACCES);
    ASSERT_TRUE(space().add_kernel({{direct_map_base + 0xfee0'0000}, {direct_map_base + 0xfee0'1000}}, {0xfee0'0000}, protection::read_write, false, true).ok());
    EXPECT_TRUE(space().query({direct_map_base + 0xfee0'0000})->flags.has(arch::page::uncached | arch::page::user));
}

TEST_F(AddressSpaceTest, PlacesMappingsTopDownAndMergesThem) {
    const VirtualAddress first = map(page_size), second = map(page_size);
    EXPECT_EQ(first.value, user_address_end - 2 * page_size);
    EXPECT_EQ(second + page_size, first);
    EXPECT_EQ(areas(), 1u);
    const VirtualAddress other = map(page_size, 1);
    EXPECT_EQ(other + page_size, second);
    EXPECT_EQ(areas(), 2u);
    ASSERT_TRUE(space().unmap(second, page_size).ok());
    EXPECT_EQ(map(page_size), second);
    const VirtualAddress large = map(3 * MiB);
    EXPECT_TRUE(large.is_aligned(large_page_size));
    const VirtualAddress hint{0x2000'0123};
    EXPECT_EQ(map(page_size, 3, anonymous, hint).value, 0x2000'0000u);
    EXPECT_NE(map(page_size, 3, anonymous, hint).value, 0x2000'0000u);
    EXPECT_EQ(map(page_size, 3, anonymous, {0x1000}).value, 0x1'0000u);
    const VirtualAddress low = map(page_size, 3, anonymous | MAP_32BIT);
    EXPECT_LT(low.value, uint64_t{1} << 31);
    // A reservation as wide as the address space, and the gaps that it leaves.
    const VirtualAddress reservation = map(uint64_t{32} << 40, 0, anonymous | MAP_NORESERVE);
    EXPECT_NE(reservation.value, 0u);
    EXPECT_EQ(try_map(uint64_t{33} << 40, 0, anonymous | MAP_NORESERVE).code(), ENOMEM);
}

TEST_F(AddressSpaceTest, TheSeedMovesMappings) {
    AddressSpace other{arch::PageTable::create_root().value(), 0x1234'5678'9abc'def0};
    MapRequest request;
    request.length = page_size;
    request.flags = anonymous;
    const auto start = other.map(request).value();
    EXPECT_LT(start.value, user_address_end - 2 * page_size);
    EXPECT_GE(start.value, user_address_end - (uint64_t{1} << 40) - 2 * page_size);
}

TEST_F(AddressSpaceTest, BrkMovesTheEndOfTheHeap) {
    const VirtualAddress start{0x80'0000};
    space().set_brk_start({start.value - 100});
    EXPECT_EQ(space().brk({}), start);
    EXPECT_EQ(space().brk(start + 100), start + 100);
    write(start, 7);
    EXPECT_EQ(space().brk(start + 3 * page_size + 1), start + 3 * page_size + 1);
    EXPECT_EQ(areas(), 1u);
    space().for_each([](const VmaInfo& v) { EXPECT_EQ(v.name, "[heap]"); });
    EXPECT_EQ(read(start), 7u);
    EXPECT_EQ(space().brk(start - 1), start + 3 * page_size + 1);
    map(page_size, 3, anonymous | MAP_FIXED, start + 8 * page_size);
    EXPECT_EQ(space().brk(start + 8 * page_size), start + 3 * page_size + 1);
    EXPECT_EQ(space().brk(start + 7 * page_size), start + 7 * page_size);
    EXPECT_EQ(space().brk(start), start);
    EXPECT_EQ(read_error(start), EFAULT);
    EXPECT_EQ(space().brk(start + page_size), start + page_size);
    EXPECT_EQ(read(start), 0u);
    EXPECT_EQ(space().brk({user_address_end + page_size}), start + page_size);
}

TEST_F(AddressSpaceTest, TheStackHasAGuardBelow) {
    const VirtualRange stack = space().add_stack(8 * MiB).value();
    EXPECT_EQ(stack.size(), 8 * MiB);
    write(stack.end - page_size, 1);
    EXPECT_EQ(resident(), 1u);
    EXPECT_EQ(read_error(stack.start - page_size), EACCES);
    EXPECT_EQ(space().statistics().committed_pages, 0u);
    bool seen = false;
    space().for_each([&](const VmaInfo& v) { seen = seen || v.name == "[stack]"; });
    EXPECT_TRUE(seen);
}

TEST_F(AddressSpaceTest, PromisesAreKept) {
    const uint64_t free = page_allocator().free_pages();
    EXPECT_EQ(try_map((free + 1) * page_size).code(), ENOMEM);
    // Free of charge: no access, no reserve, stacks, read-only, shared objects.
    map(uint64_t{1} << 40, 0);
    map(uint64_t{1} << 40, 3, anonymous | MAP_NORESERVE);
    map(uint64_t{1} << 40, 3, anonymous | MAP_STACK);
    map(uint64_t{1} << 40, 1);
    EXPECT_EQ(space().statistics().committed_pages, 0u);
    const VirtualAddress half = map(free / 2 * page_size);
    EXPECT_EQ(try_map(free * 6 / 10 * page_size).code(), ENOMEM);
    // What is touched is no promise any more, but is no free memory either.
    for (uint64_t i = 0; i < free / 4; ++i) write(half + i * page_size, 1);
    EXPECT_EQ(try_map(free * 6 / 10 * page_size).code(), ENOMEM);
    const VirtualAddress quarter = map(free / 4 * page_size, 0);
    ASSERT_TRUE(space().protect(quarter, free / 4 * page_size, protection::read_write).ok());
    const VirtualAddress none = map(free / 2 * page_size, 0);
    EXPECT_EQ(space().protect(none, free / 2 * page_size, protection::read_write).code(), ENOMEM);
    EXPECT_EQ(space().remap(quarter, free / 4 * page_size, free * page_size, MREMAP_MAYMOVE).code(), ENOMEM);
    // Every promised page is there.
    for (uint64_t i = 0; i < free / 2; ++i) write(half + i * page_size, 1);
    for (uint64_t i = 0; i < free / 4; ++i) write(quarter + i * page_size, 1);
    ASSERT_TRUE(space().unmap(half, free / 2 * page_size).ok());
    EXPECT_TRUE(try_map(free * 6 / 10 * page_size).ok());
    space().set_overcommit(AddressSpace::Overcommit::Always);
    EXPECT_TRUE(try_map(free * page_size).ok());
}

TEST_F(AddressSpaceTest, MappingsLeaveNoTablesBehind) {
    const VirtualAddress base{0x1000'0000'0000};
    const uint64_t before = page_allocator().free_pages();
    // A page in each 2 MiB, as reservations that are used here and there leave them.
    for (uint64_t i = 0; i < 2000; ++i) {
        const VirtualAddress page = map(page_size, 3, anonymous | MAP_FIXED, base + i * large_page_size);
        write(page, i);
        ASSERT_TRUE(space().unmap(page, page_size).ok());
    }
    EXPECT_GE(page_allocator().free_pages() + 4, before);
    // Moved away instead.
    VirtualAddress at = map(page_size, 3, anonymous | MAP_FIXED, base);
    write(at, 5);
    for (uint64_t i = 1; i < 2000; ++i) {
        at = space().remap(at, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, base + i * large_page_size).value();
        ASSERT_EQ(read(at), 5u);
    }
    EXPECT_GE(page_allocator().free_pages() + 8, before);
}

TEST_F(AddressSpaceTest, AHugeDirectMapIsNoReasonForHugeFaults) {
    AddressSpace huge{arch::PageTable::create_root().value(), 0, huge_page_size};
    constexpr uint64_t GiB = uint64_t{1} << 30;
    ASSERT_TRUE(huge.add_kernel({{0x4000'0000'0000}, {0x4000'0000'0000 + 4 * GiB - 5 * MiB}}, {0}, protection::read_write, false).ok());
    EXPECT_EQ(huge.query({0x4000'0000'0000 + GiB})->size, huge_page_size);
    EXPECT_EQ(huge.query({0x4000'0000'0000 + 3 * GiB})->size, large_page_size);
    MapRequest request;
    request.length = 4 * GiB;
    request.flags = anonymous | MAP_NORESERVE;
    const VirtualAddress start = huge.map(request).value();
    ASSERT_TRUE(huge.advise(start, request.length, MADV_HUGEPAGE).ok());
    ASSERT_TRUE(huge.fault(start.up_to(huge_page_size), Access::Write).ok());
    EXPECT_EQ(huge.query(start.up_to(huge_page_size))->size, large_page_size);
}

TEST_F(AddressSpaceTest, MremapMovesFramesWithoutCopying) {
    const VirtualAddress start = map(16 * page_size);
    for (uint64_t i = 0; i < 16; ++i) write(start + i * page_size, i);
    const auto frame = space().query(start)->address;
    const auto moved = space().remap(start, 16 * page_size, 64 * page_size, MREMAP_MAYMOVE).value();
    EXPECT_NE(moved, start);
    EXPECT_EQ(space().query(moved)->address, frame);
    for (uint64_t i = 0; i < 16; ++i) EXPECT_EQ(read(moved + i * page_size), i);
    EXPECT_EQ(read(moved + 40 * page_size), 0u);
    EXPECT_EQ(read_error(start), EFAULT);
    EXPECT_EQ(space().remap(moved, 64 * page_size, 8 * page_size, 0).value(), moved);
    EXPECT_EQ(read_error(moved + 8 * page_size), EFAULT);
    EXPECT_EQ(space().remap(moved, 8 * page_size, 32 * page_size, 0).value(), moved);
    const auto twin = space().remap(moved, 32 * page_size, 32 * page_size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP).value();
    EXPECT_EQ(read(twin + 3 * page_size), 3u);
    EXPECT_EQ(read(moved + 3 * page_size), 0u);
}

TEST_F(AddressSpaceTest, LockedMemoryIsResident) {
    const VirtualAddress start = map(10 * page_size);
    ASSERT_TRUE(space().lock(start + 10, 3 * page_size, true).ok());
    EXPECT_EQ(resident(), 4u);
    EXPECT_EQ(space().statistics().locked_pages, 4u);
    ASSERT_TRUE(space().lock_all(true, true, true).ok());
    EXPECT_EQ(resident(), 10u);
    const VirtualAddress later = map(5 * page_size);
    EXPECT_EQ(resident(), 15u);
    space().unlock_all();
    EXPECT_EQ(space().statistics().locked_pages, 0u);
    EXPECT_EQ(areas(), 1u);
    EXPECT_EQ(later + 5 * page_size, start);
}

// Every operation with every allocation failing in turn: nothing leaks and the areas stay whole.
TEST_F(AddressSpaceTest, SurvivesEveryFailingAllocation) {
    const VirtualAddress base{0x1000'0000};
    const auto object = make_ref<test::FakeObject>(64u, 1u).value();
    for (int operation = 0; operation < 8; ++operation) {
        for (int64_t n = 0;; ++n) {
            ASSERT_LT(n, 20);
            map(1024 * page_size, 3, anonymous | MAP_FIXED, base);
            write(base + 3 * page_size, 33);
            ASSERT_EQ(space().query(base)->size, large_page_size);
            write(base + 513 * page_size, 44);
            int code = 0;
            {
                // Objects and pages fail after n successes.
                test::FailingHeap heap{n};
                test::Hunger hunger{static_cast<uint64_t>(n)};
                switch (operation) {
                case 0: code = space().unmap(base + 10 * page_size, page_size).code(); break;
                case 1: code = space().protect(base + 10 * page_size, page_size, protection::read).code(); break;
                case 2: code = space().advise(base + 10 * page_size, page_size, MADV_DONTNEED).code(); break;
                case 3: code = space().advise(base + 10 * page_size, page_size, MADV_NOHUGEPAGE).code(); break;
                case 4: code = space().remap(base + 10 * page_size, 600 * page_size, 600 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, {0x7'0000'3000}).code(); break;
                case 5: code = space().lock(base + 10 * page_size, page_size, true).code(); break;
                case 6: code = try_map(page_size, 1, MAP_SHARED, {}, object).code(); break;
                case 7: code = try_map(page_size, 1, anonymous | MAP_FIXED, base + 10 * page_size).code(); break;
                }
            }
            EXPECT_EQ(read(base + 3 * page_size), 33u);
            if (code == 0) break;
            ASSERT_EQ(code, ENOMEM) << "operation " << operation;
            EXPECT_EQ(read(base + 513 * page_size), 44u);
            uint64_t mapped = 0;
            space().for_each([&](const VmaInfo& v) { mapped += v.range.size() / page_size; });
            EXPECT_EQ(mapped, space().statistics().mapped_pages);
            EXPECT_EQ(mapped, operation == 7 && mapped == 1023 ? 1023u : 1024u);
        }
        ASSERT_TRUE(space().unmap({0x1'0000}, user_address_end - 0x1'0000).ok());
        EXPECT_EQ(space().statistics().committed_pages + space().statistics().resident_pages, 0u);
    }
    EXPECT_EQ(object->mappings, 0);
}

}  // namespace
}  // namespace eremite::mm
