#include "base/address.hpp"

#include <gtest/gtest.h>

namespace eremite {
namespace {

TEST(Address, AlignsBothWays) {
    EXPECT_EQ(align_down(4097, page_size), 4096u);
    EXPECT_EQ(align_up(4097, page_size), 8192u);
    EXPECT_EQ(align_up(8192, page_size), 8192u);
    EXPECT_EQ(align_up(UINT64_MAX, page_size), 0u);
    EXPECT_TRUE(PhysicalAddress{large_page_size}.is_aligned(large_page_size));
    EXPECT_EQ(PhysicalAddress{5000}.down_to(page_size).value, 4096u);
    EXPECT_EQ((PhysicalAddress{5000} - PhysicalAddress{1000}), 4000u);
}

TEST(Range, ContainsAndOverlaps) {
    const VirtualRange range{{0x1000}, {0x3000}};
    EXPECT_EQ(range.size(), 0x2000u);
    EXPECT_TRUE(range.contains(VirtualAddress{0x1000}));
    EXPECT_FALSE(range.contains(VirtualAddress{0x3000}));
    EXPECT_TRUE(range.contains(VirtualRange{{0x2000}, {0x3000}}));
    EXPECT_FALSE(range.contains(VirtualRange{{0x2000}, {0x4000}}));
    EXPECT_TRUE(range.overlaps({{0x2fff}, {0x9000}}));
    EXPECT_FALSE(range.overlaps({{0x3000}, {0x9000}}));
    EXPECT_TRUE((VirtualRange{{0x3000}, {0x1000}}).empty());
}

TEST(DirectMap, GoesThereAndBack) {
    EXPECT_EQ(direct_map({0x1234}).value, direct_map_base + 0x1234);
    EXPECT_EQ(physical_of_direct_map(direct_map({0x1234})).value, 0x1234u);
}

}  // namespace
}  // namespace eremite
