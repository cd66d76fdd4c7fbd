#pragma once
// Reading and writing of a server's regular file, in transfers as large as can be, and what is known of its end.
#include "libos/fs/remote/node.hpp"

namespace eremite::fs::remote {

class Contents {
public:
    explicit Contents(Node& node) : node_{node} {}

    // As Node::read_by() and write_by().
    [[nodiscard]] Result<size_t> read(Handle& handle, uint64_t& position, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write(Handle& handle, uint64_t& position, IoBuffer& buffer, bool append);

    // Transfers as much as there is. The server's error, or EFAULT, when that is nothing.
    [[nodiscard]] Result<size_t> read_at(Handle& handle, uint64_t offset, IoBuffer& buffer);
    [[nodiscard]] Result<size_t> write_at(Handle& handle, uint64_t offset, IoBuffer& buffer);
    // A server may take less than it was given; what it has not taken is tried again. The error when it takes nothing at all.
    [[nodiscard]] static Result<size_t> write_all(Handle& handle, uint64_t offset, Segment bytes);

    // The size as the server tells it; and as our writes since have made it.
    void note_size(uint64_t size) { end_.store(size, std::memory_order_relaxed); }
    [[nodiscard]] uint64_t latest_size(uint64_t size) const;
    // The server has bytes up to here now.
    void note_write(uint64_t end);
    // Held by those who append or change the size.
    [[nodiscard]] sched::Mutex& mutex() { return mutex_; }

private:
    static constexpr uint64_t unknown = UINT64_MAX;

    Node& node_;
    sched::Mutex mutex_;
    std::atomic<uint64_t> end_{unknown};
};

}  // namespace eremite::fs::remote
