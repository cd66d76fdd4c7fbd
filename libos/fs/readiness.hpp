#pragma once
// How waiting threads hear that a file may have become ready: poll(2), select(2) and epoll(7) observe a file's source, and
// the file notifies it when its state changes. That is a hint to look at File::readiness(), which alone tells.
#include <atomic>
#include <cstdint>

#include "base/list.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs {

class File;

struct ByObserver;  // the list of a source

class Observer : public ListNode<ByObserver> {
public:
    // An exclusive observer is not told when another exclusive one has taken the event (EPOLLEXCLUSIVE).
    explicit Observer(File* file, bool exclusive = false) : file_{file}, exclusive_{exclusive} {}

    // POLLIN, POLLOUT, ... that may hold from now on. Returns whether somebody took the event, who would have waited else.
    // Requires: the source's lock is held, and maybe the file's own.
    virtual bool notified(uint32_t events) = 0;
    // The file ends: it must be let go. Only for observers that hold no reference. Requires: the lock of the graph is held.
    virtual void file_gone() {}

    // The epoll instance that observes; null: something else does.
    [[nodiscard]] virtual File* observing_file() { return nullptr; }

    [[nodiscard]] File* file() const { return file_; }
    [[nodiscard]] bool exclusive() const { return exclusive_; }

protected:
    ~Observer() = default;

private:
    File* file_;
    bool exclusive_;
};

// Belongs to what changes: a pipe has two, and all descriptions of the console share one.
class ReadinessSource {
public:
    constexpr ReadinessSource() = default;
    ReadinessSource(const ReadinessSource&) = delete;
    ReadinessSource& operator=(const ReadinessSource&) = delete;

    // Requires: the change was made under the lock that readiness() takes, which is held still or was released since. Hence
    // an observer that was added before it looked has seen the change, or is seen here.
    void notify(uint32_t events) {
        if (count_.load(std::memory_order_relaxed) != 0) [[unlikely]] notify_observers(events);
    }
    void add(Observer& observer);
    void remove(Observer& observer);
    // Makes all observers of `file` let it go. Requires: nobody else can reach the file any more.
    void forget(const File& file);

    // Calls `visit` for each observer, under the lock.
    template <typename Visit>
    void for_each(Visit&& visit) {
        const sync::Guard guard{lock_};
        for (Observer& observer : observers_) visit(observer);
    }

private:
    void notify_observers(uint32_t events);
    [[nodiscard]] Observer* first_of(const File& file);

    sync::Spinlock lock_{sync::Rank::Poll};
    List<Observer, ByObserver> observers_;  // exclusive ones behind the others
    std::atomic<uint32_t> count_{0};
};

// Held by whoever ends a file or an epoll instance, or puts one instance into another.
[[nodiscard]] sync::Spinlock& epoll_graph_lock();

}  // namespace eremite::fs
