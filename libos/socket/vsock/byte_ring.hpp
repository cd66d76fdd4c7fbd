#pragma once
// Bytes in the order in which they came. Memory is taken as they become more, and given back when none are left.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace eremite::socket::vsock {

class ByteRing {
public:
    [[nodiscard]] size_t size() const { return used_; }
    // False: there is no memory, and nothing has changed.
    [[nodiscard]] bool put(std::span<const uint8_t> bytes);
    // The bytes from `skip` on, as far as they stand in one piece. Requires: skip < size().
    [[nodiscard]] std::span<const uint8_t> piece(size_t skip) const;
    // Requires: count <= size().
    void drop(size_t count);

private:
    [[nodiscard]] bool grow(size_t size);

    std::unique_ptr<uint8_t[]> bytes_;
    size_t capacity_ = 0;  // a power of two
    size_t start_ = 0, used_ = 0;
};

}  // namespace eremite::socket::vsock
