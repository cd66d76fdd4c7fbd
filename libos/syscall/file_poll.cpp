#include "libos/syscall/file_poll.hpp"

#include <poll.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>

#include "base/vector.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/sched/sleep.hpp"
#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

namespace {

constexpr int64_t second = 1'000'000'000;
constexpr uint32_t always_reported = POLLERR | POLLHUP;
// What each of select's sets means in poll's terms (select(2), NOTES).
constexpr uint32_t read_events = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
constexpr uint32_t write_events = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
constexpr uint32_t except_events = POLLPRI;

// Files do not say when they become ready, so whoever waits looks again after this time.
constexpr Duration look_again = Duration::milliseconds(1);

uint32_t readiness_of(int descriptor) {
    const auto file = get_file(descriptor);
    return file.ok() ? file.value()->readiness() : uint32_t{POLLNVAL};
}

// Looks with `scan`, which returns the number of ready files, until there is one or the time is up.
template <typename Scan>
Result<long> wait(Instant deadline, Scan&& scan) {
    for (;;) {
        const long ready = TRY(scan());
        const Instant now = platform::monotonic_now();
        if (ready != 0 || now >= deadline) return ready;
        TRY(sched::sleep_until(std::min(deadline, now + look_again)));
    }
}

Result<Instant> deadline_after(int64_t seconds, int64_t nanoseconds) {
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= second) return Error{EINVAL};
    const int64_t now = platform::monotonic_now().ns;
    int64_t end = 0;
    if (__builtin_mul_overflow(seconds, second, &end) || __builtin_add_overflow(end, nanoseconds, &end) ||
        __builtin_add_overflow(end, now, &end))
        return Instant::never();
    return Instant{end};
}

Result<Instant> deadline_of_timespec(VirtualAddress timeout) {
    if (timeout.value == 0) return Instant::never();
    const timespec t = TRY((mm::UserPtr<timespec>{timeout}.load()));
    return deadline_after(t.tv_sec, t.tv_nsec);
}

// Tells the program how much of its timeout is left, as Linux does. A timeout in read-only memory is no error.
void store_rest(VirtualAddress timeout, Instant deadline, bool microseconds) {
    if (timeout.value == 0) return;
    const int64_t rest = std::max<int64_t>((deadline - platform::monotonic_now()).ns, 0);
    const int64_t fields[2] = {rest / second, rest % second / (microseconds ? 1000 : 1)};
    (void)mm::copy_to_user(timeout, fields, sizeof fields);
}

// Signals are only delivered on the way back to the program, when the mask is its own again; so it is just checked.
Result<void> check_mask(VirtualAddress mask, size_t size) {
    if (mask.value == 0) return {};
    if (size != sizeof(uint64_t)) return Error{EINVAL};
    TRY((mm::UserPtr<uint64_t>{mask}.load()));
    return {};
}

Result<long> poll_until(VirtualAddress address, uint64_t count, Instant deadline) {
    if (count > process::current().files().limit()) return Error{EINVAL};
    Vector<struct pollfd> descriptors;
    TRY(descriptors.resize(count));
    if (count > 0) TRY(mm::copy_from_user(descriptors.data(), address, count * sizeof(struct pollfd)));
    const long ready = TRY(wait(deadline, [&]() -> Result<long> {
        long found = 0;
        for (struct pollfd& d : descriptors) {
            d.revents = 0;
            if (d.fd < 0) continue;
            const uint32_t state = readiness_of(d.fd);
            const uint32_t wanted = static_cast<uint16_t>(d.events) | always_reported | POLLNVAL;
            d.revents = static_cast<short>(state & wanted);
            if (d.revents != 0) ++found;
        }
        return found;
    }));
    if (count > 0) TRY(mm::copy_to_user(address, descriptors.data(), count * sizeof(struct pollfd)));
    return ready;
}

// The three sets of select: what is asked for and what is found.
class Sets {
public:
    Result<void> load(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except) {
        count_ = count;
        words_ = static_cast<size_t>(count + 63) / 64;
        addresses_ = {read, write, except};
        TRY(bits_.resize(words_ * 6));
        for (size_t set = 0; set < 3; ++set) {
            if (addresses_[set].value != 0 && words_ != 0) TRY(mm::copy_from_user(asked(set), addresses_[set], words_ * 8));
        }
        return {};
    }
    Result<long> scan() {
        std::fill(found(0), found(0) + words_ * 3, 0);
        long total = 0;
        for (int d = 0; d < count_; ++d) {
            const size_t word = static_cast<size_t>(d) / 64;
            const uint64_t bit = uint64_t{1} << (d % 64);
            if (((asked(0)[word] | asked(1)[word] | asked(2)[word]) & bit) == 0) continue;
            const uint32_t state = readiness_of(d);
            if (state == POLLNVAL) return Error{EBADF};
            constexpr uint32_t events[3] = {read_events, write_events, except_events};
            for (size_t set = 0; set < 3; ++set) {
                if ((asked(set)[word] & bit) == 0 || (state & events[set]) == 0) continue;
                found(set)[word] |= bit;
                ++total;
            }
        }
        return total;
    }
    Result<void> store() {
        for (size_t set = 0; set < 3; ++set) {
            if (addresses_[set].value != 0 && words_ != 0) TRY(mm::copy_to_user(addresses_[set], found(set), words_ * 8));
        }
        return {};
    }

private:
    uint64_t* asked(size_t set) { return bits_.data() + set * words_; }
    uint64_t* found(size_t set) { return bits_.data() + (3 + set) * words_; }

    int count_ = 0;
    size_t words_ = 0;
    std::array<VirtualAddress, 3> addresses_;
    Vector<uint64_t> bits_;
};

Result<long> select_until(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, Instant deadline) {
    if (count < 0) return Error{EINVAL};
    Sets sets;
    TRY(sets.load(std::min<int>(count, fs::FileTable::maximum_limit), read, write, except));
    const long ready = TRY(wait(deadline, [&] { return sets.scan(); }));
    TRY(sets.store());
    return ready;
}

}  // namespace

Result<long> sys_poll(VirtualAddress descriptors, uint64_t count, int timeout) {
    Instant deadline = Instant::never();
    if (timeout >= 0) deadline = platform::monotonic_now() + Duration::milliseconds(timeout);
    return poll_until(descriptors, count, deadline);
}

Result<long> sys_ppoll(VirtualAddress descriptors, uint64_t count, VirtualAddress timeout, VirtualAddress mask, size_t mask_size) {
    const Instant deadline = TRY(deadline_of_timespec(timeout));
    TRY(check_mask(mask, mask_size));
    const auto ready = poll_until(descriptors, count, deadline);
    store_rest(timeout, deadline, false);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

Result<long> sys_select(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout) {
    Instant deadline = Instant::never();
    if (timeout.value != 0) {
        const timeval t = TRY((mm::UserPtr<timeval>{timeout}.load()));
        // Microseconds beyond a second are carried over, unlike nanoseconds elsewhere.
        if (t.tv_sec < 0 || t.tv_usec < 0) return Error{EINVAL};
        deadline = TRY(deadline_after(t.tv_sec + t.tv_usec / 1'000'000, t.tv_usec % 1'000'000 * 1000));
    }
    const auto ready = select_until(count, read, write, except, deadline);
    store_rest(timeout, deadline, true);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

Result<long> sys_pselect6(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout,
                          VirtualAddress mask) {
    const Instant deadline = TRY(deadline_of_timespec(timeout));
    if (mask.value != 0) {
        uint64_t pack[2];
        TRY(mm::copy_from_user(pack, mask, sizeof pack));
        TRY(check_mask(VirtualAddress{pack[0]}, pack[1]));
    }
    const auto ready = select_until(count, read, write, except, deadline);
    store_rest(timeout, deadline, false);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

}  // namespace eremite::syscall
