#pragma once
// Where a read puts its bytes and where a write takes them from: one piece of memory or several (readv), of the program
// or of the kernel. File systems see only this, so one implementation of read serves read, preadv and sendfile.
//
// Copies may be made under a spinlock, and so do not wait for memory of the program that a device has to read first: they end as
// at memory that is not accessible. The system call then waits and goes on with what is left, or is made again if nothing was
// copied (sched/awaited_memory.hpp). Whoever cannot take back what it did before it copied says wait_for_memory().
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/address.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::fs {

class IoBuffer {
public:
    // The layout of `struct iovec`.
    struct Segment {
        uint64_t address;
        uint64_t size;
    };

    // Memory of the program; checked as it is touched.
    static IoBuffer user(VirtualAddress address, size_t size) { return IoBuffer{{address.value, size}, {}, size, true}; }
    // Several pieces of memory of the program. `segments` must outlive the buffer; their sizes do not overflow in sum.
    static IoBuffer user(std::span<const Segment> segments) {
        size_t total = 0;
        for (const Segment& s : segments) total += s.size;
        if (segments.empty()) return user(VirtualAddress{}, 0);
        return IoBuffer{segments.front(), segments.subspan(1), total, true};
    }
    // Memory of the kernel.
    static IoBuffer kernel(std::span<const uint8_t> bytes) {
        // SAFETY: the address is only carried; put() is called on buffers that were made from writable memory.
        return IoBuffer{{reinterpret_cast<uint64_t>(bytes.data()), bytes.size()}, {}, bytes.size(), false};
    }

    // The end of the longest file: offsets are signed in system calls.
    static constexpr uint64_t size_maximum = INT64_MAX;
    // Whether all of it can stand behind this offset (read(2), write(2)). EINVAL.
    [[nodiscard]] Result<void> check(uint64_t offset) const {
        return offset > size_maximum || remaining_ > size_maximum - offset ? Result<void>{Error{EINVAL}} : Result<void>{};
    }

    [[nodiscard]] size_t remaining() const { return remaining_; }
    [[nodiscard]] bool is_user() const { return user_; }
    // Whether a copy met memory that is not accessible. Later copies do nothing.
    [[nodiscard]] bool faulted() const { return faulted_; }
    // After a copy that did not wait: lets further ones try again.
    void resume() { faulted_ = false; }
    // From now on copies wait. Requires: they are made without a spinlock.
    void wait_for_memory() { waits_ = true; }
    // Lets no more than `size` further bytes through.
    void limit(size_t size) {
        if (size < remaining_) remaining_ = size;
    }

    // Copy `size` bytes (at most remaining()) to or from the buffer and move on. Return the number of bytes copied,
    // less than `size` only when `faulted()`.
    size_t put(const void* source, size_t size) {
        if (size <= current_.size && size <= remaining_ && !faulted_) [[likely]] {
            if (!user_) {
                // SAFETY: kernel() was given this memory as writable.
                std::memcpy(reinterpret_cast<void*>(current_.address), source, size);
                advance(size);
                return size;
            }
            if (mm::copy_to_user_now(VirtualAddress{current_.address}, source, size).ok()) [[likely]] {
                advance(size);
                return size;
            }
        }
        return copy_slowly(Direction::Put, static_cast<uint8_t*>(const_cast<void*>(source)), size);
    }
    size_t take(void* destination, size_t size) {
        if (size <= current_.size && size <= remaining_ && !faulted_) [[likely]] {
            if (!user_) {
                // SAFETY: kernel() was given this memory.
                std::memcpy(destination, reinterpret_cast<const void*>(current_.address), size);
                advance(size);
                return size;
            }
            if (mm::copy_from_user_now(destination, VirtualAddress{current_.address}, size).ok()) [[likely]] {
                advance(size);
                return size;
            }
        }
        return copy_slowly(Direction::Take, static_cast<uint8_t*>(destination), size);
    }
    // Puts `size` zero bytes.
    size_t put_zeros(size_t size) {
        if (user_ && size <= current_.size && size <= remaining_ && !faulted_ && mm::zero_user_now(VirtualAddress{current_.address}, size).ok())
            [[likely]] {
            advance(size);
            return size;
        }
        return copy_slowly(Direction::Zero, nullptr, size);
    }
    // Passes over `size` bytes (at most remaining()) without looking at them.
    void skip(size_t size);

private:
    enum class Direction : uint8_t { Put, Take, Zero };

    IoBuffer(Segment first, std::span<const Segment> rest, size_t total, bool user)
        : current_{first}, rest_{rest}, remaining_{total}, user_{user} {}

    void advance(size_t size) {
        current_.address += size;
        current_.size -= size;
        remaining_ -= size;
    }
    size_t copy_slowly(Direction direction, uint8_t* memory, size_t size);
    bool copy_piece(Direction direction, uint8_t* memory, size_t size);

    Segment current_;
    std::span<const Segment> rest_;
    size_t remaining_;
    bool user_;
    bool faulted_ = false;
    bool waits_ = false;
};

}  // namespace eremite::fs
