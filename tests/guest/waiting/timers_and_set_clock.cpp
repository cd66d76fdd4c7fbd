// Timers on the wall clock, and the wall clock is set. Not to be run as a Linux process: it would set that machine's clock.
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include "show.hpp"

namespace {

constexpr time_t start = 1'000'000'000, hour = 3600;

void set_clock(time_t seconds) {
    const timespec wanted{seconds, 0};
    ::clock_settime(CLOCK_REALTIME, &wanted);
}

long expirations(int timer) {
    uint64_t count = 0;
    return ::read(timer, &count, sizeof count) == sizeof count ? static_cast<long>(count) : -1;
}

int timer_at(time_t seconds, int flags) {
    const int timer = ::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    const itimerspec when{{0, 0}, {seconds, 0}};
    show("set", ::timerfd_settime(timer, flags, &when, nullptr));
    return timer;
}

}  // namespace

int main() {
    set_clock(start);
    const int absolute = timer_at(start + hour, TFD_TIMER_ABSTIME);
    const int canceled = timer_at(start + hour, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    const int relative = timer_at(hour, 0);
    show("before", expirations(absolute));
    set_clock(start + 2 * hour);
    // What is an hour ago by now has expired; the interrupt that says so comes at once.
    pollfd p{absolute, POLLIN, 0};
    show("poll", ::poll(&p, 1, 10'000));
    show("absolute", expirations(absolute));
    show("canceled", expirations(canceled));
    show("canceled, again", expirations(canceled));
    show("relative", expirations(relative));
}
