#include "vmm/kvm/pause.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace eremite::vmm::kvm {
namespace {

// Plays a processor's thread, which changes `count` with no lock while it runs.
struct Runner {
    Pause pause;
    std::atomic<bool> over{false};
    uint64_t count = 0;
    std::thread thread{[this] {
        pause.stand();
        while (!over.load()) {
            ++count;
            pause.stand();
        }
        pause.leave();
    }};
    ~Runner() {
        over.store(true);
        pause.end();
        thread.join();
    }
};

TEST(Pause, NothingRunsBeforeItIsReleased) {
    Runner runner;
    for (int i = 0; i < 1000; ++i) {
        runner.pause.hold();
        runner.pause.wait();
        const uint64_t before = runner.count;
        std::this_thread::yield();
        ASSERT_EQ(runner.count, before);
        runner.pause.release();
    }
}

TEST(Pause, HeldBeforeItBegins) {
    Pause pause;
    pause.hold();
    pause.wait();
    bool began = false;
    std::thread thread{[&] {
        pause.stand();
        began = true;
        pause.leave();
    }};
    pause.wait();
    EXPECT_FALSE(began);
    pause.release();
    thread.join();
    EXPECT_TRUE(began);
}

TEST(Pause, StandsUntilAllHaveReleasedIt) {
    Runner runner;
    runner.pause.hold();
    runner.pause.hold();
    runner.pause.wait();
    const uint64_t before = runner.count;
    runner.pause.release();
    runner.pause.wait();
    EXPECT_EQ(runner.count, before);
    runner.pause.release();
}

TEST(Pause, WhoHasLeftIsNotWaitedFor) {
    Runner runner;
    runner.over.store(true);
    runner.thread.join();
    runner.pause.hold();
    runner.pause.wait();
    runner.thread = std::thread{[] {}};
}

TEST(Pause, EndLetsGoWhoStands) {
    Runner runner;
    runner.pause.hold();
    runner.pause.wait();
    runner.over.store(true);
    runner.pause.end();
    runner.thread.join();
    runner.pause.wait();
    runner.thread = std::thread{[] {}};
}

}  // namespace
}  // namespace eremite::vmm::kvm
