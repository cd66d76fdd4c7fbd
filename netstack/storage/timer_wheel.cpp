#include "netstack/storage/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace eremite::net {

void TimerWheel::set(Timer& timer, Instant due) {
    cancel(timer);
    constexpr int64_t last_fraction = (int64_t{1} << tick_shift) - 1;
    timer.tick = due.ns > INT64_MAX - last_fraction ? INT64_MAX >> tick_shift : (due.ns + last_fraction) >> tick_shift;
    place(timer);
}

void TimerWheel::place(Timer& timer) {
    if (timer.tick <= current_) {
        timer.place = overdue_place;
        overdue_.push_back(timer);
        earliest_ = std::min(earliest_, current_);
        return;
    }
    // The highest bit in which the times differ names the level: there the timer's slot is behind the current one.
    const auto difference = static_cast<uint64_t>(timer.tick ^ current_);
    const unsigned level = (63U - static_cast<unsigned>(std::countl_zero(difference))) / level_bits;
    const unsigned slot = static_cast<unsigned>(timer.tick >> (level_bits * level)) & (slots - 1);
    timer.place = static_cast<uint16_t>(level * slots + slot);
    lists_[timer.place].push_back(timer);
    used_[level] |= uint64_t{1} << slot;
    earliest_ = std::min(earliest_, timer.tick >> (level_bits * level) << (level_bits * level));
}

void TimerWheel::cancel(Timer& timer) {
    if (!timer.linked()) return;
    timer.unlink();
    if (timer.place == overdue_place || !lists_[timer.place].empty()) return;
    used_[timer.place / slots] &= ~(uint64_t{1} << (timer.place % slots));
}

TimerWheel::Event TimerWheel::first_event() const {
    for (unsigned level = 0; level < levels; ++level) {
        const unsigned at = static_cast<unsigned>(current_ >> (level_bits * level)) & (slots - 1);
        const uint64_t behind = at == slots - 1 ? 0 : used_[level] & (~uint64_t{0} << (at + 1));
        const int64_t window = current_ >> (level_bits * (level + 1)) << (level_bits * (level + 1));
        if (behind) {
            const auto slot = static_cast<unsigned>(std::countr_zero(behind));
            return {level, slot, window + (int64_t{slot} << (level_bits * level))};
        }
    }
    return {};
}

void TimerWheel::fire(List<Timer, Timer>& list) {
    while (Timer* timer = list.front()) {
        cancel(*timer);
        timer->fired(*timer);
    }
}

void TimerWheel::turn(int64_t target) {
    target = std::max(current_, target);
    // What is set while these fire, and due at once, waits for the next call: so this one ends.
    const auto fire_overdue = [this] {
        List<Timer, Timer> due;
        while (Timer* timer = overdue_.pop_front()) due.push_back(*timer);
        fire(due);
    };
    fire_overdue();
    for (;;) {
        const Event event = first_event();
        if (event.level == levels || event.tick > target) break;
        current_ = event.tick;
        List<Timer, Timer>& list = lists_[event.level * slots + event.slot];
        if (event.level == 0) {
            fire(list);
            continue;
        }
        // Closer now: each goes to a lower level, or is due.
        List<Timer, Timer> closer;
        while (Timer* timer = list.pop_front()) closer.push_back(*timer);
        used_[event.level] &= ~(uint64_t{1} << event.slot);
        while (Timer* timer = closer.pop_front()) place(*timer);
        fire_overdue();
    }
    current_ = target;
    const Event event = first_event();
    earliest_ = !overdue_.empty() ? current_ : event.level == levels ? none : event.tick;
}

}  // namespace eremite::net
