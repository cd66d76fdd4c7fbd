#include "libos/syscall/file_vectors.hpp"

#include <algorithm>
#include <new>

#include "libos/syscall/file_support.hpp"

namespace eremite::syscall {

Result<fs::IoBuffer> Vectors::load(VirtualAddress address, long count) {
    if (count < 0 || count > UIO_MAXIOV) return Error{EINVAL};
    const auto size = static_cast<size_t>(count);
    fs::IoBuffer::Segment* segments = short_.data();
    if (size > short_.size()) {
        long_.reset(new (std::nothrow) fs::IoBuffer::Segment[size]);
        if (!long_) return Error{ENOMEM};
        segments = long_.get();
    }
    if (size > 0) TRY(mm::copy_from_user(segments, address, size * sizeof segments[0]));
    size_t total = 0;
    for (size_t i = 0; i < size; ++i) {
        if (static_cast<int64_t>(segments[i].size) < 0) return Error{EINVAL};
        if (!in_user_space(VirtualAddress{segments[i].address}, segments[i].size)) return Error{EFAULT};
        segments[i].size = std::min(segments[i].size, transfer_maximum - total);
        total += segments[i].size;
    }
    return fs::IoBuffer::user(std::span{segments, size});
}

}  // namespace eremite::syscall
