#include "libos/socket/vsock/byte_ring.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace eremite::socket::vsock {

namespace {
constexpr size_t least_capacity = 4096;
}

bool ByteRing::grow(size_t size) {
    const size_t capacity = std::bit_ceil(std::max(size, least_capacity));
    std::unique_ptr<uint8_t[]> grown{new (std::nothrow) uint8_t[capacity]};
    if (!grown) return false;
    const size_t first = std::min(used_, capacity_ - start_);
    if (used_ != 0) {
        std::memcpy(grown.get(), bytes_.get() + start_, first);
        std::memcpy(grown.get() + first, bytes_.get(), used_ - first);
    }
    bytes_ = std::move(grown);
    capacity_ = capacity;
    start_ = 0;
    return true;
}

bool ByteRing::put(std::span<const uint8_t> bytes) {
    if (bytes.empty()) return true;
    if (bytes.size() > capacity_ - used_ && !grow(used_ + bytes.size())) return false;
    const size_t at = (start_ + used_) & (capacity_ - 1), first = std::min(bytes.size(), capacity_ - at);
    std::memcpy(bytes_.get() + at, bytes.data(), first);
    std::memcpy(bytes_.get(), bytes.data() + first, bytes.size() - first);
    used_ += bytes.size();
    return true;
}

std::span<const uint8_t> ByteRing::piece(size_t skip) const {
    const size_t at = (start_ + skip) & (capacity_ - 1);
    return {bytes_.get() + at, std::min(used_ - skip, capacity_ - at)};
}

void ByteRing::drop(size_t count) {
    used_ -= count;
    start_ = used_ == 0 ? 0 : (start_ + count) & (capacity_ - 1);
    if (used_ != 0 || capacity_ == least_capacity) return;
    bytes_.reset();
    capacity_ = 0;
}

}  // namespace eremite::socket::vsock
