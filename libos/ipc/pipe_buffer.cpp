#include "libos/ipc/pipe_buffer.hpp"

#include <cstring>

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

void PipeBuffer::peek(std::span<uint8_t> bytes) const {
    const size_t first = std::min(bytes.size(), capacity_ - start_);
    std::memcpy(bytes.data(), bytes_.get() + start_, first);
    std::memcpy(bytes.data() + first, bytes_.get(), bytes.size() - first);
}

void PipeBuffer::stop_draining() {
    draining_ = false;
    waiting_readers.wake_all();
    // Who looked meanwhile saw nothing to read.
    if (used_ != 0) notify_readers(POLLIN | POLLRDNORM);
}

}  // namespace eremite::ipc
