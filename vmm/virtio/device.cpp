#include "vmm/virtio/device.hpp"

#include <algorithm>
#include <cstring>

namespace eremite::vmm::virtio {

namespace {

// Calls copy(place, offset, count) for the parts of `pieces` that `size` bytes from `skip` on take.
template <typename Copy>
size_t walk(std::span<const iovec> pieces, size_t skip, size_t size, Copy&& copy) {
    size_t done = 0;
    for (const iovec& piece : pieces) {
        if (done == size) break;
        if (skip >= piece.iov_len) {
            skip -= piece.iov_len;
            continue;
        }
        const size_t count = std::min(piece.iov_len - skip, size - done);
        copy(static_cast<std::byte*>(piece.iov_base) + skip, done, count);
        done += count;
        skip = 0;
    }
    return done;
}

}  // namespace

size_t copy_from(std::span<const iovec> pieces, size_t skip, std::span<std::byte> to) {
    return walk(pieces, skip, to.size(), [to](const std::byte* place, size_t at, size_t count) { std::memcpy(to.data() + at, place, count); });
}

size_t copy_to(std::span<const iovec> pieces, size_t skip, std::span<const std::byte> from) {
    return walk(pieces, skip, from.size(), [from](std::byte* place, size_t at, size_t count) { std::memcpy(place, from.data() + at, count); });
}

}  // namespace eremite::vmm::virtio
