#pragma once
// What the ends of a pipe share: bytes in a ring, and how many have it open for what.
#include <limits.h>

#include <algorithm>
#include <memory>
#include <new>

#include "base/restart.hpp"
#include "libos/fs/file.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/signal/signals.hpp"

namespace eremite::ipc {

// Everything but resize() requires the lock.
class PipeBuffer : public RefCounted {
public:
    sync::Spinlock lock{sync::Rank::File};
    unsigned readers = 0, writers = 0;
    // Counted up by each that opens; who waits for the other side (fifo(7)) sees one that came and went.
    unsigned reader_opens = 0, writer_opens = 0;
    sched::WaitQueue waiting_readers, waiting_writers, waiting_openers;
    // Of ends that read, that write, and that do both.
    fs::ReadinessSource read_source, write_source, both_source;

    [[nodiscard]] size_t capacity() const { return capacity_; }
    [[nodiscard]] size_t used() const { return used_; }
    // Bytes that a reader may take; none while splice(2) is moving them.
    [[nodiscard]] size_t available() const { return draining_ ? 0 : used_; }
    [[nodiscard]] size_t room() const { return capacity_ - used_ - reserved_; }
    [[nodiscard]] bool writable() const { return room() >= PIPE_BUF; }

    // ENOMEM; EBUSY when more is in the pipe.
    Result<void> resize(size_t size);
    // As much as fits, or is there. Short where the program's memory is not accessible.
    size_t put(fs::IoBuffer& from, size_t size);
    size_t get(fs::IoBuffer& to, size_t size);

    // EAGAIN: there is nothing to read and the caller does not wait. False: there is nothing and nobody writes any more.
    [[nodiscard]] Result<bool> wait_for_data(bool wait);
    // EPIPE, with SIGPIPE: nobody reads any more; EAGAIN: no room for `size` bytes and the caller does not wait.
    [[nodiscard]] Result<void> wait_for_room(size_t size, bool wait);
    // After bytes were put or taken, or room was given back.
    void filled();
    void drained(bool was_full);

    // splice(2) fetches bytes elsewhere without the lock and knows that there will be room for them.
    void reserve(size_t size) { reserved_ += size; }
    void unreserve(size_t size) { reserved_ -= size; }
    // It brings bytes elsewhere without the lock, which stay until it is known how many arrived; other readers wait.
    void start_draining() { draining_ = true; }
    void stop_draining();
    // Copies the first bytes, which stay; and drops them.
    void peek(std::span<uint8_t> bytes) const;
    void drop(size_t size);

    void notify_readers(uint32_t events) {
        read_source.notify(events);
        both_source.notify(events);
    }
    void notify_writers(uint32_t events) {
        write_source.notify(events);
        both_source.notify(events);
    }

private:
    std::unique_ptr<uint8_t[]> bytes_;
    size_t capacity_ = 0;  // a power of 2
    size_t start_ = 0, used_ = 0, reserved_ = 0;
    bool draining_ = false;
};

// Inline, since whoever hands a byte over does little else.
inline size_t PipeBuffer::put(fs::IoBuffer& from, size_t size) {
    size_t done = 0;
    while (done < size && !from.faulted()) {
        const size_t at = (start_ + used_) & (capacity_ - 1);
        const size_t copied = from.take(bytes_.get() + at, std::min(size - done, capacity_ - at));
        used_ += copied;
        done += copied;
    }
    return done;
}

inline size_t PipeBuffer::get(fs::IoBuffer& to, size_t size) {
    size_t done = 0;
    while (done < size && !to.faulted()) {
        const size_t copied = to.put(bytes_.get() + start_, std::min(size - done, capacity_ - start_));
        drop(copied);
        done += copied;
    }
    return done;
}

inline void PipeBuffer::drop(size_t size) {
    start_ = (start_ + size) & (capacity_ - 1);
    used_ -= size;
}

inline Result<bool> PipeBuffer::wait_for_data(bool wait) {
    while (available() == 0) {
        if (writers == 0 && used_ == 0) return false;
        if (!wait) return Error{EAGAIN};
        if (waiting_readers.wait(lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
    return true;
}

inline Result<void> PipeBuffer::wait_for_room(size_t size, bool wait) {
    for (;;) {
        if (readers == 0) {
            signal::raise_in_thread(SIGPIPE);
            return Error{EPIPE};
        }
        if (room() >= size) return {};
        if (!wait) return Error{EAGAIN};
        if (waiting_writers.wait(lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
}

inline void PipeBuffer::filled() {
    waiting_readers.wake_all();
    notify_readers(POLLIN | POLLRDNORM);
}

inline void PipeBuffer::drained(bool was_full) {
    waiting_writers.wake_all();
    if (was_full && writable()) notify_writers(POLLOUT | POLLWRNORM);
}

}  // namespace eremite::ipc
