#include "crew.hpp"

#include "libos/sched/sleep.hpp"
#include "libos/sched/threads.hpp"

namespace eremite::test {

namespace {

// Of the idle threads.
constexpr uint32_t fibers_at_rest = cpu_count;

}  // namespace

int Crew::start(std::function<void()> body, uint64_t cpus) {
    {
        const sync::Guard guard{lock_};
        ++alive_;
    }
    const arch::TrapFrame registers{[this, body = std::move(body)] {
        body();
        progress();
        const sync::Guard guard{lock_};
        if (--alive_ == 0) finished_.wake_all();
    }};
    auto thread = sched::create_thread(registers, 0);
    check(thread.ok(), "a thread is created");
    const int id = thread.value()->id;
    sched::set_affinity(*thread.value(), cpus);
    sched::start_thread(*thread.value());
    return id;
}

void Crew::start_many(unsigned count, const std::function<void(unsigned)>& body, uint64_t cpus) {
    for (unsigned i = 0; i < count; ++i) start([body, i] { body(i); }, cpus);
}

void Crew::join() {
    {
        const sync::Guard guard{lock_};
        while (alive_ != 0) finished_.wait(lock_);
    }
    // The last of them are still on their way.
    while (sched::thread_count() != 1 || fiber_count() != fibers_at_rest)
        check(sched::sleep_until(now() + Duration::microseconds(200)).ok(), "a sleep is not interrupted");
}

}  // namespace eremite::test
