#include "libos/trace/special.hpp"

#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "libos/mm/user_memory.hpp"
#include "libos/trace/arguments.hpp"
#include "libos/trace/name_sets.hpp"
#include "libos/trace/structures.hpp"
#include "libos/trace/values.hpp"

namespace eremite::trace {

namespace {

// What futex(2) takes behind the value, by its operation. A second count stands where others have a timeout.
Kind futex_argument(const Call& call, unsigned index) {
    switch (call.arguments[1] & static_cast<uint32_t>(FUTEX_CMD_MASK)) {
    case FUTEX_WAIT:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2: return index == 3 ? Kind::Timespec : Kind::None;
    case FUTEX_WAIT_BITSET: return index == 3 ? Kind::Timespec : index == 5 ? Kind::WaitBits : Kind::None;
    case FUTEX_WAKE_BITSET: return index == 5 ? Kind::WaitBits : Kind::None;
    case FUTEX_REQUEUE: return index == 3 ? Kind::Unsigned : index == 4 ? Kind::Pointer : Kind::None;
    case FUTEX_CMP_REQUEUE:
    case FUTEX_CMP_REQUEUE_PI: return index == 4 ? Kind::Pointer : Kind::Unsigned;
    case FUTEX_WAKE_OP: return index == 3 ? Kind::Unsigned : index == 4 ? Kind::Pointer : Kind::Hex;
    case FUTEX_WAIT_REQUEUE_PI: return index == 3 ? Kind::Timespec : index == 4 ? Kind::Pointer : Kind::None;
    case FUTEX_WAKE:
    case FUTEX_UNLOCK_PI:
    case FUTEX_TRYLOCK_PI: return Kind::None;
    default: return Kind::Hex;
    }
}

Kind fcntl_argument(const Call& call) {
    switch (static_cast<int>(call.arguments[1])) {
    case F_GETFD:
    case F_GETFL:
    case F_GETOWN:
    case F_GETSIG:
    case F_GETLEASE:
    case F_GETPIPE_SZ:
    case F_GET_SEALS: return Kind::None;
    case F_SETFD: return Kind::FdFlags;
    case F_SETFL: return Kind::OpenFlags;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: return Kind::FileLock;
    default: return Kind::Int;
    }
}

Kind prctl_argument(const Call& call, unsigned index) {
    const auto option = static_cast<int>(call.arguments[0]);
    if (option == PR_SET_VMA) return Kind::Hex;
    if (index != 1 || option == PR_GET_DUMPABLE || option == PR_GET_NO_NEW_PRIVS) return Kind::None;
    return option == PR_SET_NAME ? Kind::Text : Kind::Hex;
}

// An option's name depends on its level.
Kind socket_option(uint64_t level) {
    switch (level) {
    case IPPROTO_IP: return Kind::IpOption;
    case SOL_SOCKET: return Kind::SocketOption;
    case IPPROTO_TCP: return Kind::TcpOption;
    case IPPROTO_IPV6: return Kind::Ipv6Option;
    default: return Kind::Int;
    }
}

Kind special_kind(const Call& call, unsigned index) {
    const auto creation_mode = [](uint64_t flags) { return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? Kind::Octal : Kind::None; };
    switch (call.number) {
    case __NR_open:
    case __NR_openat: return creation_mode(call.arguments[index - 1]);
    case __NR_mremap: return call.arguments[3] & MREMAP_FIXED ? Kind::Pointer : Kind::None;
    case __NR_futex: return futex_argument(call, index);
    case __NR_fcntl: return fcntl_argument(call);
    case __NR_prctl: return prctl_argument(call, index);
    case __NR_getsockopt:
    case __NR_setsockopt: return socket_option(call.arguments[1]);
    default: return Kind::Pointer;
    }
}

// With names, and the stack first.
void write_clone_argument(TextSink& out, const Call& call, unsigned index) {
    constexpr std::string_view names[] = {"child_stack=", "flags=", "parent_tid=", "child_tidptr=", "tls="};
    out.write(names[index]);
    if (index != 1) return write_pointer(out, call.arguments[index == 0 ? 1 : index]);
    const uint64_t flags = call.arguments[0], signal = flags & CSIGNAL;
    if (flags != signal) write_names(out, Kind::CloneFlags, flags & ~uint64_t{CSIGNAL});
    if (flags != signal && signal != 0) out.write("|");
    if (signal != 0 || flags == 0) write_value(out, Kind::Signal, signal);
}

// Which of the files are ready: "2 ([{fd=3, revents=POLLIN}, {fd=4, revents=POLLOUT}])".
void write_ready_files(TextSink& out, const Call& call) {
    const mm::UserPtr<pollfd> files{VirtualAddress{call.arguments[0]}};
    constexpr int64_t most_shown = 16;
    int64_t shown = 0;
    out.write(" ([");
    for (uint64_t i = 0; i < call.arguments[1] && shown < call.result; ++i) {
        const auto file = (files + i).load();
        if (!file.ok()) break;
        if (file.value().revents == 0) continue;
        if (shown != 0) out.write(", ");
        if (shown++ == most_shown) {
            out.write("...");
            break;
        }
        out.write("{fd=");
        write_value(out, Kind::Fd, static_cast<uint32_t>(file.value().fd));
        out.write(", revents=");
        write_names(out, Kind::PollEvents, static_cast<uint16_t>(file.value().revents));
        out.write("}");
    }
    out.write("])");
}

void write_ready_sets(TextSink& out, const Call& call) {
    constexpr std::string_view names[] = {"in ", "out ", "except "};
    std::string_view before = " (";
    for (unsigned i = 0; i < 3; ++i) {
        const VirtualAddress set{call.arguments[1 + i]};
        if (set.value == 0) continue;
        out.write(before);
        out.write(names[i]);
        write_fd_set(out, set, static_cast<unsigned>(call.arguments[0]));
        before = ", ";
    }
    out.write(")");
}

void write_named(TextSink& out, std::string_view before, Kind kind, uint64_t value) {
    out.write(before);
    write_value(out, kind, value);
    out.write(")");
}

}  // namespace

bool has_special_argument(const Call& call, unsigned index) { return special_kind(call, index) != Kind::None; }

void write_special_argument(TextSink& out, const Call& call, unsigned index) {
    if (call.number == __NR_clone) return write_clone_argument(out, call, index);
    write_argument(out, call, index, special_kind(call, index));
}

void write_special_result(TextSink& out, const Call& call) {
    const auto value = static_cast<uint64_t>(call.result);
    const bool flags = call.number == __NR_fcntl && (call.arguments[1] == F_GETFL || call.arguments[1] == F_GETFD);
    write_value(out, flags ? Kind::Hex : Kind::Int, value);
    switch (call.number) {
    case __NR_fcntl:
        if (flags && value != 0) write_named(out, " (flags ", call.arguments[1] == F_GETFL ? Kind::OpenFlags : Kind::FdFlags, value);
        return;
    case __NR_sched_getscheduler: return write_named(out, " (", Kind::Policy, value);
    case __NR_rt_sigtimedwait: return write_named(out, " (", Kind::Signal, value);
    case __NR_poll:
    case __NR_ppoll:
        if (value != 0) return write_ready_files(out, call);
        break;
    default:
        if (value != 0) return write_ready_sets(out, call);
    }
    out.write(" (Timeout)");
}

}  // namespace eremite::trace
