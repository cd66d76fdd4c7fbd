#pragma once
// A CPU as its interrupts see it. None of this orders memory: what the kernel shares it must order by itself.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "base/time.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::test {

class alignas(64) HostCpu {
public:
    // From any CPU.
    void interrupt() {
        if (pending_.exchange(1, std::memory_order_relaxed) == 0) futex(FUTEX_WAKE_PRIVATE, 1, nullptr);
    }

    // From this CPU only.
    void arm(Instant when) { armed_ = when; }
    void look() { look_ = true; }
    [[nodiscard]] bool take_interrupt() { return pending_.exchange(0, std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool take_timer() {
        if (!timer_is_due()) return false;
        armed_ = Instant::never();
        return true;
    }
    void take_look() { look_ = false; }
    [[nodiscard]] bool wants_attention() const { return look_ || pending_.load(std::memory_order_relaxed) != 0 || timer_is_due(); }
    // Until an interrupt comes.
    void sleep() {
        while (pending_.load(std::memory_order_relaxed) == 0 && !timer_is_due()) {
            const timespec end{armed_.ns / 1'000'000'000, armed_.ns % 1'000'000'000};
            futex(FUTEX_WAIT_BITSET_PRIVATE, 0, armed_ == Instant::never() ? nullptr : &end);
        }
    }

private:
    [[nodiscard]] bool timer_is_due() const { return armed_ <= platform::monotonic_now(); }
    // As a call that ThreadSanitizer does not know.
    void futex(int operation, uint32_t value, const timespec* end) {
        syscall(SYS_futex, &pending_, operation, value, end, nullptr, FUTEX_BITSET_MATCH_ANY);
    }

    std::atomic<uint32_t> pending_{0};
    Instant armed_ = Instant::never();
    bool look_ = false;
};

}  // namespace eremite::test
