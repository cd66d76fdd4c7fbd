#include "libos/fs/poll_set.hpp"

#include <new>

#include "libos/platform/clock.hpp"

namespace eremite::fs {

PollSet::~PollSet() {
    for (size_t i = 0; i < count_; ++i) {
        Entry& entry = entries_[i];
        if (i < observing_)
            if (ReadinessSource* const source = entry.reference->readiness_source()) source->remove(entry);
        entry.~Entry();
    }
}

Result<void> PollSet::reserve(size_t count) {
    if (count <= few) return {};
    many_entries_.reset(new (std::nothrow) Room[count]);
    if (!many_entries_) return Error{ENOMEM};
    // SAFETY: as above.
    entries_ = reinterpret_cast<Entry*>(many_entries_.get());
    return {};
}

void PollSet::add(Ref<File> file, uint32_t wanted) { new (entries_ + count_++) Entry{*this, std::move(file), wanted | always_reported}; }

bool PollSet::Entry::notified(uint32_t events) {
    if ((events & wanted) == 0) return false;
    const sync::Guard guard{set.lock_};
    set.notified_ = true;
    sched::wake(set.thread_);
    return true;
}

size_t PollSet::look(bool observe) {
    size_t ready = 0;
    for (size_t i = 0; i < count_; ++i) {
        Entry& entry = entries_[i];
        if (observe && ready == 0 && i == observing_) {
            if (ReadinessSource* const source = entry.reference->readiness_source()) source->add(entry);
            ++observing_;
        }
        entry.found = entry.reference->readiness() & entry.wanted;
        if (entry.found != 0) ++ready;
    }
    return ready;
}

Result<size_t> PollSet::wait(Instant deadline) {
    for (bool first = true;; first = false) {
        const bool may_wait = deadline > platform::monotonic_now();
        const size_t ready = look(first && may_wait);
        if (ready != 0 || !may_wait) return ready;
        const sync::Guard guard{lock_};
        while (!notified_) {
            const sched::Wakeup why = sched::block(lock_, deadline);
            if (notified_) break;
            if (why == sched::Wakeup::Interrupted) return Error{EINTR};
            if (why == sched::Wakeup::TimedOut) break;
        }
        notified_ = false;
    }
}

}  // namespace eremite::fs
