#include "libos/syscall/file_poll.hpp"

#include <poll.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <new>
#include <span>

#include "libos/fs/poll_set.hpp"
#include "libos/platform/clock.hpp"
#include "libos/process/process.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/timespec.hpp"
#include "libos/syscall/wait_mask.hpp"

namespace eremite::syscall {

namespace {

Result<long> poll_until(VirtualAddress address, uint64_t count, Instant deadline) {
    if (count > process::current().files().limit()) return Error{EINVAL};
    constexpr size_t few = 16;
    std::array<struct pollfd, few> few_descriptors;
    std::unique_ptr<struct pollfd[]> many_descriptors;
    if (count > few) {
        many_descriptors.reset(new (std::nothrow) struct pollfd[count]);
        if (!many_descriptors) return Error{ENOMEM};
    }
    const std::span<struct pollfd> descriptors{count > few ? many_descriptors.get() : few_descriptors.data(), count};
    if (count > 0) TRY(mm::copy_from_user(descriptors.data(), address, descriptors.size_bytes()));
    fs::PollSet set;
    TRY(set.reserve(count));
    size_t invalid = 0;
    for (struct pollfd& d : descriptors) {
        // What is not in the set has its answer.
        d.revents = 0;
        if (d.fd < 0) continue;
        auto file = get_file(d.fd);
        if (file.ok()) {
            set.add(std::move(*file), static_cast<uint16_t>(d.events));
        } else {
            d.revents = POLLNVAL;
            ++invalid;
        }
    }
    const size_t ready = TRY(set.wait(invalid == 0 ? deadline : Instant{}));
    size_t index = 0;
    for (struct pollfd& d : descriptors) {
        if (d.fd < 0 || d.revents == POLLNVAL) continue;
        d.revents = static_cast<short>(set.found(index++));
    }
    if (count > 0) TRY(mm::copy_to_user(address, descriptors.data(), descriptors.size_bytes()));
    return static_cast<long>(ready + invalid);
}

// The three sets of select: what is asked for and what is found.
class Sets {
public:
    Result<void> load(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except) {
        words_ = static_cast<size_t>(count + 63) / 64;
        last_mask_ = count % 64 == 0 ? ~uint64_t{0} : (uint64_t{1} << count % 64) - 1;
        addresses_ = {read, write, except};
        if (words_ * 6 > few_words_.size()) {
            many_words_.reset(new (std::nothrow) uint64_t[words_ * 6]);
            if (!many_words_) return Error{ENOMEM};
            words_of_sets_ = many_words_.get();
        }
        std::fill(words_of_sets_, words_of_sets_ + words_ * 6, 0);
        for (size_t set = 0; set < 3; ++set) {
            if (addresses_[set].value != 0 && words_ != 0) TRY(mm::copy_from_user(asked(set), addresses_[set], words_ * 8));
        }
        return {};
    }
    // EBADF, EINTR.
    Result<long> wait(Instant deadline) {
        size_t files = 0;
        for_each([&](size_t, uint64_t) { return ++files, Result<void>{}; }).value();
        fs::PollSet set;
        TRY(set.reserve(files));
        TRY(for_each([&](size_t word, uint64_t bit) -> Result<void> {
            uint32_t wanted = 0;
            for (size_t s = 0; s < 3; ++s) wanted |= (asked(s)[word] & bit) != 0 ? events_of[s] : 0;
            set.add(TRY(get_file(static_cast<int>(word * 64) + std::countr_zero(bit))), wanted);
            return {};
        }));
        TRY(set.wait(deadline));
        long total = 0;
        size_t index = 0;
        TRY(for_each([&](size_t word, uint64_t bit) -> Result<void> {
            const uint32_t state = set.found(index++);
            for (size_t s = 0; s < 3; ++s) {
                if ((asked(s)[word] & bit) == 0 || (state & events_of[s]) == 0) continue;
                found(s)[word] |= bit;
                ++total;
            }
            return {};
        }));
        return total;
    }
    Result<void> store() {
        for (size_t set = 0; set < 3; ++set) {
            if (addresses_[set].value != 0 && words_ != 0) TRY(mm::copy_to_user(addresses_[set], found(set), words_ * 8));
        }
        return {};
    }

private:
    // What each of the sets means in poll's terms (select(2), NOTES).
    static constexpr uint32_t events_of[3] = {POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR, POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI};

    // Calls `visit` for each descriptor that is in a set.
    template <typename Visit>
    Result<void> for_each(Visit&& visit) {
        for (size_t word = 0; word < words_; ++word) {
            uint64_t bits = asked(0)[word] | asked(1)[word] | asked(2)[word];
            if (word + 1 == words_) bits &= last_mask_;
            for (; bits != 0; bits &= bits - 1) TRY(visit(word, bits & -bits));
        }
        return {};
    }
    uint64_t* asked(size_t set) { return words_of_sets_ + set * words_; }
    uint64_t* found(size_t set) { return words_of_sets_ + (3 + set) * words_; }

    size_t words_ = 0;
    uint64_t last_mask_ = 0;  // the valid bits of the last word
    std::array<VirtualAddress, 3> addresses_;
    std::array<uint64_t, 6 * 2> few_words_;
    std::unique_ptr<uint64_t[]> many_words_;
    uint64_t* words_of_sets_ = few_words_.data();
};

Result<long> select_until(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, Instant deadline) {
    if (count < 0) return Error{EINVAL};
    Sets sets;
    TRY(sets.load(std::min<int>(count, fs::FileTable::maximum_limit), read, write, except));
    const long ready = TRY(sets.wait(deadline));
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
    const Instant deadline = TRY(deadline_of(timeout));
    WaitMask wait_mask;
    TRY(wait_mask.set(mask, mask_size));
    const auto ready = poll_until(descriptors, count, deadline);
    store_rest(timeout, deadline);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

Result<long> sys_select(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout) {
    Instant deadline = Instant::never();
    if (timeout.value != 0) {
        const timeval t = TRY((mm::UserPtr<timeval>{timeout}.load()));
        // Microseconds beyond a second are carried over, unlike nanoseconds elsewhere.
        if (t.tv_sec < 0 || t.tv_usec < 0) return Error{EINVAL};
        const int64_t span = TRY(to_nanoseconds({later(t.tv_sec, t.tv_usec / 1'000'000), t.tv_usec % 1'000'000 * 1000}));
        deadline = Instant{later(platform::monotonic_now().ns, span)};
    }
    const auto ready = select_until(count, read, write, except, deadline);
    store_rest(timeout, deadline, true);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

Result<long> sys_pselect6(int count, VirtualAddress read, VirtualAddress write, VirtualAddress except, VirtualAddress timeout,
                          VirtualAddress mask) {
    const Instant deadline = TRY(deadline_of(timeout));
    WaitMask wait_mask;
    if (mask.value != 0) {
        uint64_t pack[2];
        TRY(mm::copy_from_user(pack, mask, sizeof pack));
        TRY(wait_mask.set(VirtualAddress{pack[0]}, pack[1]));
    }
    const auto ready = select_until(count, read, write, except, deadline);
    store_rest(timeout, deadline);
    return ready.ok() ? Result<long>{ready.value()} : ready.error();
}

}  // namespace eremite::syscall
