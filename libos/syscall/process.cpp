#include "libos/syscall/process.hpp"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "libos/arch/cpu.hpp"
#include "libos/fs/file_table.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/random/random.hpp"
#include "libos/sched/threads.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::syscall {

namespace {

constexpr std::string_view system_name = "Linux";          // programs test for it
constexpr std::string_view system_release = "6.1.0-eremite";  // the system-call interface that is followed
constexpr std::string_view system_version = "#1 Eremite";
constinit char host_name[65] = "eremite";
constinit std::atomic<bool> no_new_privileges{false};
constinit std::atomic<bool> dumpable{true};

template <size_t N>
void set_field(char (&field)[N], std::string_view text) {
    const size_t length = std::min(text.size(), N - 1);
    std::memcpy(field, text.data(), length);
    field[length] = 0;
}

bool is_this_process(int pid) { return pid == 0 || pid == process_id; }

template <typename T>
Result<long> store(VirtualAddress address, const T& value) {
    TRY(mm::copy_to_user(address, &value, sizeof value));
    return 0L;
}

// Defaults of a Linux process; the stack is 8 MiB.
constexpr uint64_t unlimited = ~uint64_t{0};
struct Limit {
    uint64_t soft, hard;
};
constinit sync::Spinlock limits_lock{sync::Rank::Limits};
constinit Limit limits[RLIM_NLIMITS] = {
    {unlimited, unlimited}, {unlimited, unlimited}, {unlimited, unlimited}, {8 << 20, unlimited}, {0, unlimited},     {unlimited, unlimited},
    {1024, 1024},           {fs::FileTable::default_limit, fs::FileTable::maximum_limit}, {8 << 20, 8 << 20},     {unlimited, unlimited}, {unlimited, unlimited}, {1024, 1024},
    {819200, 819200},       {0, 0},                 {0, 0},                 {unlimited, unlimited},
};

Limit limit_of(unsigned resource) {
    const sync::Guard guard{limits_lock};
    return limits[resource];
}

}  // namespace

Result<long> sys_getpgid(int pid) {
    if (!is_this_process(pid)) return Error{ESRCH};
    return process_id;
}

Result<long> sys_setpgid(int pid, int group) {
    if (group < 0) return Error{EINVAL};
    if (!is_this_process(pid)) return Error{ESRCH};
    return Error{EPERM};  // a session leader's group is fixed
}

Result<long> sys_getgroups(int size, VirtualAddress) {
    if (size < 0) return Error{EINVAL};
    return 0L;
}

Result<long> sys_setgroups(int size, mm::UserPtr<uint32_t> groups) {
    constexpr int most = 65536;
    if (size < 0 || size > most) return Error{EINVAL};
    for (int i = 0; i < size; ++i)
        if (TRY((groups + i).load()) != 0) return Error{EPERM};  // there is but the one
    return 0L;
}

Result<long> sys_getresid(mm::UserPtr<uint32_t> real, mm::UserPtr<uint32_t> effective, mm::UserPtr<uint32_t> saved) {
    TRY(real.store(0));
    TRY(effective.store(0));
    TRY(saved.store(0));
    return 0L;
}

Result<long> sys_set_identity(uint32_t id) {
    // Nothing distinguishes users here; to become another one cannot be granted.
    if (id == ~uint32_t{0}) return Error{EINVAL};
    if (id != 0) return Error{EPERM};
    return 0L;
}

Result<long> sys_uname(VirtualAddress buffer) {
    struct utsname name{};
    set_field(name.sysname, system_name);
    set_field(name.nodename, host_name);
    set_field(name.release, system_release);
    set_field(name.version, system_version);
    set_field(name.machine, "x86_64");
    set_field(name.domainname, "(none)");
    return store(buffer, name);
}

void set_host_name(std::string_view name) {
    std::fill(std::begin(host_name), std::end(host_name), '\0');
    name.copy(host_name, sizeof host_name - 1);
}

std::string_view current_host_name() { return host_name; }

Result<long> sys_sethostname(VirtualAddress name, size_t length) {
    if (length >= sizeof host_name) return Error{EINVAL};
    char text[sizeof host_name]{};
    TRY(mm::copy_from_user(text, name, length));
    std::memcpy(host_name, text, sizeof host_name);
    return 0L;
}

Result<long> sys_sysinfo(VirtualAddress buffer) {
    struct sysinfo info{};
    info.uptime = platform::monotonic_now().ns / 1'000'000'000;
    info.totalram = mm::page_allocator().total_pages() * page_size;
    info.freeram = mm::page_allocator().free_pages() * page_size;
    info.procs = 1;
    info.mem_unit = 1;
    return store(buffer, info);
}

Result<long> sys_getrlimit(unsigned resource, VirtualAddress limit) {
    if (resource >= RLIM_NLIMITS) return Error{EINVAL};
    return store(limit, limit_of(resource));
}

Result<long> sys_setrlimit(unsigned resource, VirtualAddress limit) {
    if (resource >= RLIM_NLIMITS) return Error{EINVAL};
    Limit wanted;
    TRY(mm::copy_from_user(&wanted, limit, sizeof wanted));
    if (wanted.soft > wanted.hard) return Error{EINVAL};
    const sync::Guard guard{limits_lock};
    if (resource == RLIMIT_NOFILE) {
        // Linux has such an upper bound too (fs.nr_open).
        if (wanted.hard > fs::FileTable::maximum_limit) return Error{EPERM};
        TRY(process::current().files().set_limit(static_cast<uint32_t>(wanted.soft)));
    }
    limits[resource] = wanted;
    return 0L;
}

Result<long> sys_prlimit64(int pid, unsigned resource, VirtualAddress new_limit, VirtualAddress old_limit) {
    if (resource >= RLIM_NLIMITS) return Error{EINVAL};
    if (!is_this_process(pid)) return Error{ESRCH};
    const Limit before = limit_of(resource);
    if (new_limit.value != 0) TRY(sys_setrlimit(resource, new_limit));
    if (old_limit.value != 0) return store(old_limit, before);
    return 0L;
}

Result<long> sys_getrusage(int who, VirtualAddress usage) {
    if (who < RUSAGE_CHILDREN || who > RUSAGE_THREAD) return Error{EINVAL};
    struct rusage r{};
    if (who != RUSAGE_CHILDREN) {
        const int64_t ns = (who == RUSAGE_THREAD ? sched::cpu_time(sched::current_thread()) : sched::total_cpu_time()).ns;
        r.ru_utime = {static_cast<long>(ns / 1'000'000'000), static_cast<long>(ns / 1000 % 1'000'000)};
        r.ru_maxrss = static_cast<long>(process::current().address_space().statistics().peak_pages * page_size / 1024);
    }
    return store(usage, r);
}

Result<long> sys_times(VirtualAddress buffer) {
    constexpr int64_t ns_per_tick = 10'000'000;  // USER_HZ = 100
    const long ticks = platform::monotonic_now().ns / ns_per_tick;
    if (buffer.value != 0) {
        const struct tms times{sched::total_cpu_time().ns / ns_per_tick, 0, 0, 0};
        TRY(store(buffer, times));
    }
    return ticks;
}

Result<long> sys_arch_prctl(int code, VirtualAddress address) {
    switch (code) {
    case ARCH_SET_FS:
        if (address.value >= user_address_end) return Error{EPERM};
        arch::set_thread_pointer(address.value);
        return 0L;
    case ARCH_GET_FS: return store(address, arch::thread_pointer());
    default: return Error{EINVAL};  // GS belongs to the library OS
    }
}

Result<long> sys_prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    char(&thread_name)[16] = sched::current_thread().name;
    switch (option) {
    case PR_SET_NAME: {
        char name[sizeof thread_name]{};
        for (size_t i = 0; i < sizeof name - 1; ++i) {
            TRY(mm::copy_from_user(&name[i], VirtualAddress{a + i}, 1));
            if (name[i] == 0) break;
        }
        std::memcpy(thread_name, name, sizeof name);
        return 0L;
    }
    case PR_GET_NAME: return store(VirtualAddress{a}, thread_name);
    case PR_GET_DUMPABLE: return dumpable ? 1L : 0L;
    case PR_SET_DUMPABLE:
        if (a > 1) return Error{EINVAL};
        dumpable = a == 1;
        return 0L;
    case PR_SET_NO_NEW_PRIVS:
        if (a != 1 || b != 0 || c != 0 || d != 0) return Error{EINVAL};
        no_new_privileges = true;
        return 0L;
    case PR_GET_NO_NEW_PRIVS:
        if (a != 0 || b != 0 || c != 0 || d != 0) return Error{EINVAL};
        return no_new_privileges ? 1L : 0L;
    default: return Error{EINVAL};
    }
}

Result<long> sys_getrandom(VirtualAddress buffer, size_t size, unsigned flags) {
    if (flags & ~unsigned{GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE}) return Error{EINVAL};
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) return Error{EINVAL};
    size = std::min<size_t>(size, 0x1ffffff);
    size_t done = 0;
    while (done < size) {
        uint8_t bytes[256];
        const size_t count = std::min(size - done, sizeof bytes);
        random::fill({bytes, count});
        const auto copied = mm::copy_to_user(buffer + done, bytes, count);
        if (!copied.ok()) return done != 0 ? Result<long>{static_cast<long>(done)} : Result<long>{copied.error()};
        done += count;
    }
    return static_cast<long>(done);
}

Result<long> sys_no_processes() {
    static constinit std::atomic<bool> said{false};
    if (!said.exchange(true)) log::warn("the program tried to create a process (fork, vfork, clone, execve): an image is one process, so this gives ENOSYS");
    return Error{ENOSYS};
}

// There are no children; the arguments are checked first.
Result<long> sys_wait4(int, VirtualAddress, uint32_t options) {
    constexpr uint32_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE;
    return Error{options & ~known ? EINVAL : ECHILD};
}

Result<long> sys_waitid(uint32_t type, int, VirtualAddress, uint32_t options) {
    constexpr uint32_t events = WEXITED | WSTOPPED | WCONTINUED;
    constexpr uint32_t known = WNOHANG | WNOWAIT | __WNOTHREAD | __WALL | __WCLONE | events;
    const bool valid = type <= P_PIDFD && (options & ~known) == 0 && (options & events) != 0;
    return Error{valid ? ECHILD : EINVAL};
}

Result<long> sys_exit_group(int status) { process::end(status & 0xff); }

}  // namespace eremite::syscall
