#include "libos/fs/io_buffer.hpp"

#include <algorithm>

#include "libos/sched/awaited_memory.hpp"

namespace eremite::fs {

// Copies one contiguous piece; false when it is not accessible.
bool IoBuffer::copy_piece(Direction direction, uint8_t* memory, size_t size) {
    const VirtualAddress address{current_.address};
    switch (direction) {
        case Direction::Put:
            if (user_) return mm::copy_to_user_now(address, memory, size).ok();
            std::memcpy(address.as<uint8_t>(), memory, size);
            return true;
        case Direction::Take:
            if (user_) return mm::copy_from_user_now(memory, address, size).ok();
            std::memcpy(memory, address.as<uint8_t>(), size);
            return true;
        case Direction::Zero:
            if (user_) return mm::zero_user_now(address, size).ok();
            std::memset(address.as<uint8_t>(), 0, size);
            return true;
    }
    __builtin_unreachable();
}

// Several segments, or a fault: then page by page, since only whole pages are accessible or not, which tells exactly
// how much arrived.
size_t IoBuffer::copy_slowly(Direction direction, uint8_t* memory, size_t size) {
    size = std::min(size, remaining_);
    size_t done = 0;
    bool by_page = false;
    while (done < size && !faulted_) {
        if (current_.size == 0) {
            if (rest_.empty()) break;
            current_ = rest_.front();
            rest_ = rest_.subspan(1);
            by_page = false;
            continue;
        }
        size_t piece = std::min<size_t>(current_.size, size - done);
        if (by_page) piece = std::min<size_t>(piece, page_size - current_.address % page_size);
        if (copy_piece(direction, memory ? memory + done : nullptr, piece)) {
            done += piece;
            advance(piece);
        } else if (!by_page) {
            by_page = true;
        } else if (!waits_ || !sched::await_memory()) {
            faulted_ = true;
        }
    }
    return done;
}

void IoBuffer::skip(size_t size) {
    size = std::min(size, remaining_);
    while (size > 0) {
        if (current_.size == 0) {
            if (rest_.empty()) return;
            current_ = rest_.front();
            rest_ = rest_.subspan(1);
            continue;
        }
        const size_t piece = std::min<size_t>(current_.size, size);
        advance(piece);
        size -= piece;
    }
}

}  // namespace eremite::fs
