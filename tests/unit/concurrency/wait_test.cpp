// Waiting: what is woken was woken once, whatever comes at the same moment: the end of the time, or a signal.
#include <gtest/gtest.h>

#include <atomic>

#include "crew.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::test {
namespace {

// Between producers and consumers. What goes in comes out once.
struct Store {
    static constexpr unsigned room = 3;
    sync::Spinlock lock{sync::Rank::File};
    sched::WaitQueue not_full, not_empty;
    uint64_t items[room] = {};
    unsigned first = 0, used = 0;
    uint64_t sum_in = 0, sum_out = 0, count_in = 0, count_out = 0;
};
constexpr uint64_t last_item = ~uint64_t{0};

void put(Store& store, uint64_t item) {
    const sync::Guard guard{store.lock};
    while (store.used == Store::room) store.not_full.wait(store.lock);
    store.items[(store.first + store.used++) % Store::room] = item;
    store.not_empty.wake_one();
}

uint64_t take(Store& store) {
    const sync::Guard guard{store.lock};
    while (store.used == 0) store.not_empty.wait(store.lock);
    const uint64_t item = store.items[store.first];
    store.first = (store.first + 1) % Store::room;
    --store.used;
    store.not_full.wake_one();
    return item;
}

TEST(Waiting, ABoundedBuffer) {
    constexpr unsigned each = 4;
    Store store;
    std::atomic<unsigned> producing{each};
    Crew crew;
    const Span span{1500};
    crew.start_many(each, [&](unsigned number) {
        Random random{number};
        uint64_t sum = 0, count = 0;
        for (; !span.over(); ++count) {
            const uint64_t item = random.below(1000);
            sum += item;
            put(store, item);
            progress();
            if (random.below(4) == 0) leave_kernel();
        }
        {
            const sync::Guard guard{store.lock};
            store.sum_in += sum;
            store.count_in += count;
        }
        if (--producing != 0) return;
        for (unsigned i = 0; i < each; ++i) put(store, last_item);
    });
    crew.start_many(each, [&](unsigned) {
        uint64_t sum = 0, count = 0;
        for (uint64_t item; (item = take(store)) != last_item; ++count) {
            sum += item;
            leave_kernel();
        }
        const sync::Guard guard{store.lock};
        store.sum_out += sum;
        store.count_out += count;
    });
    crew.join();
    EXPECT_GT(store.count_in, 0u);
    EXPECT_EQ(store.count_in, store.count_out);
    EXPECT_EQ(store.sum_in, store.sum_out);
}

// Wakers against the clock: who was taken off the queue must know that it was woken, and nobody else.
TEST(Waiting, TimesThatEndWhileSomebodyWakes) {
    struct {
        sync::Spinlock lock{sync::Rank::File};
        sched::WaitQueue queue;
        uint64_t given = 0, received = 0, timed_out = 0;
        unsigned waiters = 6;
    } shared;
    Crew crew;
    const Span span{1500};
    crew.start_many(shared.waiters, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            {
                const sync::Guard guard{shared.lock};
                const Instant end = now() + Duration::microseconds(static_cast<int64_t>(random.below(200)));
                const sched::Wakeup why = shared.queue.wait(shared.lock, end);
                if (why == sched::Wakeup::Woken) ++shared.received;
                else if (now() >= end) ++shared.timed_out;
                else check(false, "a wait ended before its time");
            }
            progress();
            leave_kernel();
        }
        const sync::Guard guard{shared.lock};
        --shared.waiters;
    });
    crew.start_many(2, [&](unsigned number) {
        Random random{100 + number};
        for (bool over = false; !over;) {
            {
                const sync::Guard guard{shared.lock};
                if (shared.queue.wake_one()) ++shared.given;
                over = shared.waiters == 0;
            }
            for (uint64_t i = random.below(100); i > 0; --i) leave_kernel();
            sched::yield();
        }
    });
    crew.join();
    EXPECT_EQ(shared.given, shared.received);
    EXPECT_GT(shared.received, 0u);
    EXPECT_GT(shared.timed_out, 0u);
}

// A signal ends a wait, before it begins, during it, or together with a wake-up.
TEST(Waiting, SignalsInterrupt) {
    struct {
        sync::Spinlock lock{sync::Rank::File};
        sched::WaitQueue queue;
        uint64_t given = 0, received = 0;
        bool over = false;
    } shared;
    std::atomic<uint64_t> sent{0}, interrupted{0};
    std::atomic<unsigned> waiting{4};
    int ids[4];
    Crew crew;
    for (int& id : ids) {
        id = crew.start([&] {
            sched::Thread& self = sched::current_thread();
            for (bool over = false; !over;) {
                {
                    const sync::Guard guard{shared.lock};
                    if (shared.queue.wait(shared.lock) == sched::Wakeup::Woken) ++shared.received;
                    over = shared.over;
                }
                // As the delivery of the signal does it.
                if (self.signal_due.exchange(false)) ++interrupted;
                progress();
                leave_kernel();
            }
            --waiting;
        });
    }
    const Span span{1500};
    crew.start([&] {
        Random random{1};
        while (!span.over()) {
            const auto found = sched::with_thread(ids[random.below(4)], [&](sched::Thread& thread) -> Result<void> {
                if (!thread.signal_due.exchange(true)) ++sent;
                sched::interrupt(thread);
                return {};
            });
            check(found.ok(), "the thread is alive");
            leave_kernel();
        }
        const sync::Guard guard{shared.lock};
        shared.over = true;
    });
    crew.start([&] {
        while (waiting != 0) {
            {
                const sync::Guard guard{shared.lock};
                if (shared.queue.wake_one()) ++shared.given;
            }
            sched::yield();
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_EQ(shared.given, shared.received);
    EXPECT_GT(sent, 0u);
    EXPECT_EQ(sent, interrupted);
}

TEST(Waiting, Sleepers) {
    std::atomic<unsigned> slept{0};
    Crew crew;
    const Span span{1000};
    crew.start_many(24, [&](unsigned number) {
        Random random{number};
        while (!span.over()) {
            const Instant end = now() + Duration::microseconds(static_cast<int64_t>(random.below(3000)));
            check(sched::sleep_until(end).ok(), "nothing interrupts");
            check(now() >= end, "a sleep ended before its time");
            ++slept;
            progress();
            leave_kernel();
        }
    });
    crew.join();
    EXPECT_GE(slept, 24u);
}

}  // namespace
}  // namespace eremite::test
