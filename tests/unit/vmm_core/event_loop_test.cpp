#include "vmm/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "vmm/error.hpp"

namespace eremite::vmm {
namespace {

// A pipe whose end for reading has something in it.
struct FullPipe {
    FullPipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        from = UniqueFd{ends[0]};
        to = UniqueFd{ends[1]};
        EXPECT_EQ(::write(to.get(), "x", 1), 1);
    }
    UniqueFd from, to;
};

TEST(EventLoop, CallsWhomItConcerns) {
    EventLoop loop;
    FullPipe full, other;
    char byte;
    ASSERT_EQ(::read(other.from.get(), &byte, 1), 1);
    uint32_t got = 0;
    loop.add(other.from.get(), EPOLLIN, [&](uint32_t) { ADD_FAILURE() << "nothing is there"; });
    loop.add(full.from.get(), EPOLLIN, [&](uint32_t events) {
        got = events;
        loop.stop();
    });
    loop.run();
    EXPECT_EQ(got, uint32_t{EPOLLIN});
}

TEST(EventLoop, StopsBeforeItRuns) {
    EventLoop loop;
    loop.stop();
    loop.run();
}

TEST(EventLoop, StopsFromAnotherThread) {
    EventLoop loop;
    std::thread thread{[&] { loop.run(); }};
    loop.stop();
    thread.join();
}

TEST(EventLoop, CountOfAnEventIsTaken) {
    EventLoop loop;
    const UniqueFd event = make_event();
    int calls = 0;
    loop.add_event(event.get(), [&] { ++calls; });
    signal_event(event.get());
    signal_event(event.get());
    loop.run_pending();
    loop.run_pending();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(take_event(event.get()));
    signal_event(event.get());
    loop.run_pending();
    EXPECT_EQ(calls, 2);
}

TEST(EventLoop, EventThatIsFullDoesNotBlock) {
    const UniqueFd event = make_event();
    ASSERT_EQ(::eventfd_write(event.get(), UINT64_MAX - 1), 0);
    signal_event(event.get());
    EXPECT_TRUE(take_event(event.get()));
    EXPECT_FALSE(take_event(event.get()));
}

TEST(EventLoop, HandlerRemovesItselfAndOthers) {
    EventLoop loop;
    FullPipe first, second;
    int calls = 0;
    // Which of them comes first is the kernel's choice; the other is not called any more.
    const auto handler = [&](uint32_t) {
        ++calls;
        loop.remove(first.from.get());
        loop.remove(second.from.get());
    };
    loop.add(first.from.get(), EPOLLIN, handler);
    loop.add(second.from.get(), EPOLLIN, handler);
    loop.run_pending();
    loop.run_pending();
    EXPECT_EQ(calls, 1);
    loop.remove(first.from.get());  // of no effect
}

TEST(EventLoop, ChangesWhatItWaitsFor) {
    EventLoop loop;
    FullPipe full;
    int calls = 0;
    loop.add(full.from.get(), 0, [&](uint32_t) { ++calls; });
    loop.run_pending();
    EXPECT_EQ(calls, 0);
    loop.change(full.from.get(), EPOLLIN);
    loop.run_pending();
    EXPECT_EQ(calls, 1);
    loop.change(full.from.get(), 0);
    loop.run_pending();
    EXPECT_EQ(calls, 1);
}

TEST(EventLoop, RefusesWhatCannotBeWaitedFor) {
    EventLoop loop;
    FullPipe full;
    loop.add(full.from.get(), EPOLLIN, [](uint32_t) {});
    EXPECT_THROW(loop.add(full.from.get(), EPOLLIN, [](uint32_t) {}), Error) << "already there";
    EXPECT_THROW(loop.add(-1, EPOLLIN, [](uint32_t) {}), Error);
    EXPECT_THROW(loop.change(full.to.get(), EPOLLIN), Error);
}

TEST(EventLoop, OtherThreadsAddAndRemoveWhileItRuns) {
    EventLoop loop;
    std::thread thread{[&] { loop.run(); }};
    for (int i = 0; i < 1000; ++i) {
        FullPipe full;
        const UniqueFd called = make_event();
        loop.add(full.from.get(), EPOLLIN | EPOLLET, [event = called.get()](uint32_t) { signal_event(event); });
        // The event is not lost, though the descriptor was ready before.
        while (!take_event(called.get())) std::this_thread::yield();
        loop.remove(full.from.get());
    }
    loop.stop();
    thread.join();
}

}  // namespace
}  // namespace eremite::vmm
