#pragma once
// timerfd_create(2): a timer to wait for, and to read how often it has expired.
#include "libos/fs/file.hpp"
#include "libos/sched/clock_timer.hpp"

namespace eremite::ipc {

// Nanoseconds, as struct itimerspec has them.
struct TimerSetting {
    int64_t interval = 0;
    int64_t value = 0;  // until the next expiration; 0: not armed
};

// `clock`: CLOCK_*. `flags`: O_NONBLOCK. ENOMEM.
[[nodiscard]] Result<Ref<fs::File>> create_timer_file(int clock, uint32_t flags);
// Whether the file is one of these.
[[nodiscard]] inline bool is_timer_file(fs::File& file) { return file.kind() == fs::FileKind::Timer; }

// timerfd_settime(2), with its flags TFD_TIMER_*; returns what was set before. ECANCELED: the new setting holds, but the wall
// clock was set since the last one. Require: is_timer_file().
[[nodiscard]] Result<void> set_timer_file(fs::File& file, int flags, const TimerSetting& wanted, TimerSetting& before);
[[nodiscard]] TimerSetting get_timer_file(fs::File& file);

}  // namespace eremite::ipc
