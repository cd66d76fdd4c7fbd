#pragma once
// The iovec array of a vectored call.
#include <sys/uio.h>

#include <array>
#include <memory>

#include "libos/fs/io_buffer.hpp"

namespace eremite::syscall {

class Vectors {
public:
    // A buffer over the program's memory, which lives as long as this object. EINVAL for too many or for sizes that
    // overflow, EFAULT, ENOMEM.
    [[nodiscard]] Result<fs::IoBuffer> load(VirtualAddress address, long count);

private:
    static_assert(sizeof(fs::IoBuffer::Segment) == sizeof(struct iovec));
    std::array<fs::IoBuffer::Segment, 8> short_;
    std::unique_ptr<fs::IoBuffer::Segment[]> long_;
};

}  // namespace eremite::syscall
