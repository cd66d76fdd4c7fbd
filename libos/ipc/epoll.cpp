// The set of an epoll instance: what epoll_ctl(2) changes.
#include "libos/ipc/epoll.hpp"

#include <algorithm>
#include <memory>
#include <new>

#include "libos/fs/poll_set.hpp"

namespace eremite::ipc {

namespace {

// More instances than this are not put one into another: a wake-up passes through all of them.
constexpr unsigned deepest_nesting = 4;
// What may stand beside EPOLLEXCLUSIVE.
constexpr uint32_t exclusive_events = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

epoll_event completed(epoll_event event) {
    event.events |= fs::always_reported;
    return event;
}

}  // namespace

Result<Ref<fs::File>> create_epoll(uint32_t flags) { return Ref<fs::File>{TRY(make_ref<Epoll>(flags))}; }

Epoll::~Epoll() {
    const sync::Guard graph{fs::epoll_graph_lock()};
    const sync::Guard guard{items_lock_};
    while (Item* const item = items_.root()) drop(*item);
}

void Epoll::drop(Item& item) {
    item.source().remove(item);
    items_.remove(item);
    {
        const sync::Guard guard{ready_lock_};
        if (item.queued()) {
            ready_.remove(item);
            --ready_count_;
        }
    }
    delete &item;
}

void Epoll::Item::file_gone() {
    Epoll& epoll = owner;
    const sync::Guard guard{epoll.items_lock_};
    epoll.drop(*this);
}

unsigned Epoll::depth_below(const Epoll& forbidden, unsigned level) {
    // One that would observe itself is as bad as one that is too deep.
    if (this == &forbidden || level > deepest_nesting) return deepest_nesting + 1;
    unsigned deepest = level;
    const sync::Guard guard{items_lock_};
    for (Item* item = items_.first(); item; item = items_.next(*item)) {
        if (Epoll* const inner = of(*item->file())) deepest = std::max(deepest, inner->depth_below(forbidden, level + 1));
    }
    return deepest;
}

unsigned Epoll::depth_above(unsigned level) {
    if (level > deepest_nesting) return level;
    unsigned highest = level;
    source_.for_each([&](fs::Observer& observer) {
        if (auto* const outer = static_cast<Epoll*>(observer.observing_file())) highest = std::max(highest, outer->depth_above(level + 1));
    });
    return highest;
}

Result<void> Epoll::check_nesting(Epoll& inner) {
    if (inner.depth_below(*this, 0) + 1 + depth_above(0) > deepest_nesting) return Error{ELOOP};
    return {};
}

Result<void> Epoll::insert(fs::File& file, int descriptor, const epoll_event& wanted) {
    std::unique_ptr<Item> item{new (std::nothrow) Item{*this, file, descriptor, completed(wanted)}};
    if (!item) return Error{ENOMEM};
    const sync::Guard guard{items_lock_};
    if (items_.find(Key{&file, descriptor})) return Error{EEXIST};
    items_.insert(*item);
    item->source().add(*item);
    queue_if_ready(*item.release());
    return {};
}

Result<void> Epoll::add(fs::File& file, int descriptor, const epoll_event& wanted) {
    if (!file.readiness_source()) return Error{EPERM};
    Epoll* const inner = of(file);
    if (inner == this) return Error{EINVAL};
    if ((wanted.events & EPOLLEXCLUSIVE) != 0 && (inner || (wanted.events & ~exclusive_events) != 0)) return Error{EINVAL};
    if (!inner) return insert(file, descriptor, wanted);
    const sync::Guard graph{fs::epoll_graph_lock()};
    TRY(check_nesting(*inner));
    return insert(file, descriptor, wanted);
}

Result<void> Epoll::modify(fs::File& file, int descriptor, const epoll_event& wanted) {
    if (!file.readiness_source()) return Error{EPERM};
    if (&file == this || (wanted.events & EPOLLEXCLUSIVE) != 0) return Error{EINVAL};
    const sync::Guard guard{items_lock_};
    Item* const item = items_.find(Key{&file, descriptor});
    if (!item) return Error{ENOENT};
    if (item->exclusive()) return Error{EINVAL};
    {
        const sync::Guard ready{ready_lock_};
        item->event = completed(wanted);
    }
    queue_if_ready(*item);
    return {};
}

Result<void> Epoll::remove(fs::File& file, int descriptor) {
    if (!file.readiness_source()) return Error{EPERM};
    if (&file == this) return Error{EINVAL};
    const sync::Guard guard{items_lock_};
    Item* const item = items_.find(Key{&file, descriptor});
    if (!item) return Error{ENOENT};
    drop(*item);
    return {};
}

}  // namespace eremite::ipc
