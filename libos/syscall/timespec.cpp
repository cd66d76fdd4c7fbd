#include "libos/syscall/timespec.hpp"

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

}  // namespace eremite::syscall
