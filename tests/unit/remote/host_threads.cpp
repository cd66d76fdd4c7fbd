// The scheduler of tests whose threads are threads of the host.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "libos/sched/scheduler.hpp"
#include "machine.hpp"

namespace eremite::sched {

namespace {

std::mutex mutex;  // guards the states
std::condition_variable woken;

}  // namespace

Thread& current_thread() {
    thread_local Thread thread{1};
    return thread;
}

// Time passes at once, when there is nothing else to wait for.
Wakeup block(sync::Spinlock& lock, Instant deadline) {
    if (deadline != Instant::never()) {
        test::now = std::max(test::now, deadline.ns);
        return Wakeup::TimedOut;
    }
    Thread& thread = current_thread();
    {
        std::unique_lock guard{mutex};
        thread.state = State::Blocked;
        lock.unlock();
        woken.wait(guard, [&] { return thread.state != State::Blocked; });
    }
    lock.lock();
    return Wakeup::Woken;
}
Wakeup block_uninterruptibly(sync::Spinlock& lock, Instant deadline) { return block(lock, deadline); }

void wake(Thread& thread, Wakeup) {
    {
        const std::lock_guard guard{mutex};
        thread.state = State::Running;
    }
    woken.notify_all();
}

}  // namespace eremite::sched
