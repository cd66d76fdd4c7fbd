#pragma once
// Hierarchical timing wheel (Varghese and Lauck 1987): setting and cancelling a timer take constant time. Timers fire never
// early and up to one tick late.
#include <array>

#include "base/list.hpp"
#include "base/time.hpp"

namespace eremite::net {

// Derived from by what waits. Not linked: not set.
struct Timer : ListNode<Timer> {
    using Function = void (*)(Timer&);
    explicit Timer(Function f) : fired{f} {}
    const Function fired;  // called once, when the timer is not set any more
    int64_t tick = 0;
    uint16_t place = 0;  // slot in the wheel
};

class TimerWheel {
public:
    static constexpr unsigned tick_shift = 17;  // 131 us

    // Sets the timer anew, if it was set.
    void set(Timer& timer, Instant due);
    void cancel(Timer& timer);
    [[nodiscard]] static Instant due(const Timer& timer) { return {timer.tick << tick_shift}; }
    // Fires what is due. Functions may set and cancel any timer.
    void advance(Instant now) {
        const int64_t target = now.ns >> tick_shift;
        if (target >= earliest_) [[unlikely]] turn(target);
        else if (target > current_) current_ = target;
    }
    // When advance() may have something to do; not later than the first timer.
    [[nodiscard]] Instant next() const { return earliest_ == none ? Instant::never() : Instant{earliest_ << tick_shift}; }

private:
    static constexpr unsigned level_bits = 6, slots = 1 << level_bits, levels = 8;
    static_assert(levels * level_bits + tick_shift >= 63, "every time has a place");
    static constexpr uint16_t overdue_place = slots * levels;

    static constexpr int64_t none = INT64_MAX;
    void turn(int64_t target);
    void place(Timer& timer);
    void fire(List<Timer, Timer>& list);
    // The first slot in use behind the current one in the lowest level that has one: its level, and the tick at its start.
    struct Event {
        unsigned level = levels;
        unsigned slot = 0;
        int64_t tick = 0;
    };
    [[nodiscard]] Event first_event() const;

    int64_t current_ = 0;
    int64_t earliest_ = none;  // nothing is due before; what is cancelled leaves it as it is
    std::array<uint64_t, levels> used_{};
    std::array<List<Timer, Timer>, slots * levels> lists_{};
    List<Timer, Timer> overdue_{};
};

}  // namespace eremite::net
