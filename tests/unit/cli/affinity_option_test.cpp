#include "cli/affinity_option.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

using testing::ElementsAre;

TEST(AffinityOption, NumbersAndRangesInTheirOrder) {
    EXPECT_THAT(parse_cpu_list("3"), ElementsAre(3));
    EXPECT_THAT(parse_cpu_list("0,2-3"), ElementsAre(0, 2, 3));
    EXPECT_THAT(parse_cpu_list("7,1-1,0"), ElementsAre(7, 1, 0));
}

TEST(AffinityOption, WhatIsNoListIsRefused) {
    for (const char* const text : {"", ",", "0,", ",0", "a", "1-", "-1", "3-2", "1-2-3", "0, 1", "0-4294967295", "99999999999", "0x1"})
        EXPECT_THROW((void)parse_cpu_list(text), Failure) << text;
}

}  // namespace
}  // namespace eremite::cli
