// The errors that the manual pages promise.
#include "space.hpp"

namespace eremite::mm {
namespace {

using ErrorsTest = test::SpaceTest;
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr VirtualAddress somewhere{0x1000'0000};

TEST_F(ErrorsTest, Mmap) {
    EXPECT_EQ(try_map(0).code(), EINVAL);
    EXPECT_EQ(try_map(UINT64_MAX).code(), ENOMEM);
    EXPECT_EQ(try_map(user_address_end + page_size).code(), ENOMEM);
    EXPECT_EQ(try_map(page_size, 3, MAP_ANONYMOUS).code(), EINVAL);
    EXPECT_EQ(try_map(page_size, 3, MAP_ANONYMOUS | MAP_SHARED_VALIDATE).code(), EINVAL);
    EXPECT_EQ(try_map(page_size, 7).code(), EACCES);
    EXPECT_EQ(try_map(page_size, 6).code(), EACCES);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_HUGETLB).code(), ENOMEM);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_FIXED, {0x1000'0001}).code(), EINVAL);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_FIXED, {0xf000}).code(), EPERM);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_FIXED, {user_address_end}).code(), ENOMEM);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_FIXED, {UINT64_MAX - 4095}).code(), ENOMEM);
    EXPECT_EQ(try_map(page_size, 3, MAP_PRIVATE, {}, make_ref<test::FakeObject>(2u, 1u).value(), 100).code(), EINVAL);
    EXPECT_EQ(try_map(2 * page_size, 3, MAP_PRIVATE, {}, make_ref<test::FakeObject>(2u, 1u).value(), UINT64_MAX - 4095).code(), EOVERFLOW);
    EXPECT_EQ(try_map(page_size, 3, MAP_SHARED_VALIDATE | MAP_SYNC, {}, make_ref<test::FakeObject>(2u, 1u).value()).code(), EOPNOTSUPP);
    map(4 * page_size, 3, anonymous | MAP_FIXED, somewhere);
    EXPECT_EQ(try_map(2 * page_size, 3, anonymous | MAP_FIXED_NOREPLACE, somewhere + page_size).code(), EEXIST);
    EXPECT_EQ(try_map(2 * page_size, 3, anonymous | MAP_FIXED_NOREPLACE, somewhere + 4 * page_size).code(), 0);
}

TEST_F(ErrorsTest, MunmapAndMprotect) {
    map(4 * page_size, 3, anonymous | MAP_FIXED, somewhere);
    EXPECT_EQ(space().unmap(somewhere + 1, page_size).code(), EINVAL);
    EXPECT_EQ(space().unmap(somewhere, 0).code(), EINVAL);
    EXPECT_EQ(space().unmap(somewhere, UINT64_MAX).code(), EINVAL);
    EXPECT_EQ(space().unmap({user_address_end + page_size}, page_size).code(), EINVAL);
    EXPECT_EQ(space().unmap(somewhere + 100 * page_size, page_size).code(), 0);
    EXPECT_EQ(space().protect(somewhere + 1, page_size, protection::read).code(), EINVAL);
    EXPECT_EQ(space().protect(somewhere, 0, protection::read).code(), 0);
    EXPECT_EQ(space().protect(somewhere, UINT64_MAX, protection::read).code(), ENOMEM);
    EXPECT_EQ(space().protect(somewhere, page_size, protection::all).code(), EACCES);
    EXPECT_EQ(space().protect(somewhere - page_size, 2 * page_size, protection::read).code(), ENOMEM);
    // What lies before the hole is changed.
    EXPECT_EQ(space().protect(somewhere + 2 * page_size, 4 * page_size, protection::read).code(), ENOMEM);
    EXPECT_EQ(cpu().write(somewhere + page_size, 1), 0);
    EXPECT_EQ(cpu().write(somewhere + 3 * page_size, 1), EACCES);
    MapRequest request;
    request.length = page_size;
    request.protection = protection::read;
    request.maximum = protection::read_execute;
    request.flags = MAP_SHARED;
    request.object = make_ref<test::FakeObject>(2u, 1u).value();
    const auto read_only = space().map(request);
    EXPECT_EQ(space().protect(read_only.value(), page_size, protection::read_write).code(), EACCES);
    request.protection = protection::read_write;
    EXPECT_EQ(space().map(request).code(), EACCES);
}

TEST_F(ErrorsTest, Mremap) {
    map(4 * page_size, 3, anonymous | MAP_FIXED, somewhere);
    map(page_size, 1, anonymous | MAP_FIXED, somewhere + 4 * page_size);
    const VirtualAddress free_place = somewhere + 100 * page_size;
    EXPECT_EQ(space().remap(somewhere + 1, page_size, page_size, 0).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, 0, 0).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, page_size, 64).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, page_size, MREMAP_FIXED, free_place).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, page_size, MREMAP_FIXED | MREMAP_MAYMOVE, free_place + 1).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, 4 * page_size, 4 * page_size, MREMAP_FIXED | MREMAP_MAYMOVE, somewhere + page_size).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, page_size, MREMAP_FIXED | MREMAP_MAYMOVE, {user_address_end}).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, page_size, MREMAP_DONTUNMAP).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, page_size, 2 * page_size, MREMAP_DONTUNMAP | MREMAP_MAYMOVE).code(), EINVAL);
    EXPECT_EQ(space().remap(somewhere, 0, page_size, MREMAP_MAYMOVE).code(), EINVAL);
    EXPECT_EQ(space().remap(free_place, page_size, 2 * page_size, MREMAP_MAYMOVE).code(), EFAULT);
    EXPECT_EQ(space().remap(somewhere, 5 * page_size, 6 * page_size, MREMAP_MAYMOVE).code(), EFAULT);
    EXPECT_EQ(space().remap(somewhere, 4 * page_size, 5 * page_size, 0).code(), ENOMEM);
    EXPECT_EQ(space().remap(somewhere, 4 * page_size, UINT64_MAX / 2, MREMAP_MAYMOVE).code(), ENOMEM);
}

TEST_F(ErrorsTest, MadviseAndRelatives) {
    map(4 * page_size, 3, anonymous | MAP_FIXED, somewhere);
    const VirtualAddress hole = somewhere + 4 * page_size;
    EXPECT_EQ(space().advise(somewhere + 1, page_size, MADV_DONTNEED).code(), EINVAL);
    EXPECT_EQ(space().advise(somewhere, page_size, 9999).code(), EINVAL);
    EXPECT_EQ(space().advise(somewhere, UINT64_MAX, MADV_DONTNEED).code(), EINVAL);
    EXPECT_EQ(space().advise(somewhere, 0, MADV_DONTNEED).code(), 0);
    EXPECT_EQ(space().advise(hole, page_size, MADV_DONTNEED).code(), ENOMEM);
    // Goes on over holes.
    write(somewhere + 3 * page_size, 5);
    EXPECT_EQ(space().advise(somewhere - page_size, 6 * page_size, MADV_DONTNEED).code(), ENOMEM);
    EXPECT_EQ(read(somewhere + 3 * page_size), 0u);
    const auto shared = try_map(page_size, 3, MAP_SHARED, {}, make_ref<test::FakeObject>(2u, 1u).value()).value();
    EXPECT_EQ(space().advise(shared, page_size, MADV_FREE).code(), EINVAL);

    uint8_t pages[8];
    EXPECT_EQ(space().residency(somewhere + 1, {pages, 1}).code(), EINVAL);
    EXPECT_EQ(space().residency(somewhere, {pages, 5}).code(), ENOMEM);
    EXPECT_EQ(space().residency(somewhere, {pages, 4}).code(), 0);
    EXPECT_EQ(pages[0], 0);
    EXPECT_EQ(pages[3], 1);

    EXPECT_EQ(space().sync(somewhere + 1, page_size, false, true).code(), EINVAL);
    EXPECT_EQ(space().sync(somewhere, 4 * page_size, true, true).code(), 0);
    EXPECT_EQ(space().sync(somewhere, 5 * page_size, false, true).code(), ENOMEM);
    EXPECT_EQ(space().sync(somewhere, UINT64_MAX, false, true).code(), ENOMEM);
    EXPECT_EQ(space().lock(somewhere, 5 * page_size, true).code(), ENOMEM);
    EXPECT_EQ(space().lock(somewhere, UINT64_MAX, true).code(), EINVAL);
    EXPECT_EQ(space().lock(somewhere + 1, page_size, true).code(), 0);
    EXPECT_EQ(space().sync(somewhere, page_size, true, true).code(), EBUSY);
    EXPECT_EQ(space().advise(somewhere, page_size, MADV_DONTNEED).code(), EINVAL);
    EXPECT_EQ(space().unlock(somewhere, 4 * page_size).code(), 0);
    EXPECT_EQ(space().unlock(hole, page_size).code(), ENOMEM);
    EXPECT_EQ(space().statistics().locked_pages, 0u);
}

TEST_F(ErrorsTest, TheProgramCannotTouchTheKernel) {
    const VirtualRange ours{{0x50'0000}, {0x50'8000}};
    ASSERT_TRUE(space().add_kernel(ours, {0x50'0000}, protection::read_write, false, false, "[library OS]").ok());
    map(page_size, 3, anonymous | MAP_FIXED, ours.start - page_size);
    EXPECT_EQ(space().unmap(ours.start - page_size, 2 * page_size).code(), EINVAL);
    EXPECT_EQ(read(ours.start - page_size), 0u);  // nothing was unmapped
    EXPECT_EQ(space().protect(ours.start, page_size, protection::read).code(), EACCES);
    EXPECT_EQ(space().remap(ours.start, page_size, 2 * page_size, MREMAP_MAYMOVE).code(), EINVAL);
    EXPECT_EQ(space().advise(ours.start, page_size, MADV_DONTNEED).code(), EINVAL);
    EXPECT_EQ(try_map(page_size, 3, anonymous | MAP_FIXED, ours.start).code(), EINVAL);
    const auto elsewhere = map(page_size);
    EXPECT_EQ(space().remap(elsewhere, page_size, page_size, MREMAP_FIXED | MREMAP_MAYMOVE, ours.start).code(), EINVAL);
    EXPECT_NE(try_map(page_size, 3, anonymous, ours.start).value(), ours.start);
    EXPECT_EQ(space().fault(ours.start, Access::Execute).code(), EACCES);
    EXPECT_EQ(space().add_kernel(ours, {0x50'0000}, protection::read, false).code(), EEXIST);
    EXPECT_EQ(space().add_kernel({{0x60'0000}, {0x60'1000}}, {0}, protection::all, false).code(), EACCES);
    EXPECT_EQ(space().add_kernel({{0x60'0000}, {0x60'0800}}, {0x1000}, protection::read, false).code(), EINVAL);
}

}  // namespace
}  // namespace eremite::mm
