#include "libos/ipc/event_counter.hpp"

#include "base/restart.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::ipc {

namespace {

class EventCounter final : public fs::AnonymousFile {
public:
    EventCounter(uint64_t value, bool semaphore, uint32_t flags) : AnonymousFile{"eventfd", O_RDWR | flags}, value_{value}, semaphore_{semaphore} {}

    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        if (buffer.remaining() < sizeof value_) return Error{EINVAL};
        const sync::Guard guard{lock_};
        while (value_ == 0) {
            if (nonblocking()) return Error{EAGAIN};
            if (waiting_readers_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        }
        const uint64_t taken = semaphore_ ? 1 : value_;
        if (buffer.put(&taken, sizeof taken) != sizeof taken) return Error{EFAULT};
        value_ -= taken;
        waiting_writers_.wake_all();
        source_.notify(POLLOUT);
        return sizeof taken;
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer& buffer) override {
        if (buffer.remaining() < sizeof value_) return Error{EINVAL};
        uint64_t added;
        if (buffer.take(&added, sizeof added) != sizeof added) return Error{EFAULT};
        if (added == UINT64_MAX) return Error{EINVAL};
        const sync::Guard guard{lock_};
        while (added > most - value_) {
            if (nonblocking()) return Error{EAGAIN};
            if (waiting_writers_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        }
        value_ += added;
        if (value_ != 0) waiting_readers_.wake_all();
        source_.notify(POLLIN);
        return sizeof added;
    }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{lock_};
        return (value_ != 0 ? POLLIN : 0) | (value_ < most ? POLLOUT : 0);
    }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &source_; }

private:
    static constexpr uint64_t most = UINT64_MAX - 1;
    sync::Spinlock lock_{sync::Rank::File};
    uint64_t value_;
    bool semaphore_;
    sched::WaitQueue waiting_readers_, waiting_writers_;
    fs::ReadinessSource source_;
};

}  // namespace

Result<Ref<fs::File>> create_event_counter(uint32_t initial, bool semaphore, uint32_t flags) {
    return Ref<fs::File>{TRY(make_ref<EventCounter>(initial, semaphore, flags))};
}

}  // namespace eremite::ipc
