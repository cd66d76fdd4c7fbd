// The ready list of an epoll instance: who puts files there, and who takes them off.
#include "libos/ipc/epoll.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::ipc {

namespace {

constexpr uint32_t has_events = POLLIN | POLLRDNORM;
// What an item waits for beside its events.
constexpr uint32_t modes = EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;

}  // namespace

// Called by the file's source.
bool Epoll::Item::notified(uint32_t events) {
    bool woke = false;
    {
        const sync::Guard guard{owner.ready_lock_};
        if ((events & event.events) == 0) return false;
        if (!queued()) {
            owner.ready_.push_back(*this);
            ++owner.ready_count_;
        }
        woke = owner.waiting_.wake_one();
    }
    owner.source_.notify(has_events);
    return woke;
}

void Epoll::queue(Item& item, bool in_front) {
    const sync::Guard guard{ready_lock_};
    if (item.queued()) return;
    if (in_front) ready_.push_front(item);
    else ready_.push_back(item);
    ++ready_count_;
}

void Epoll::queue_if_ready(Item& item) {
    if (item.look() == 0) return;
    queue(item, false);
    {
        const sync::Guard guard{ready_lock_};
        waiting_.wake_one();
    }
    source_.notify(has_events);
}

Epoll::Item* Epoll::take() {
    const sync::Guard guard{ready_lock_};
    Item* const item = ready_.pop_front();
    if (item) --ready_count_;
    return item;
}

uint32_t Epoll::readiness() {
    const sync::Guard guard{items_lock_};
    while (Item* const item = take()) {
        if (item->look() == 0) continue;
        queue(*item, true);
        return has_events;
    }
    return 0;
}

Result<size_t> Epoll::collect(VirtualAddress events, size_t most) {
    const sync::Guard guard{items_lock_};
    size_t left, stored = 0;
    {
        const sync::Guard ready{ready_lock_};
        left = ready_count_;
    }
    // What is ready still goes to the back, so that every file has its turn; each is looked at once.
    for (; left > 0 && stored < most; --left) {
        Item* const item = take();
        if (!item) break;
        epoll_event event = item->event;
        event.events = item->look();
        if (event.events == 0) continue;
        if (!mm::copy_to_user_now(events + stored * sizeof event, &event, sizeof event).ok()) {
            queue(*item, true);
            if (stored == 0) return Error{EFAULT};
            break;
        }
        ++stored;
        if ((item->event.events & EPOLLONESHOT) != 0) {
            const sync::Guard ready{ready_lock_};
            item->event.events &= modes;
        } else if ((item->event.events & EPOLLET) == 0) {
            queue(*item, false);
        }
    }
    // Another thread may take what is left.
    const sync::Guard ready{ready_lock_};
    if (!ready_.empty()) waiting_.wake_one();
    return stored;
}

Result<size_t> Epoll::wait(VirtualAddress events, size_t most, Instant deadline) {
    for (;;) {
        const size_t stored = TRY(collect(events, most));
        if (stored != 0) return stored;
        if (deadline <= platform::monotonic_now()) return size_t{0};
        const sync::Guard guard{ready_lock_};
        while (ready_.empty()) {
            const sched::Wakeup why = waiting_.wait(ready_lock_, deadline);
            if (!ready_.empty()) break;
            if (why == sched::Wakeup::Interrupted) return Error{EINTR};
            if (why == sched::Wakeup::TimedOut) return size_t{0};
        }
    }
}

}  // namespace eremite::ipc
