#pragma once
// An inotify instance (inotify(7)): a queue of events, read as records.
#include "libos/fs/notify/watch.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::fs::notify {

class InotifyFile final : public AnonymousFile, WatchOwner {
public:
    explicit InotifyFile(uint32_t flags) : AnonymousFile{"inotify", O_RDONLY | flags} {}
    ~InotifyFile() override;
    // Null: not an inotify instance.
    [[nodiscard]] static InotifyFile* of(File& file) { return file.kind() == FileKind::Inotify ? static_cast<InotifyFile*>(&file) : nullptr; }

    // inotify_add_watch(2), inotify_rm_watch(2). EEXIST, ENOMEM; EINVAL.
    [[nodiscard]] Result<int> add(Ref<Inode> inode, uint32_t mask) { return add_watch(*this, watches_, std::move(inode), mask); }
    [[nodiscard]] Result<void> remove(int descriptor) { return remove_watch(watches_, descriptor); }

    [[nodiscard]] Result<size_t> read(IoBuffer& buffer) override;
    [[nodiscard]] Result<size_t> write(IoBuffer&) override { return Error{EBADF}; }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override;
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] ReadinessSource* readiness_source() override { return &source_; }
    [[nodiscard]] FileKind kind() const override { return FileKind::Inotify; }
    size_t describe(char* path, size_t size) override;

private:
    // The record as the program reads it; the name, padded with zeros, stands behind.
    struct Event : ListNode<> {
        inotify_event record;
        [[nodiscard]] char* name() { return reinterpret_cast<char*>(this + 1); }
        [[nodiscard]] size_t size() const { return sizeof record + record.len; }
        static Event* create(int descriptor, uint32_t mask, uint32_t cookie, std::string_view name);
        static void destroy(Event* event) { ::operator delete(event, sizeof(Event) + event->record.len); }
    };
    void event(int descriptor, uint32_t mask, uint32_t cookie, std::string_view name) override;
    // Null: there is none, which is waited for where it would be the first. EAGAIN; EINVAL: it is larger than that.
    [[nodiscard]] Result<Event*> take(size_t room, bool first);
    [[nodiscard]] bool repeats_last(const Event& event) const;

    // As in Linux's /proc/sys/fs/inotify.
    static constexpr uint32_t queue_limit = 16384;

    OwnedWatches watches_;  // guarded by the lock of the table
    sync::Spinlock lock_{sync::Rank::File};
    List<Event> queue_;
    uint32_t length_ = 0;
    size_t bytes_ = 0;
    bool overflowed_ = false;  // events were lost, which reading tells last
    sched::WaitQueue waiting_;
    ReadinessSource source_;
};

}  // namespace eremite::fs::notify
