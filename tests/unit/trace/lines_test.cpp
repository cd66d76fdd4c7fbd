// How the lines of several threads come out. One test after the other, since time does not go back.
#include "libos/trace/lines.hpp"

#include <gtest/gtest.h>

#include "libos/sched/timer.hpp"
#include "machine.hpp"

namespace eremite::trace {

namespace {

constexpr int64_t millisecond = 1'000'000;

class LinesTest : public testing::Test {
protected:
    void SetUp() override {
        test::console.clear();
        test::console_writes = 0;
    }
    static void as(int thread) { test::thread_id = thread; }
    // Time goes by, with the timer's interrupts.
    static void wait(int64_t nanoseconds) {
        test::now += nanoseconds;
        sched::run_timers({test::now});
    }
};

TEST_F(LinesTest, ACallThatEndsAtOnceIsOneLine) {
    as(1);
    test::now = 1'234'567'890;
    begin_line("read(0, ");
    EXPECT_EQ(test::console, "");
    test::now += 5000;
    finish_line("read", "\"x\", 1) = 1");
    EXPECT_EQ(test::console, "[1/1] 1.234567 read(0, \"x\", 1) = 1\n");
    EXPECT_EQ(test::console_writes, 1u);
}

TEST_F(LinesTest, AnotherLineBetween) {
    test::now = 2'000'000'000;
    as(1);
    begin_line("read(0, ");
    as(2);
    begin_line("write(1, \"x\", 1");
    as(1);
    finish_line("read", "\"y\", 1) = 1");
    as(2);
    finish_line("write", ") = 1");
    EXPECT_EQ(test::console,
              "[1/1] 2.000000 read(0,  <unfinished ...>\n"
              "[1/2] 2.000000 write(1, \"x\", 1 <unfinished ...>\n"
              "[1/1] 2.000000 <... read resumed>\"y\", 1) = 1\n"
              "[1/2] 2.000000 <... write resumed>) = 1\n");
    EXPECT_EQ(test::console_writes, 4u);
}

TEST_F(LinesTest, AnotherThreadsWholeCallBetween) {
    test::now = 3'000'000'000;
    as(1);
    begin_line("futex(0x1000, FUTEX_WAIT, 0, NULL");
    as(2);
    begin_line("getpid(");
    finish_line("getpid", ") = 1");
    write_line("--- SIGUSR1 {} ---");
    as(1);
    finish_line("futex", ") = 0");
    EXPECT_EQ(test::console,
              "[1/1] 3.000000 futex(0x1000, FUTEX_WAIT, 0, NULL <unfinished ...>\n"
              "[1/2] 3.000000 getpid() = 1\n"
              "[1/2] 3.000000 --- SIGUSR1 {} ---\n"
              "[1/1] 3.000000 <... futex resumed>) = 0\n");
}

TEST_F(LinesTest, WhatTakesLongIsShown) {
    as(1);
    test::now = 4'000'000'000;
    begin_line("pause(");
    wait(99 * millisecond);
    EXPECT_EQ(test::console, "");
    wait(1 * millisecond);
    EXPECT_EQ(test::console, "[1/1] 4.000000 pause( <unfinished ...>\n");
    wait(1000 * millisecond);
    finish_line("pause", ") = ?");
    EXPECT_EQ(test::console, "[1/1] 4.000000 pause( <unfinished ...>\n[1/1] 5.100000 <... pause resumed>) = ?\n");
}

TEST_F(LinesTest, TheTimeIsTheNewestCalls) {
    as(1);
    test::now = 6'000'000'000;
    begin_line("a(");
    wait(50 * millisecond);
    finish_line("a", ") = 0");
    begin_line("b(");
    // The timer that was started for the first call comes, and waits for the second.
    wait(50 * millisecond);
    EXPECT_EQ(test::console, "[1/1] 6.000000 a() = 0\n");
    wait(50 * millisecond);
    EXPECT_EQ(test::console, "[1/1] 6.000000 a() = 0\n[1/1] 6.050000 b( <unfinished ...>\n");
    finish_line("b", ") = 0");
    // Nothing is held: the timer does not go on.
    test::console.clear();
    wait(1000 * millisecond);
    EXPECT_EQ(test::console, "");
    EXPECT_EQ(sched::run_timers({test::now}), Instant::never());
}

TEST_F(LinesTest, LongPartsFit) {
    as(1);
    test::now = 6'900'000'000;
    const std::string begin(longest_part, 'b'), end(longest_part, 'e');
    begin_line(begin);
    finish_line("b", end);
    EXPECT_EQ(test::console, "[1/1] 6.900000 " + begin + end + "\n");
}

// The last test: nothing comes after it.
TEST_F(LinesTest, NothingFollowsTheLastLine) {
    as(1);
    test::now = 7'000'000'000;
    begin_line("read(0, ");
    as(2);
    write_last_line("+++ exited with 0 +++");
    const std::string all = "[1/1] 7.000000 read(0,  <unfinished ...>\n[1/2] 7.000000 +++ exited with 0 +++\n";
    EXPECT_EQ(test::console, all);
    as(1);
    finish_line("read", ") = 0");
    write_line("more");
    EXPECT_EQ(test::console, all);
}

}  // namespace

}  // namespace eremite::trace
