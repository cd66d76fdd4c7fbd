// The check of the lock order. A panic is an exception here.
#include "libos/sync/lock_check.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>

#include "base/panic.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite {

void panic(std::string_view message) { throw std::runtime_error{std::string{message}}; }

}  // namespace eremite

namespace eremite::sync {
namespace {

template <typename Action>
std::string panic_of(Action&& action) {
    try {
        action();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "no panic";
}

std::string panic_of_lock(Spinlock& lock) {
    return panic_of([&] { lock.lock(); });
}

class LockCheck : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(locks_are_checked); }
    void TearDown() override { check_none_held(); }
    Spinlock table{Rank::FileTable}, file{Rank::File}, heap{Rank::Heap};
};

TEST_F(LockCheck, TheOrderOfTheTableIsFine) {
    const Guard first{table}, second{file}, third{heap};
}

TEST_F(LockCheck, TheOtherOrderIsNamed) {
    const Guard guard{heap};
    EXPECT_EQ(panic_of_lock(file), "lock order: File is taken after Heap");
}

TEST_F(LockCheck, NotOnlyTheLastLockCounts) {
    table.lock();
    heap.lock();
    // Released in another order than taken.
    table.unlock();
    EXPECT_EQ(panic_of_lock(file), "lock order: File is taken after Heap");
    heap.unlock();
    const Guard guard{file};
}

TEST_F(LockCheck, ARefusedLockIsNotHeld) {
    {
        const Guard guard{heap};
        (void)panic_of_lock(file);
    }
    const Guard guard{file};
}

TEST_F(LockCheck, TheSameLockAgain) {
    const Guard guard{file};
    EXPECT_EQ(panic_of_lock(file), "lock order: File is taken again by the CPU that holds it");
}

TEST_F(LockCheck, TwoOfTheSameRank) {
    Spinlock other{Rank::File};
    const Guard guard{file};
    EXPECT_EQ(panic_of_lock(other), "lock order: File is taken after File");
}

TEST_F(LockCheck, TwoBucketsInTheOrderOfTheirAddresses) {
    Spinlock buckets[2] = {Spinlock{Rank::Futex}, Spinlock{Rank::Futex}};
    {
        const Guard low{buckets[0]}, high{buckets[1]};
    }
    const Guard high{buckets[1]};
    EXPECT_EQ(panic_of_lock(buckets[0]), "lock order: Futex is taken after Futex");
}

TEST_F(LockCheck, ObserversOfObservers) {
    Spinlock observing{Rank::Epoll}, observed{Rank::Epoll};
    const Guard first{observing}, second{observed};
}

TEST_F(LockCheck, ReleasedByWhoDoesNotHoldIt) {
    file.lock();
    std::string message;
    std::thread{[&] { message = panic_of([&] { file.unlock(); }); }}.join();
    EXPECT_EQ(message, "lock order: File is released, but this CPU does not hold it");
    file.unlock();
    EXPECT_EQ(panic_of([&] { file.unlock(); }), message);
}

TEST_F(LockCheck, EachThreadHasItsOwn) {
    const Guard guard{heap};
    std::thread{[&] { const Guard other{file}; }}.join();
}

TEST_F(LockCheck, TheEdgeOfTheKernel) {
    check_none_held();
    const Guard guard{file};
    EXPECT_EQ(panic_of([] { check_none_held(); }), "lock order: File is still held at the edge of the kernel");
}

TEST_F(LockCheck, WhereThreadsAreSwitched) {
    Spinlock queue{Rank::RunQueue};
    EXPECT_EQ(panic_of([&] { check_only_held(queue); }), "lock order: RunQueue is not held where the CPU is given away");
    file.lock();
    queue.lock();
    EXPECT_EQ(panic_of([&] { check_only_held(queue); }), "lock order: File is held where the CPU is given away");
    file.unlock();
    check_only_held(queue);
    queue.unlock();
}

TEST(RankName, ComesFromTheTable) {
    EXPECT_EQ(rank_name(Rank::FileTable), "FileTable");
    EXPECT_EQ(rank_name(Rank::AddressSpace), "AddressSpace");
    EXPECT_EQ(rank_name(Rank::Heap), "Heap");
}

}  // namespace
}  // namespace eremite::sync
