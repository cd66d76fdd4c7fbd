// Which calls a pattern stands for.
#include "libos/trace/pattern.hpp"

#include <asm/unistd.h>
#include <gtest/gtest.h>

namespace eremite::trace {

namespace {

Selection selected(std::string_view pattern) {
    Selection selection;
    EXPECT_FALSE(parse_pattern(pattern, selection)) << pattern;
    return selection;
}

TEST(PatternTest, Names) {
    const Selection one = selected("openat");
    EXPECT_TRUE(one.contains(__NR_openat));
    EXPECT_FALSE(one.contains(__NR_open));
    EXPECT_FALSE(one.contains(__NR_openat2));
    const Selection two = selected("read,write");
    EXPECT_TRUE(two.contains(__NR_read) && two.contains(__NR_write));
    EXPECT_FALSE(two.contains(__NR_readv));
}

TEST(PatternTest, StarsStandForAnyCharacters) {
    EXPECT_TRUE(selected("*").contains(__NR_getpid));
    const Selection begin = selected("open*");
    EXPECT_TRUE(begin.contains(__NR_open) && begin.contains(__NR_openat) && begin.contains(__NR_open_by_handle_at));
    EXPECT_FALSE(begin.contains(__NR_mq_open));
    const Selection end = selected("*at");
    EXPECT_TRUE(end.contains(__NR_openat) && end.contains(__NR_stat));
    EXPECT_FALSE(end.contains(__NR_openat2));
    const Selection middle = selected("*time*set*");
    EXPECT_TRUE(middle.contains(__NR_timer_settime) && middle.contains(__NR_timerfd_settime));
    EXPECT_FALSE(middle.contains(__NR_settimeofday));
    EXPECT_TRUE(selected("**e*t**").contains(__NR_exit));
    EXPECT_TRUE(selected("r*d").contains(__NR_read));
    // What fits after the first possible place of a star need not be what fits.
    EXPECT_TRUE(selected("*tat").contains(__NR_fstat));
}

TEST(PatternTest, Groups) {
    const Selection memory = selected("%memory");
    EXPECT_TRUE(memory.contains(__NR_mmap) && memory.contains(__NR_brk));
    EXPECT_FALSE(memory.contains(__NR_read));
    const Selection file = selected("%file");
    EXPECT_TRUE(file.contains(__NR_openat) && file.contains(__NR_stat));
    EXPECT_FALSE(file.contains(__NR_fstat));
    EXPECT_TRUE(selected("%desc").contains(__NR_fstat));
    EXPECT_TRUE(selected("%signal").contains(__NR_tgkill));
    EXPECT_TRUE(selected("%process").contains(__NR_clone3));
    EXPECT_TRUE(selected("%network").contains(__NR_socketpair));
    EXPECT_TRUE(selected("%clock").contains(__NR_clock_gettime));
    EXPECT_TRUE(selected("%creds").contains(__NR_getuid));
    const Selection both = selected("%memory,futex");
    EXPECT_TRUE(both.contains(__NR_futex) && both.contains(__NR_mprotect));
}

TEST(PatternTest, NegationIsOfTheWholeList) {
    const Selection rest = selected("!%memory,write");
    EXPECT_FALSE(rest.contains(__NR_mmap) || rest.contains(__NR_write));
    EXPECT_TRUE(rest.contains(__NR_read));
    EXPECT_TRUE(rest.contains(511));
    EXPECT_TRUE(rest.contains(1'000'000));
}

TEST(PatternTest, NumbersWithoutANameAreInNoList) {
    EXPECT_FALSE(selected("*").contains(511));
    EXPECT_FALSE(selected("*").contains(~uint64_t{0}));
}

TEST(PatternTest, WhatStandsForNothingIsNamed) {
    const auto offender = [](std::string_view pattern) {
        Selection selection;
        return parse_pattern(pattern, selection).value_or("none");
    };
    EXPECT_EQ(offender("opne"), "opne");
    EXPECT_EQ(offender("read,opne,write"), "opne");
    EXPECT_EQ(offender("!opne*"), "opne*");
    EXPECT_EQ(offender("%files"), "%files");
    EXPECT_EQ(offender("%"), "%");
    EXPECT_EQ(offender(""), "");
    EXPECT_EQ(offender("!"), "");
    EXPECT_EQ(offender("read,"), "");
    EXPECT_EQ(offender(",read"), "");
    EXPECT_EQ(offender("read, write"), " write");
    EXPECT_EQ(offender("READ"), "READ");
}

}  // namespace

}  // namespace eremite::trace
