#include "libos/syscall/timer_file.hpp"

#include <sys/timerfd.h>
#include <time.h>

#include "libos/ipc/timer_file.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/timespec.hpp"

namespace eremite::syscall {

Result<long> sys_timerfd_create(int clock, uint32_t flags) {
    const bool known = clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME ||
                       clock == CLOCK_BOOTTIME_ALARM;
    if (!known || (flags & ~uint32_t{TFD_CLOEXEC | TFD_NONBLOCK}) != 0) return Error{EINVAL};
    Ref<fs::File> file = TRY(ipc::create_timer_file(clock, flags & TFD_NONBLOCK));
    return static_cast<long>(TRY(process::current().files().add(std::move(file), (flags & TFD_CLOEXEC) != 0)));
}

Result<long> sys_timerfd_settime(int descriptor, int flags, VirtualAddress wanted, VirtualAddress before) {
    const TimerSpec spec = TRY(mm::UserPtr<TimerSpec>{wanted}.load());
    if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) return Error{EINVAL};
    const ipc::TimerSetting setting{TRY(to_nanoseconds(spec.interval)), TRY(to_nanoseconds(spec.value))};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!ipc::is_timer_file(*file)) return Error{EINVAL};
    ipc::TimerSetting old;
    TRY(ipc::set_timer_file(*file, flags, setting, old));
    if (before.value != 0) TRY(mm::UserPtr<TimerSpec>{before}.store({to_timespec(old.interval), to_timespec(old.value)}));
    return 0L;
}

Result<long> sys_timerfd_gettime(int descriptor, VirtualAddress setting) {
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!ipc::is_timer_file(*file)) return Error{EINVAL};
    const ipc::TimerSetting now = ipc::get_timer_file(*file);
    TRY(mm::UserPtr<TimerSpec>{setting}.store({to_timespec(now.interval), to_timespec(now.value)}));
    return 0L;
}

}  // namespace eremite::syscall
