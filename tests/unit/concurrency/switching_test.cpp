// Threads that begin, end, give way and hand each other the turn.
#include <gtest/gtest.h>

#include <atomic>

#include "crew.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::test {
namespace {

struct Ball {
    sync::Spinlock lock{sync::Rank::File};
    sched::WaitQueue players[2];
    unsigned turn = 0;
    bool over = false;
    unsigned hits[2] = {0, 0};  // guarded as the rest, so that a switch which does not order memory shows here
};

void play(Ball& ball, unsigned side, const Span& span) {
    for (bool over = false; !over;) {
        {
            const sync::Guard guard{ball.lock};
            while (ball.turn != side && !ball.over) ball.players[side].wait(ball.lock);
            if (span.over()) ball.over = true;
            over = ball.over;
            ++ball.hits[side];
            ball.turn = 1 - side;
            ball.players[1 - side].wake_one();
        }
        progress();
        leave_kernel();
    }
}

void expect_fair(const Ball& ball) {
    EXPECT_GT(ball.hits[0], 1u);
    EXPECT_LE(ball.hits[0] > ball.hits[1] ? ball.hits[0] - ball.hits[1] : ball.hits[1] - ball.hits[0], 1u);
}

TEST(Switching, PingPongBetweenTwoCpus) {
    for (const uint64_t other : {only(1), only(2), only(3)}) {
        Ball ball;
        Crew crew;
        const Span span{500};
        crew.start([&] { play(ball, 0, span); }, only(1));
        crew.start([&] { play(ball, 1, span); }, other);
        crew.join();
        expect_fair(ball);
    }
}

TEST(Switching, ManyPairsOnAllCpus) {
    Ball balls[12];
    Crew crew;
    const Span span{1500};
    for (Ball& ball : balls)
        for (const unsigned side : {0u, 1u}) crew.start([&ball, &span, side] { play(ball, side, span); });
    crew.join();
    for (const Ball& ball : balls) expect_fair(ball);
}

TEST(Switching, ThreadsBeginAndEnd) {
    std::atomic<unsigned> begun{0};
    unsigned started = 0;
    for (const Span span{1500}; !span.over();) {
        Crew crew;
        crew.start_many(40, [&](unsigned i) {
            ++begun;
            if (i % 3 == 0) sched::yield();
        });
        started += 40;
        crew.join();
    }
    EXPECT_EQ(begun, started);
}

TEST(Switching, ThreadsThatStartThreads) {
    std::atomic<unsigned> begun{0};
    Crew crew;
    crew.start_many(8, [&](unsigned) {
        for (int i = 0; i < 60; ++i) {
            crew.start([&] { ++begun; });
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_EQ(begun, 8u * 60);
}

// Those that never wait have their turns all the same, and give way to what is woken.
TEST(Switching, ComputingThreadsArePreempted) {
    constexpr unsigned threads = 3 * cpu_count;
    std::atomic<unsigned> advanced{0};
    Crew crew;
    crew.start_many(threads, [&](unsigned) {
        advanced.fetch_add(1, std::memory_order_relaxed);
        // Until all have run, none of which waits.
        while (advanced.load(std::memory_order_relaxed) != threads) leave_kernel();
        for (int i = 0; i < 200; ++i) {
            sched::yield();
            leave_kernel();
            progress();
        }
    });
    crew.join();
    EXPECT_EQ(advanced, threads);
}

}  // namespace
}  // namespace eremite::test
