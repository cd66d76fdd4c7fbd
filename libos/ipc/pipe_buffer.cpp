#include "libos/ipc/pipe_buffer.hpp"

#include <cstring>

#include "libos/signal/signals.hpp"

namespace eremite::ipc {

Result<void> PipeBuffer::resize(size_t size) {
    std::unique_ptr<uint8_t[]> grown{new (std::nothrow) uint8_t[size]};
    if (!grown) return Error{ENOMEM};
    const sync::Guard guard{lock};
    if (used_ + reserved_ > size) return Error{EBUSY};
    if (used_ != 0) peek({grown.get(), used_});
    std::swap(bytes_, grown);
    capacity_ = size;
    start_ = 0;
    waiting_writers.wake_all();
    if (writable()) notify_writers(POLLOUT | POLLWRNORM);
    return {};
}

size_t PipeBuffer::put(fs::IoBuffer& from, size_t size) {
    size_t done = 0;
    while (done < size && !from.faulted()) {
        const size_t at = (start_ + used_) & (capacity_ - 1);
        const size_t copied = from.take(bytes_.get() + at, std::min(size - done, capacity_ - at));
        used_ += copied;
        done += copied;
    }
    return done;
}

size_t PipeBuffer::get(fs::IoBuffer& to, size_t size) {
    size_t done = 0;
    while (done < size && !to.faulted()) {
        const size_t copied = to.put(bytes_.get() + start_, std::min(size - done, capacity_ - start_));
        drop(copied);
        done += copied;
    }
    return done;
}

void PipeBuffer::peek(std::span<uint8_t> bytes) const {
    const size_t first = std::min(bytes.size(), capacity_ - start_);
    std::memcpy(bytes.data(), bytes_.get() + start_, first);
    std::memcpy(bytes.data() + first, bytes_.get(), bytes.size() - first);
}

void PipeBuffer::drop(size_t size) {
    start_ = (start_ + size) & (capacity_ - 1);
    used_ -= size;
}

Result<bool> PipeBuffer::wait_for_data(bool wait) {
    while (available() == 0) {
        if (writers == 0 && used_ == 0) return false;
        if (!wait) return Error{EAGAIN};
        if (waiting_readers.wait(lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
    return true;
}

Result<void> PipeBuffer::wait_for_room(size_t size, bool wait) {
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

void PipeBuffer::filled() {
    waiting_readers.wake_all();
    notify_readers(POLLIN | POLLRDNORM);
}

void PipeBuffer::drained(bool was_full) {
    waiting_writers.wake_all();
    if (was_full && writable()) notify_writers(POLLOUT | POLLWRNORM);
}

void PipeBuffer::stop_draining() {
    draining_ = false;
    waiting_readers.wake_all();
    // Who looked meanwhile saw nothing to read.
    if (used_ != 0) notify_readers(POLLIN | POLLRDNORM);
}

}  // namespace eremite::ipc
