#include "libos/fs/remote/contents.hpp"

#include <algorithm>

namespace eremite::fs::remote {

Result<size_t> Contents::read(Handle& handle, uint64_t& position, IoBuffer& buffer) {
    TRY(buffer.check(position));
    if (buffer.remaining() == 0) return size_t{0};
    const size_t done = TRY(read_at(handle, position, buffer));
    position += done;
    return done;
}

Result<size_t> Contents::read_at(Handle& handle, uint64_t offset, IoBuffer& buffer) {
    const TransferBuffer transfer{node_.owner(), buffer.remaining()};
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const Segment room = transfer.bytes().first(std::min(buffer.remaining(), transfer.bytes().size()));
        const auto size = handle.read(offset + done, std::span{&room, 1});
        if (!size.ok()) {
            if (done == 0) return size.error();
            break;
        }
        if (size.value() == 0) break;
        const size_t copied = buffer.put(room.data(), size.value());
        done += copied;
        if (copied < size.value() || size.value() < room.size()) break;
    }
    if (done == 0 && buffer.faulted()) return Error{EFAULT};
    return done;
}

Result<size_t> Contents::write(Handle& handle, uint64_t& position, IoBuffer& buffer, bool append) {
    TRY(buffer.check(position));
    if (buffer.remaining() == 0) return size_t{0};
    if (!append) [[likely]] {
        const size_t done = TRY(write_at(handle, position, buffer));
        position += done;
        return done;
    }
    const sched::MutexGuard guard{mutex_};
    // The server finds the end by itself; this is for the position, and for servers that do not.
    uint64_t offset = end_.load(std::memory_order_relaxed);
    if (offset == unknown) offset = TRY(node_.attributes()).size;
    const size_t done = TRY(write_at(handle, offset, buffer));
    position = offset + done;
    return done;
}

Result<size_t> Contents::write_at(Handle& handle, uint64_t offset, IoBuffer& buffer) {
    if (offset >= IoBuffer::size_maximum) return Error{EFBIG};
    buffer.limit(IoBuffer::size_maximum - offset);
    const TransferBuffer transfer{node_.owner(), buffer.remaining()};
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const size_t taken = buffer.take(transfer.bytes().data(), std::min(buffer.remaining(), transfer.bytes().size()));
        if (taken == 0) break;
        const auto written = write_all(handle, offset + done, transfer.bytes().first(taken));
        if (!written.ok()) {
            if (done == 0) return written.error();
            break;
        }
        done += written.value();
        if (written.value() < taken) break;
    }
    if (done == 0) return Error{EFAULT};
    note_write(offset + done);
    return done;
}

Result<size_t> Contents::write_all(Handle& handle, uint64_t offset, Segment bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
        const Segment rest = bytes.subspan(done);
        const auto written = handle.write(offset + done, std::span{&rest, 1});
        const int error = !written.ok() ? written.code() : written.value() == 0 ? EIO : 0;
        if (error != 0) {
            if (done == 0) return Error{error};
            break;
        }
        done += written.value();
    }
    return done;
}

void Contents::note_write(uint64_t end) {
    uint64_t seen = end_.load(std::memory_order_relaxed);
    while (seen != unknown && seen < end && !end_.compare_exchange_weak(seen, end, std::memory_order_relaxed)) {
    }
    node_.written(end);
}

uint64_t Contents::latest_size(uint64_t size) const {
    const uint64_t seen = end_.load(std::memory_order_relaxed);
    return seen == unknown ? size : seen;
}

}  // namespace eremite::fs::remote
