// Tables of names: what goes in comes out.
#include "base/packed_names.hpp"

#include <gtest/gtest.h>

namespace eremite {

namespace {

constexpr auto values = [] {
    return std::to_array<NamedValue>({{0, "zero"}, {1, "one"}, {127, "x"}, {128, "two bytes"}, {16384, "three"}, {~uint64_t{0}, "all"}, {1, "again"}});
};
constexpr auto packed = pack_names<values>();

TEST(PackedNamesTest, InTheirOrder) {
    PackedNames names{packed.data()};
    for (const NamedValue& wanted : values()) {
        const NamedValue found = names.next();
        EXPECT_EQ(found.value, wanted.value);
        EXPECT_EQ(found.name, wanted.name);
    }
    EXPECT_EQ(names.next().name, "");
}

TEST(PackedNamesTest, TakeAByteForSevenBitsAndOneForEachEnd) {
    constexpr auto small = pack_names<[] { return std::to_array<NamedValue>({{127, "a"}, {128, "bc"}}); }>();
    EXPECT_EQ(small, (std::array<uint8_t, 10>{127, 'a', 0, 0x80, 1, 'b', 'c', 0, 0, 0}));
}

TEST(PackedNamesTest, TheFirstOfAValueIsFound) {
    EXPECT_EQ(PackedNames{packed.data()}.find(1), "one");
    EXPECT_EQ(PackedNames{packed.data()}.find(~uint64_t{0}), "all");
    EXPECT_EQ(PackedNames{packed.data()}.find(2), "");
}

}  // namespace

}  // namespace eremite
