#include "libos/trace/structures.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/packed_names.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/signal/signals.hpp"
#include "libos/trace/values.hpp"

namespace eremite::trace {

namespace {

constexpr size_t largest = 144;

// Where a field stands and what it means, in one number beside its name.
constexpr unsigned size_shift = 8, kind_shift = 16;
constexpr NamedValue field(std::string_view name, size_t offset, size_t size, Kind kind) {
    return {offset | size << size_shift | static_cast<uint64_t>(kind) << kind_shift, name};
}
// What stands alone, without braces and a name.
constexpr std::string_view bare = "-";
// There is more, which is not shown.
constexpr std::string_view ellipsis = "...";

template <Kind kind>
constexpr int fields_of = 0;

#define FIELD(type, member, kind) field(#member "=", offsetof(type, member), sizeof(std::declval<type&>().member), Kind::kind)
#define FIELDS(kind, ...) \
    template <>           \
    constexpr auto fields_of<Kind::kind> = pack_names<[] { return std::to_array<NamedValue>({__VA_ARGS__}); }>();
#define MORE field(ellipsis, 0, 0, Kind::None)

FIELDS(Timespec, FIELD(struct timespec, tv_sec, Long), FIELD(struct timespec, tv_nsec, Long))
FIELDS(Timeval, FIELD(struct timeval, tv_sec, Long), FIELD(struct timeval, tv_usec, Long))
FIELDS(TimerSetting, FIELD(struct itimerspec, it_interval, Timespec), FIELD(struct itimerspec, it_value, Timespec))
FIELDS(IntervalSetting, FIELD(struct itimerval, it_interval, Timeval), FIELD(struct itimerval, it_value, Timeval))
FIELDS(SignalSet, field(bare, 0, 8, Kind::SignalMask))
FIELDS(SignalAction, field("sa_handler=", offsetof(signal::Action, handler), 8, Kind::Handler),
       field("sa_mask=", offsetof(signal::Action, mask), 8, Kind::SignalMask), field("sa_flags=", offsetof(signal::Action, flags), 8, Kind::ActionFlags),
       field("sa_restorer=", offsetof(signal::Action, restorer), 8, Kind::Pointer))
FIELDS(SignalStack, FIELD(stack_t, ss_sp, Pointer), FIELD(stack_t, ss_flags, StackFlags), FIELD(stack_t, ss_size, Size))
FIELDS(SignalEvent, FIELD(struct sigevent, sigev_value, Hex), FIELD(struct sigevent, sigev_signo, Signal),
       FIELD(struct sigevent, sigev_notify, NotifyMode), MORE)
FIELDS(Limit, FIELD(struct rlimit, rlim_cur, LimitValue), FIELD(struct rlimit, rlim_max, LimitValue))
FIELDS(Usage, FIELD(struct rusage, ru_utime, Timeval), FIELD(struct rusage, ru_stime, Timeval), MORE)
FIELDS(SystemNames, FIELD(struct utsname, sysname, Text), FIELD(struct utsname, nodename, Text), MORE)
FIELDS(SystemInfo, FIELD(struct sysinfo, uptime, Long), FIELD(struct sysinfo, totalram, Size), FIELD(struct sysinfo, freeram, Size), MORE)
FIELDS(CloneArguments, FIELD(struct clone_args, flags, CloneFlags), FIELD(struct clone_args, child_tid, Pointer),
       FIELD(struct clone_args, parent_tid, Pointer), FIELD(struct clone_args, exit_signal, Signal), FIELD(struct clone_args, stack, Pointer),
       FIELD(struct clone_args, stack_size, Hex), FIELD(struct clone_args, tls, Pointer))
FIELDS(OpenHow, FIELD(struct open_how, flags, OpenFlags), FIELD(struct open_how, mode, Octal), FIELD(struct open_how, resolve, Hex))
FIELDS(FileLock, FIELD(struct flock, l_type, LockType), FIELD(struct flock, l_whence, Whence), FIELD(struct flock, l_start, Long),
       FIELD(struct flock, l_len, Long))
FIELDS(Status, FIELD(struct stat, st_mode, FileMode), FIELD(struct stat, st_size, Long), MORE)
FIELDS(ExtendedStatus, FIELD(struct statx, stx_mask, StatusMask), FIELD(struct statx, stx_mode, FileMode), FIELD(struct statx, stx_size, Size), MORE)
FIELDS(PollFiles, FIELD(struct pollfd, fd, Fd), FIELD(struct pollfd, events, PollEvents))
FIELDS(EpollData, field("u32=", 0, 4, Kind::Unsigned), field("u64=", 0, 8, Kind::Size))
FIELDS(EpollEvent, FIELD(struct epoll_event, events, EpollEventBits), FIELD(struct epoll_event, data, EpollData))
FIELDS(IntValue, field(bare, 0, 4, Kind::Int))
FIELDS(LongValue, field(bare, 0, 8, Kind::Long))
FIELDS(PointerValue, field(bare, 0, 8, Kind::Pointer))

#undef MORE
#undef FIELDS
#undef FIELD

struct Structure {
    Kind kind;
    uint8_t size;  // as far as it is shown
    Number number;
    uint8_t fixed;  // the number if it is that
    const uint8_t* fields;
};

template <Kind kind, Kind same = kind>
constexpr Structure structure(size_t size, Number number = Number::One, uint8_t fixed = 1) {
    return {kind, static_cast<uint8_t>(size), number, fixed, fields_of<same>.data()};
}

// Of all kinds from the first one on.
constexpr Structure structures[] = {
    structure<Kind::Timespec>(sizeof(struct timespec)),
    structure<Kind::Timeval>(sizeof(struct timeval)),
    structure<Kind::TimerSetting>(sizeof(struct itimerspec)),
    structure<Kind::IntervalSetting>(sizeof(struct itimerval)),
    structure<Kind::SignalSet>(sizeof(uint64_t)),
    structure<Kind::SignalAction>(sizeof(signal::Action)),
    structure<Kind::SignalStack>(sizeof(stack_t)),
    structure<Kind::SignalEvent>(offsetof(struct sigevent, sigev_notify) + sizeof(int)),
    structure<Kind::Limit>(sizeof(struct rlimit)),
    structure<Kind::Usage>(offsetof(struct rusage, ru_stime) + sizeof(struct timeval)),
    structure<Kind::SystemNames>(offsetof(struct utsname, release)),
    structure<Kind::SystemInfo>(offsetof(struct sysinfo, freeram) + sizeof(long)),
    structure<Kind::CloneArguments>(offsetof(struct clone_args, tls) + sizeof(uint64_t)),
    structure<Kind::OpenHow>(sizeof(struct open_how)),
    structure<Kind::FileLock>(sizeof(struct flock)),
    structure<Kind::Status>(sizeof(struct stat)),
    structure<Kind::ExtendedStatus>(offsetof(struct statx, stx_size) + sizeof(uint64_t)),
    structure<Kind::PollFiles>(sizeof(struct pollfd), Number::NextArgument),
    structure<Kind::EpollEvent>(sizeof(struct epoll_event)),
    structure<Kind::EpollEvents, Kind::EpollEvent>(sizeof(struct epoll_event), Number::Result),
    structure<Kind::EpollData>(sizeof(uint64_t)),
    structure<Kind::IntValue>(sizeof(int), Number::Fixed),
    structure<Kind::IntPair, Kind::IntValue>(sizeof(int), Number::Fixed, 2),
    structure<Kind::IntArray, Kind::IntValue>(sizeof(int), Number::Result),
    structure<Kind::LongValue>(sizeof(long), Number::Fixed),
    structure<Kind::PointerValue>(sizeof(void*), Number::Fixed),
};
constexpr bool are_ordered() {
    for (size_t i = 0; i < std::size(structures); ++i)
        if (structures[i].kind != static_cast<Kind>(static_cast<size_t>(first_structure) + i) || structures[i].size > largest) return false;
    return std::size(structures) == static_cast<size_t>(first_names) - static_cast<size_t>(first_structure);
}
static_assert(are_ordered());

const Structure& structure_at(Kind kind) { return structures[static_cast<size_t>(kind) - static_cast<size_t>(first_structure)]; }

void write_fields(TextSink& out, const Structure& structure, const char* bytes) {
    PackedNames fields{structure.fields};
    NamedValue entry = fields.next();
    const bool braces = entry.name != bare;
    for (std::string_view before = "{"; !entry.name.empty(); entry = fields.next(), before = ", ") {
        if (braces) {
            out.write(before);
            out.write(entry.name);
        }
        const char* const at = bytes + (entry.value & 0xff);
        const size_t size = entry.value >> size_shift & 0xff;
        const Kind kind = static_cast<Kind>(entry.value >> kind_shift);
        if (kind == Kind::None) continue;
        if (kind == Kind::Text) {
            write_quoted(out, {at, static_cast<size_t>(std::find(at, at + size, '\0') - at)}, false);
        } else if (is_structure(kind)) {
            write_fields(out, structure_at(kind), at);
        } else {
            uint64_t value = 0;
            std::memcpy(&value, at, size);
            write_value(out, kind, value);
        }
    }
    if (braces) out.write("}");
}

}  // namespace

Number number_of(Kind kind) { return structure_at(kind).number; }

void write_structure(TextSink& out, Kind kind, VirtualAddress address, uint64_t count) {
    constexpr uint64_t most_shown = 16;
    const Structure& structure = structure_at(kind);
    if (structure.number == Number::One || structure.number == Number::Fixed) count = structure.fixed;
    const bool brackets = structure.number != Number::One;
    if (address.value == 0) return write_pointer(out, 0);
    char bytes[largest];
    for (uint64_t i = 0; i < std::min(count, most_shown); ++i) {
        const VirtualAddress element = address + i * structure.size;
        const bool readable = mm::copy_from_user(bytes, element, structure.size).ok();
        if (!readable && i == 0) return write_pointer(out, address.value);
        if (brackets) out.write(i == 0 ? "[" : ", ");
        if (readable) write_fields(out, structure, bytes);
        else write_pointer(out, element.value);
        if (!readable) break;
    }
    if (!brackets) return;
    if (count == 0) out.write("[");
    out.write(count > most_shown ? ", ...]" : "]");
}

}  // namespace eremite::trace
