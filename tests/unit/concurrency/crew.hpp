#pragma once
// Threads of a test: they are started together and all come to an end.
#include <cstdint>
#include <functional>

#include "libos/sched/wait_queue.hpp"
#include "machine.hpp"
#include "tests/random.hpp"

namespace eremite::test {

inline constexpr uint64_t all_cpus = (uint64_t{1} << cpu_count) - 1;
[[nodiscard]] constexpr uint64_t only(unsigned cpu) { return uint64_t{1} << cpu % cpu_count; }

class Crew {
public:
    Crew() = default;
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;
    ~Crew() { join(); }

    // A thread that runs body() on these CPUs. Returns its id.
    int start(std::function<void()> body, uint64_t cpus = all_cpus);
    // The same `count` times, with body(0) and so on.
    void start_many(unsigned count, const std::function<void(unsigned)>& body, uint64_t cpus = all_cpus);
    // Waits until all have ended and what they had is freed.
    void join();

private:
    sync::Spinlock lock_{sync::Rank::File};
    sched::WaitQueue finished_;
    unsigned alive_ = 0;
};

// Whether a case that began with this object has run long enough.
class Span {
public:
    explicit Span(int64_t milliseconds) : end_{now() + Duration::milliseconds(milliseconds)} {}
    [[nodiscard]] bool over() const { return now() >= end_; }

private:
    Instant end_;
};

}  // namespace eremite::test
