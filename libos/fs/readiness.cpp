#include "libos/fs/readiness.hpp"

namespace eremite::fs {

namespace {

constinit sync::Spinlock graph_lock{sync::Rank::EpollGraph};

}  // namespace

sync::Spinlock& epoll_graph_lock() { return graph_lock; }

void ReadinessSource::add(Observer& observer) {
    const sync::Guard guard{lock_};
    if (observer.exclusive()) observers_.push_back(observer);
    else observers_.push_front(observer);
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void ReadinessSource::remove(Observer& observer) {
    const sync::Guard guard{lock_};
    observers_.remove(observer);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void ReadinessSource::notify_observers(uint32_t events) {
    const sync::Guard guard{lock_};
    for (Observer& observer : observers_) {
        if (observer.notified(events) && observer.exclusive()) return;
    }
}

Observer* ReadinessSource::first_of(const File& file) {
    const sync::Guard guard{lock_};
    for (Observer& observer : observers_) {
        if (observer.file() == &file) return &observer;
    }
    return nullptr;
}

void ReadinessSource::forget(const File& file) {
    if (count_.load(std::memory_order_relaxed) == 0) {
        // Whoever removed the last observer may still hold the lock, which must not vanish under it.
        const sync::Guard guard{lock_};
        return;
    }
    const sync::Guard guard{graph_lock};
    while (Observer* const observer = first_of(file)) observer->file_gone();
}

}  // namespace eremite::fs
