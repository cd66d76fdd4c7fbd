#include "base/format.hpp"

#include <gtest/gtest.h>

#include <array>
#include <climits>
#include <string>

#include "base/address.hpp"

namespace eremite {
namespace {

template <typename... Arguments>
std::string text(std::string_view pattern, const Arguments&... arguments) {
    std::array<char, 256> buffer;
    BufferSink sink{buffer};
    format(sink, pattern, arguments...);
    return std::string{sink.view()};
}

TEST(Format, WritesEveryKind) {
    EXPECT_EQ(text("plain"), "plain");
    EXPECT_EQ(text("{} {}", 1, -2), "1 -2");
    EXPECT_EQ(text("{}", LONG_MIN), "-9223372036854775808");
    EXPECT_EQ(text("{}", ULONG_MAX), "18446744073709551615");
    EXPECT_EQ(text("{}{}", 'x', true), "xtrue");
    EXPECT_EQ(text("[{}]", "text"), "[text]");
    EXPECT_EQ(text("{}", PhysicalAddress{0x1000}), "0x1000");
    EXPECT_EQ(text("{}", static_cast<const void*>(nullptr)), "0x0");
}

TEST(Format, PadsAndAligns) {
    EXPECT_EQ(text("{:x}", 255u), "0xff");
    EXPECT_EQ(text("{:02}:{:02}", 5, 12), "05:12");
    EXPECT_EQ(text("{:>5}|", 42), "   42|");
    EXPECT_EQ(text("{:<5}|", 42), "42   |");
    EXPECT_EQ(text("{:<8}|", "ab"), "ab      |");
    EXPECT_EQ(text("{:04}", -5), "-005");
}

TEST(Format, MalformedPatternsPrintWhatTheyCan) {
    EXPECT_EQ(text("{} {}", 1), "1 {}");
    EXPECT_EQ(text("{", 1), "{");
    EXPECT_EQ(text("", 1), "");
}

TEST(BufferSink, DropsWhatDoesNotFitAndSaysSo) {
    std::array<char, 4> buffer;
    BufferSink sink{buffer};
    format(sink, "abcdef");
    EXPECT_EQ(sink.view(), "abcd");
    EXPECT_TRUE(sink.truncated());
}

}  // namespace
}  // namespace eremite
