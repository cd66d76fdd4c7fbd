#include "libos/socket/socket.hpp"

#include <sys/ioctl.h>

#include "base/format.hpp"
#include "base/restart.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"
#include "libos/socket/inet_sockets.hpp"

namespace eremite::socket {

namespace {
constinit std::atomic<uint64_t> last_number{1000};
}

Socket::Socket(int domain, int type, uint32_t flags)
    : File{O_RDWR | flags}, domain_{domain}, type_{type}, number_{last_number.fetch_add(1, std::memory_order_relaxed)} {}

Result<fs::Attributes> Socket::attributes() {
    fs::Attributes a;
    a.inode = number_;
    a.mode = S_IFSOCK | 0777;
    return a;
}

size_t Socket::describe(char* path, size_t size) {
    BufferSink sink{{path, size}};
    format(sink, "socket:[{}]", number_);
    return sink.view().size();
}

Result<long> Socket::ioctl(uint32_t request, uint64_t argument) {
    const mm::UserPtr<int> answer{VirtualAddress{argument}};
    if (request == SIOCATMARK) {
        TRY(answer.store(TRY(at_mark()) ? 1 : 0));
        return 0L;
    }
    if (request != FIONREAD && request != TIOCOUTQ) return interface_ioctl(request, argument);
    const size_t bytes = TRY(queued(request == TIOCOUTQ));
    TRY(answer.store(static_cast<int>(bytes)));
    return 0L;
}

Instant Socket::deadline(int64_t timeout) {
    return timeout == 0 ? Instant::never() : platform::monotonic_now() + Duration::nanoseconds(timeout);
}

Result<void> Socket::outcome(sched::Wakeup why, Instant deadline) {
    switch (why) {
        // With a timeout, the call is not made again (signal(7)).
        case sched::Wakeup::Interrupted: return Error{deadline == Instant::never() ? restart_if_asked : EINTR};
        case sched::Wakeup::TimedOut: return Error{EAGAIN};
        case sched::Wakeup::Woken: return {};
    }
    __builtin_unreachable();
}

}  // namespace eremite::socket
