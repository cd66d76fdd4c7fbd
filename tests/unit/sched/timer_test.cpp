// The timer service: order, and what is asked of the scheduler.
#include "libos/sched/timer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace eremite::sched {

namespace {
std::vector<int64_t> asked;
}
void set_timer_deadline(Instant deadline) { asked.push_back(deadline.ns); }

namespace {

struct Probe final : Timer {
    explicit Probe(int name = 0) : Timer{note}, name{name} {}
    static void note(Timer& timer) {
        auto& probe = static_cast<Probe&>(timer);
        log.push_back(probe.name);
        if (probe.again != Instant{}) probe.start(std::exchange(probe.again, Instant{}));
    }
    static inline std::vector<int> log;
    int name;
    Instant again{};
};

class TimerTest : public testing::Test {
protected:
    void SetUp() override {
        asked.clear();
        Probe::log.clear();
    }
};

TEST_F(TimerTest, ExpiresWhenItIsTime) {
    Probe timer{1};
    EXPECT_EQ(run_timers({1000}), Instant::never());
    timer.start({500});
    EXPECT_EQ(asked, std::vector<int64_t>{500});
    EXPECT_EQ(run_timers({499}), Instant{500});
    EXPECT_TRUE(Probe::log.empty());
    EXPECT_EQ(run_timers({500}), Instant::never());
    EXPECT_EQ(Probe::log, std::vector<int>{1});
    EXPECT_EQ(run_timers({5000}), Instant::never());
    EXPECT_EQ(Probe::log.size(), 1u);
}

TEST_F(TimerTest, OnlyTheFirstDeadlineIsAskedFor) {
    Probe a, b, c;
    a.start({300});
    b.start({400});
    c.start({200});
    EXPECT_EQ(asked, (std::vector<int64_t>{300, 200}));
    for (Probe* p : {&a, &b, &c}) p->cancel();
    EXPECT_EQ(run_timers({1000}), Instant::never());
    EXPECT_TRUE(Probe::log.empty());
}

TEST_F(TimerTest, MovesAndStops) {
    Probe a{1}, b{2};
    a.start({100});
    b.start({200});
    a.start({300});
    EXPECT_EQ(run_timers({250}), Instant{300});
    EXPECT_EQ(Probe::log, std::vector<int>{2});
    a.stop();
    a.stop();
    EXPECT_EQ(run_timers({1000}), Instant::never());
}

TEST_F(TimerTest, StartsItselfAgain) {
    Probe a{1};
    a.start({100});
    a.again = Instant{150};
    EXPECT_EQ(run_timers({120}), Instant{150});
    EXPECT_EQ(run_timers({150}), Instant::never());
    EXPECT_EQ(Probe::log, (std::vector<int>{1, 1}));
}

TEST_F(TimerTest, ManyInTheOrderOfTheirDeadlines) {
    std::mt19937 random{7};
    std::vector<std::unique_ptr<Probe>> timers;
    for (int i = 0; i < 1000; ++i) timers.push_back(std::make_unique<Probe>(static_cast<int>(random() % 5000)));
    for (auto& t : timers) t->start({t->name});
    for (int now = 0; now <= 5000; now += 50) {
        const Instant next = run_timers({now});
        EXPECT_GT(next, Instant{now});
    }
    EXPECT_EQ(Probe::log.size(), timers.size());
    EXPECT_TRUE(std::is_sorted(Probe::log.begin(), Probe::log.end()));
}

// When cancel() has returned, the call is over: on another CPU it may have begun.
TEST_F(TimerTest, CancelWaitsForTheCall) {
    struct Slow final : Timer {
        Slow() : Timer{call} {}
        static void call(Timer& timer) {
            auto& self = static_cast<Slow&>(timer);
            self.begun = true;
            for (int i = 0; i < 1000; ++i) std::this_thread::yield();
            self.done = true;
        }
        std::atomic<bool> begun{false}, done{false};
    };
    Slow slow;
    slow.start({10});
    std::thread interrupt{[] { (void)run_timers({10}); }};
    while (!slow.begun) std::this_thread::yield();
    slow.cancel();
    EXPECT_TRUE(slow.done);
    interrupt.join();
}

}  // namespace
}  // namespace eremite::sched
