#include "cli/stdin_framing.hpp"

#include <gtest/gtest.h>

namespace eremite::cli {
namespace {

TEST(StdinFraming, DoublesEscapes) {
    EXPECT_EQ(framed("plain\n"), "plain\n");
    EXPECT_EQ(framed("a\x10"
                     "b\x10\x10"),
              "a\x10\x10"
              "b\x10\x10\x10\x10");
    EXPECT_EQ(framed(std::string_view("\0E\x04", 3)), std::string("\0E\x04", 3));
    EXPECT_EQ(framed(""), "");
}

TEST(StdinFraming, EndIsEscapeAndLetter) {
    EXPECT_EQ(end_of_input(),
              "\x10"
              "E");
}

}  // namespace
}  // namespace eremite::cli
