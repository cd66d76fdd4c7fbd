#include "libos/syscall/timespec.hpp"

#include <algorithm>

#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::syscall {

Result<int64_t> to_nanoseconds(const TimeSpec& time) {
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= ns_per_second) return Error{EINVAL};
    if (time.seconds > INT64_MAX / ns_per_second - 1) return Instant::never().ns;
    return time.seconds * ns_per_second + time.nanoseconds;
}

Result<int64_t> load_time(VirtualAddress address) { return to_nanoseconds(TRY(mm::UserPtr<TimeSpec>{address}.load())); }

Result<Instant> deadline_of(VirtualAddress timeout) {
    if (timeout.value == 0) return Instant::never();
    return Instant{later(platform::monotonic_now().ns, TRY(load_time(timeout)))};
}

void store_rest(VirtualAddress timeout, Instant deadline, bool microseconds) {
    if (timeout.value == 0) return;
    TimeSpec fields = to_timespec(std::max<int64_t>((deadline - platform::monotonic_now()).ns, 0));
    if (microseconds) fields.nanoseconds /= 1000;
    (void)mm::UserPtr<TimeSpec>{timeout}.store(fields);
}

}  // namespace eremite::syscall
