// Locks on files: who has one is alone, and who waits for one gets it. The sanitizer sees what the locks guard.
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "crew.hpp"
#include "libos/fs/file_lock.hpp"

namespace eremite::test {
namespace {

using Kind = fs::FileLock::Kind;
constexpr unsigned threads = 4;

struct Guarded {
    static constexpr unsigned places = 16;
    fs::FileLocks locks;
    std::array<uint64_t, places> counts{};
    std::atomic<uint64_t> expected{0}, taken{0};
};

// Changes, or looks at, all places of a lock.
void use(Guarded& guarded, const fs::FileLock& lock) {
    for (uint64_t i = lock.first; i <= lock.last && i < Guarded::places; ++i) {
        if (lock.exclusive) {
            ++guarded.counts[i];
            ++guarded.expected;
        } else {
            check(guarded.counts[i] <= guarded.expected, "a count that was counted");
        }
    }
    ++guarded.taken;
    progress();
}

uint64_t sum(const Guarded& guarded) {
    uint64_t all = 0;
    for (const uint64_t count : guarded.counts) all += count;
    return all;
}

void take(Guarded& guarded, const fs::FileLock& lock, Random& random) {
    const bool wait = random.below(4) != 0;
    const auto got = guarded.locks.acquire(lock, wait);
    check(got.ok() || (!wait && got.code() == EAGAIN), "the lock");
    if (!got.ok()) return;
    use(guarded, lock);
    if (random.below(4) == 0) sched::yield();
    leave_kernel();
}

TEST(FileLocks, RangesExcludeEachOther) {
    Guarded guarded;
    Crew crew;
    const Span span{1500};
    crew.start_many(threads, [&](unsigned number) {
        Random random{number};
        const char owner = 0;
        while (!span.over()) {
            fs::FileLock lock{.kind = Kind::Range, .exclusive = random.below(2) == 0, .file = &guarded, .owner = &owner};
            lock.first = random.below(Guarded::places);
            lock.last = lock.first + random.below(Guarded::places - lock.first);
            take(guarded, lock, random);
            // In parts: the middle first, which makes two of it.
            fs::FileLock middle = lock;
            middle.first = middle.last = (lock.first + lock.last) / 2;
            check(guarded.locks.release(middle).ok(), "a part is given up");
            check(guarded.locks.release(lock).ok(), "the lock is given up");
        }
    });
    crew.join();
    EXPECT_GT(guarded.taken, 0u);
    EXPECT_EQ(sum(guarded), guarded.expected);
    EXPECT_FALSE(guarded.locks.obstacle({.kind = Kind::Range, .exclusive = true, .file = &guarded}));
}

TEST(FileLocks, WholeFilesAreConverted) {
    Guarded guarded;
    Crew crew;
    const Span span{1500};
    crew.start_many(threads, [&](unsigned number) {
        Random random{number};
        const char owner = 0;
        fs::FileLock lock{.exclusive = false, .file = &guarded, .owner = &owner};
        while (!span.over()) {
            lock.exclusive = random.below(2) == 0;
            take(guarded, lock, random);
        }
        check(guarded.locks.release(lock).ok(), "the lock is given up");
    });
    crew.join();
    EXPECT_GT(guarded.taken, 0u);
    EXPECT_EQ(sum(guarded), guarded.expected);
}

}  // namespace
}  // namespace eremite::test
