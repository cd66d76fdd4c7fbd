#include "libos/fs/page_cache/flusher.hpp"

#include "libos/fs/page_cache/memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/threads.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::fs::page_cache {

namespace {

constexpr Duration delay = Duration::seconds(5);

constinit sync::Spinlock lock{sync::Rank::Mutex};
constinit sched::WaitQueue waiting;
constinit bool due = false;
constinit bool started = false;

constinit sched::Timer timer{[](sched::Timer&) {
    const sync::Guard guard{lock};
    due = true;
    waiting.wake_all();
}};

void start_timer() { timer.start(platform::monotonic_now() + delay); }

void run() {
    for (;;) {
        {
            const sync::Guard guard{lock};
            while (!due) waiting.wait_uninterruptibly(lock);
            due = false;
        }
        write_back_each();
        // What became dirty meanwhile was not the first.
        if (figures().dirty != 0) start_timer();
    }
}

}  // namespace

Result<void> start_flusher() {
    {
        const sync::Guard guard{lock};
        if (std::exchange(started, true)) return {};
    }
    const auto running = sched::start_kernel_thread(run);
    if (running.ok()) {
        set_when_dirty(start_timer);
        return {};
    }
    const sync::Guard guard{lock};
    started = false;
    return running;
}

}  // namespace eremite::fs::page_cache
