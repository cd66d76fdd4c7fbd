#include "cli/size.hpp"

#include <gtest/gtest.h>

namespace eremite::cli {
namespace {

TEST(ParseSize, Units) {
    EXPECT_EQ(parse_size("4096"), 4096);
    EXPECT_EQ(parse_size("8K"), 8 << 10);
    EXPECT_EQ(parse_size("8M"), 8 << 20);
    EXPECT_EQ(parse_size("1G"), 1ULL << 30);
    EXPECT_EQ(parse_size("2T"), 2ULL << 40);
    EXPECT_EQ(parse_size("128m"), 128 << 20);
    EXPECT_EQ(parse_size("128MiB"), 128 << 20);
    EXPECT_EQ(parse_size("128MB"), 128 << 20);
    EXPECT_EQ(parse_size("7B"), 7);
}

TEST(ParseSize, Refuses) {
    for (const char* const text : {"", "M", "0", "0M", "-1M", "+1M", "1.5G", "1X", "1MM", "1MiBs", "8 M", " 8M", "18446744073709551616",
                                   "17179869184G", "99999999T"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(ParseSize, LargestThatFits) {
    EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_size("16777215T"), 16777215ULL << 40);
    EXPECT_FALSE(parse_size("16777216T"));
}

TEST(FormatSize, ChoosesUnit) {
    EXPECT_EQ(format_size(0), "0 bytes");
    EXPECT_EQ(format_size(1023), "1023 bytes");
    EXPECT_EQ(format_size(8 << 20), "8 MiB");
    EXPECT_EQ(format_size((3 << 20) / 2), "1.5 MiB");
}

}  // namespace
}  // namespace eremite::cli
