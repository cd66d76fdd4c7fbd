#pragma once
// Work that waits until threads have had their turn: what goes on with a device that has more to say than is good for them.
#include <atomic>

#include "base/list.hpp"

namespace eremite::sched {

struct ByIdle;  // the list of a CPU's idle tasks

class IdleTask : public ListNode<ByIdle> {
public:
    using Function = void (*)(IdleTask&);
    // `run` is called by the idle thread, without locks, and must not wait.
    explicit constexpr IdleTask(Function run) : run_{run} {}
    IdleTask(const IdleTask&) = delete;
    IdleTask& operator=(const IdleTask&) = delete;

    // Runs once this CPU has nothing else to do; until then further requests are the same one. What was done before the request is seen by the
    // run if both take the same lock.
    void request();

private:
    friend bool run_idle_task();
    const Function run_;
    std::atomic<bool> requested_{false};
};

}  // namespace eremite::sched
