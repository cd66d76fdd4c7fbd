// The arithmetic of timers: every clock is a number.
#include "libos/sched/clock_timer.hpp"

#include <gtest/gtest.h>

namespace eremite::sched {
namespace {

TEST(ClockTimer, ExpiresOnce) {
    ClockTimer timer;
    EXPECT_EQ(timer.remaining(5), 0);
    timer.arm(TimerClock::Realtime, 100, 0);
    EXPECT_EQ(timer.remaining(30), 70);
    EXPECT_FALSE(timer.due(99));
    EXPECT_EQ(timer.advance(99), 0u);
    EXPECT_TRUE(timer.due(100));
    EXPECT_EQ(timer.remaining(200), 1);
    EXPECT_EQ(timer.advance(200), 1u);
    EXPECT_FALSE(timer.armed());
    EXPECT_EQ(timer.advance(300), 0u);
}

TEST(ClockTimer, CountsIntervals) {
    ClockTimer timer;
    timer.arm(TimerClock::Monotonic, 100, 10);
    EXPECT_EQ(timer.advance(100), 1u);
    EXPECT_EQ(timer.remaining(100), 10);
    EXPECT_EQ(timer.advance(109), 0u);
    EXPECT_EQ(timer.advance(110), 1u);
    EXPECT_EQ(timer.advance(155), 4u);
    EXPECT_EQ(timer.remaining(155), 5);
    EXPECT_TRUE(timer.armed());
}

TEST(ClockTimer, HugeIntervalsDoNotOverflow) {
    ClockTimer timer;
    timer.arm(TimerClock::Monotonic, 5, INT64_MAX);
    EXPECT_EQ(timer.advance(10), 1u);
    EXPECT_FALSE(timer.due(INT64_MAX - 1));
    timer.arm(TimerClock::Monotonic, 0, 1);
    EXPECT_EQ(timer.advance(INT64_MAX - 1), static_cast<uint64_t>(INT64_MAX));
    EXPECT_EQ(timer.remaining(INT64_MAX - 1), 1);
}

TEST(ClockTimer, DisarmedKeepsItsInterval) {
    ClockTimer timer;
    timer.arm(TimerClock::Monotonic, 100, 10);
    timer.disarm();
    EXPECT_FALSE(timer.due(1000));
    EXPECT_EQ(timer.remaining(50), 0);
    EXPECT_EQ(timer.interval(), 10);
}

}  // namespace
}  // namespace eremite::sched
