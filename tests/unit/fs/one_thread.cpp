// The scheduler of tests with one thread: what it waits for never happens, so that only time ends a wait.
#include <algorithm>
#include <cstdlib>

#include "libos/sched/scheduler.hpp"
#include "libos/sched/threads.hpp"
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
Wakeup block_uninterruptibly(sync::Spinlock& lock, Instant deadline) { return block(lock, deadline); }
void wake(Thread&, Wakeup) {}
Result<void> start_kernel_thread(void (*)(void*), void*) { return Error{ENOSYS}; }

}  // namespace eremite::sched
