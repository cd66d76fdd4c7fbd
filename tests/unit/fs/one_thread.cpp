// The scheduler of tests with one thread: what it waits for never happens, so that only time ends a wait.
#include <algorithm>
#include <cstdlib>

#include "libos/sched/scheduler.hpp"
#include "machine.hpp"

namespace eremite::sched {

Thread& current_thread() {
    static Thread thread{1};
    return thread;
}
Wakeup block(sync::Spinlock&, Instant deadline) {
    if (deadline == Instant::never()) std::abort();
    test::now = std::max(test::now, deadline.ns);
    return Wakeup::TimedOut;
}
void block_uninterruptibly(sync::Spinlock&) { std::abort(); }
void wake(Thread&, Wakeup) {}

}  // namespace eremite::sched
