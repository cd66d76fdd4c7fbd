#pragma once
// epoll(7): a set of files to wait for, at a cost per event that does not grow with the set.
#include <sys/epoll.h>

#include "base/time.hpp"
#include "base/tree.hpp"
#include "libos/fs/file.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::ipc {

struct ByReady;    // the list of items that may be ready

class Epoll final : public fs::AnonymousFile {
public:
    explicit Epoll(uint32_t flags) : AnonymousFile{"eventpoll", O_RDWR | flags} {}
    ~Epoll() override;
    // Null when `file` is something else.
    [[nodiscard]] static Epoll* of(fs::File& file) { return file.kind() == fs::FileKind::Epoll ? static_cast<Epoll*>(&file) : nullptr; }

    // epoll_ctl(2). A file is known by the description and the number together. add: EEXIST, EPERM, EINVAL, ELOOP, ENOMEM;
    // the others: ENOENT, EINVAL.
    [[nodiscard]] Result<void> add(fs::File& file, int descriptor, const epoll_event& wanted);
    [[nodiscard]] Result<void> modify(fs::File& file, int descriptor, const epoll_event& wanted);
    [[nodiscard]] Result<void> remove(fs::File& file, int descriptor);

    // epoll_wait(2): stores up to `most` events at `events` in the program. EINTR, EFAULT.
    [[nodiscard]] Result<size_t> wait(VirtualAddress events, size_t most, Instant deadline);

    [[nodiscard]] Result<size_t> read(fs::IoBuffer&) override { return Error{EINVAL}; }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EINVAL}; }
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &source_; }
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Epoll; }

private:
    struct Key {
        const fs::File* file;
        int descriptor;
        auto operator<=>(const Key&) const = default;
    };
    // A file of the set. The file does not know it, but its source does, and lets it go when the file ends.
    struct Item final : fs::Observer, TreeNode<>, ListNode<ByReady> {
        Item(Epoll& epoll, fs::File& file, int number, const epoll_event& wanted)
            : Observer{&file, (wanted.events & EPOLLEXCLUSIVE) != 0}, owner{epoll}, descriptor{number}, event{wanted} {}
        bool notified(uint32_t events) override;
        void file_gone() override;
        [[nodiscard]] fs::File* observing_file() override { return &owner; }
        [[nodiscard]] bool queued() const { return static_cast<const ListNode<ByReady>&>(*this).linked(); }
        [[nodiscard]] fs::ReadinessSource& source() const { return *file()->readiness_source(); }
        // The events that hold now, of those that are waited for.
        [[nodiscard]] uint32_t look() const { return file()->readiness() & event.events; }

        Epoll& owner;
        const int descriptor;
        epoll_event event;  // no events: disabled (EPOLLONESHOT)
    };
    struct ByKey {
        static Key key(const Item& item) { return {item.file(), item.descriptor}; }
    };

    // How many instances lie below this one, or above it, on the longest way. Stops at the first that is too deep.
    // Require: the lock of the graph.
    [[nodiscard]] unsigned depth_below(const Epoll& forbidden, unsigned level);
    [[nodiscard]] unsigned depth_above(unsigned level);
    // ELOOP. Requires: the lock of the graph.
    [[nodiscard]] Result<void> check_nesting(Epoll& inner);
    [[nodiscard]] Result<void> insert(fs::File& file, int descriptor, const epoll_event& wanted);
    // Requires: items_lock_.
    void queue_if_ready(Item& item);
    void drop(Item& item);
    // One round: what is ready now. EFAULT.
    [[nodiscard]] Result<size_t> collect(VirtualAddress events, size_t most);
    // Takes the first item that may be ready. Null when there is none.
    [[nodiscard]] Item* take();
    void queue(Item& item, bool in_front);

    // Guards the set, and keeps the items that are looked at alive.
    sync::Spinlock items_lock_{sync::Rank::Epoll};
    Tree<Item, ByKey> items_;
    // Guards the rest, and is held by nobody who looks at files.
    sync::Spinlock ready_lock_{sync::Rank::PollReady};
    List<Item, ByReady> ready_;  // in the order of arrival
    size_t ready_count_ = 0;
    sched::WaitQueue waiting_;
    fs::ReadinessSource source_;
};

[[nodiscard]] Result<Ref<fs::File>> create_epoll(uint32_t flags);

}  // namespace eremite::ipc
