#include "libos/sched/pending_signals.hpp"

#include <gtest/gtest.h>

namespace eremite::sched {
namespace {

siginfo_t information(int signal, int value = 0) {
    siginfo_t i{};
    i.si_signo = signal;
    i.si_value.sival_int = value;
    return i;
}

constexpr uint64_t all = ~uint64_t{0};

TEST(PendingSignals, StandardOnesAreNotQueuedTwice) {
    PendingSignals pending;
    EXPECT_TRUE(pending.add(information(SIGUSR1, 1)));
    EXPECT_TRUE(pending.add(information(SIGUSR1, 2)));
    EXPECT_EQ(pending.set(), signal_bit(SIGUSR1));
    EXPECT_EQ(pending.take(all)->si_value.sival_int, 1);
    EXPECT_EQ(pending.set(), 0U);
    EXPECT_FALSE(pending.take(all));
}

TEST(PendingSignals, RealTimeOnesComeInTheOrderTheyWereSent) {
    PendingSignals pending;
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(pending.add(information(41, 10 + i)));
        EXPECT_TRUE(pending.add(information(40, i)));
    }
    for (int i = 0; i < 3; ++i) {
        const auto taken = pending.take(all);
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->si_signo, 40);
        EXPECT_EQ(taken->si_value.sival_int, i);
    }
    EXPECT_EQ(pending.set(), signal_bit(41));
    EXPECT_EQ(pending.take(all)->si_value.sival_int, 10);
}

TEST(PendingSignals, FaultsComeFirstThenTheLowestNumber) {
    PendingSignals pending;
    for (const int signal : {50, SIGTERM, SIGHUP, SIGSEGV}) EXPECT_TRUE(pending.add(information(signal)));
    EXPECT_EQ(pending.take(all)->si_signo, SIGSEGV);
    EXPECT_EQ(pending.take(all)->si_signo, SIGHUP);
    EXPECT_EQ(pending.take(all)->si_signo, SIGTERM);
    EXPECT_EQ(pending.take(all)->si_signo, 50);
}

TEST(PendingSignals, OnlyThoseAskedForAreTaken) {
    PendingSignals pending;
    EXPECT_TRUE(pending.add(information(SIGUSR1)));
    EXPECT_FALSE(pending.take(signal_bit(SIGUSR2)));
    EXPECT_TRUE(pending.take(signal_bit(SIGUSR1)));
}

TEST(PendingSignals, DiscardedOnesAreGone) {
    PendingSignals pending;
    for (const int signal : {40, 40, SIGUSR1}) EXPECT_TRUE(pending.add(information(signal)));
    pending.discard(signal_bit(40));
    EXPECT_EQ(pending.set(), signal_bit(SIGUSR1));
}

}  // namespace
}  // namespace eremite::sched
