#include "libos/fs/ninep/regular_file.hpp"

#include <algorithm>
#include <cstring>

#include "libos/platform/clock.hpp"

namespace eremite::fs::ninep {

Result<size_t> RegularFile::read(uint64_t& position, IoBuffer& buffer) {
    const Ref<Fid> fid = TRY(data_fid(false));
    return read(*fid, position, buffer);
}

Result<size_t> RegularFile::write(uint64_t& position, IoBuffer& buffer, bool append) {
    const Ref<Fid> fid = TRY(data_fid(true));
    return write(*fid, position, buffer, append);
}

Result<size_t> RegularFile::read(const Fid& fid, uint64_t& position, IoBuffer& buffer) {
    const uint64_t start = position;
    if (start > size_maximum || buffer.remaining() > size_maximum - start) return Error{EINVAL};
    if (buffer.remaining() == 0) return size_t{0};
    if (!is_ours()) [[likely]] {
        const size_t done = TRY(read_server(fid, start, buffer));
        position = start + done;
        return done;
    }
    const sched::MutexGuard guard{mutex_};
    const uint64_t size = detached_size();
    if (start >= size) return size_t{0};
    buffer.limit(size - start);
    size_t done = TRY(read_server(fid, start, buffer));
    // What lies behind the server's end is a hole.
    if (!buffer.faulted()) done += buffer.put_zeros(buffer.remaining());
    position = start + done;
    return done;
}

// EFAULT, or the server's error, when nothing was read.
Result<size_t> RegularFile::read_server(const Fid& fid, uint64_t offset, IoBuffer& buffer) {
    const TransferBuffer transfer{file_system_, buffer.remaining()};
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const Segment room = transfer.bytes().first(std::min(buffer.remaining(), transfer.bytes().size()));
        const auto size = file_system_.client().read(fid, offset + done, std::span{&room, 1});
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

Result<size_t> RegularFile::write(const Fid& fid, uint64_t& position, IoBuffer& buffer, bool append) {
    uint64_t offset = position;
    if (offset > size_maximum || buffer.remaining() > size_maximum - offset) return Error{EINVAL};
    if (buffer.remaining() == 0) return size_t{0};
    if (!append && !is_ours()) [[likely]] {
        const size_t done = TRY(write_server(fid, offset, buffer));
        position = offset + done;
        return done;
    }
    const sched::MutexGuard guard{mutex_};
    const bool ours = is_ours();
    if (append) {
        offset = ours ? detached_size() : end_.load(std::memory_order_relaxed);
        // The server finds the end by itself; this is for the position, and for servers that do not.
        if (offset == unknown) offset = TRY(attributes()).size;
    }
    const size_t done = TRY(ours ? write_detached(offset, buffer) : write_server(fid, offset, buffer));
    position = offset + done;
    return done;
}

// EFAULT, or the server's error, when nothing was written.
Result<size_t> RegularFile::write_server(const Fid& fid, uint64_t offset, IoBuffer& buffer) {
    if (offset >= size_maximum) return Error{EFBIG};
    buffer.limit(size_maximum - offset);
    const TransferBuffer transfer{file_system_, buffer.remaining()};
    size_t done = 0;
    while (buffer.remaining() > 0) {
        const size_t taken = buffer.take(transfer.bytes().data(), std::min(buffer.remaining(), transfer.bytes().size()));
        if (taken == 0) break;
        const auto written = write_all(fid, offset + done, transfer.bytes().first(taken));
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

// A server may take less than it was given; what it has not taken is tried again. The error when it takes nothing at all.
Result<size_t> RegularFile::write_all(const Fid& fid, uint64_t offset, Segment bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
        const Segment rest = bytes.subspan(done);
        const auto written = file_system_.client().write(fid, offset + done, std::span{&rest, 1});
        const int error = !written.ok() ? written.code() : written.value() == 0 ? EIO : 0;
        if (error != 0) {
            if (done == 0) return Error{error};
            break;
        }
        done += written.value();
    }
    return done;
}

void RegularFile::note_write(uint64_t end) {
    uint64_t seen = end_.load(std::memory_order_relaxed);
    while (seen != unknown && seen < end && !end_.compare_exchange_weak(seen, end, std::memory_order_relaxed)) {
    }
    const sync::Guard guard{file_system_.lock()};
    if (knowledge_ == Knowledge::Fresh) knowledge_ = Knowledge::None;
    if (knowledge_ == Knowledge::Kept) {
        known_.size = std::max(known_.size, end);
        known_.blocks = (known_.size + 511) / 512;
        known_.modification_time = known_.change_time = platform::realtime_now();
    }
}

uint64_t RegularFile::latest_size(uint64_t size) const {
    const uint64_t seen = end_.load(std::memory_order_relaxed);
    return seen == unknown ? size : seen;
}

bool RegularFile::is_ours() {
    const sync::Guard guard{file_system_.lock()};
    return detached();
}

uint64_t RegularFile::detached_size() {
    const sync::Guard guard{file_system_.lock()};
    if (stored_ == unknown) stored_ = known_.size;
    return known_.size;
}

// Makes what the server has of [start, end) zero.
Result<void> RegularFile::clear(const Fid& fid, uint64_t start, uint64_t end) {
    end = std::min(end, stored_);
    if (start >= end) return {};
    const TransferBuffer transfer{file_system_, end - start};
    std::memset(transfer.bytes().data(), 0, transfer.bytes().size());
    while (start < end) start += TRY(write_all(fid, start, transfer.bytes().first(std::min<uint64_t>(end - start, transfer.bytes().size()))));
    return {};
}

Result<size_t> RegularFile::write_detached(uint64_t offset, IoBuffer& buffer) {
    const uint64_t size = detached_size();
    // Not the one that the file was opened with, since the server's end may not be ours.
    const Ref<Fid> fid = TRY(data_fid(true));
    TRY(clear(*fid, size, offset));
    const size_t done = TRY(write_server(*fid, offset, buffer));
    stored_ = std::max(stored_, offset + done);
    return done;
}

Result<void> RegularFile::truncate(uint64_t size) {
    if (size > size_maximum) return Error{EFBIG};
    const sched::MutexGuard guard{mutex_};
    if (is_ours()) {
        const uint64_t old = detached_size();
        if (size > old && stored_ > old) {
            const Ref<Fid> fid = TRY(data_fid(true));
            TRY(clear(*fid, old, size));
        }
        const sync::Guard lock{file_system_.lock()};
        known_.size = size;
        known_.blocks = (size + 511) / 512;
        known_.modification_time = known_.change_time = platform::realtime_now();
        return {};
    }
    const Ref<Fid> fid = TRY(any_fid());
    SetAttributes request{fid->number()};
    request.valid = SetAttributes::Size;
    request.size = size;
    TRY(file_system_.client().call(request));
    changed();
    note_size(size);
    return {};
}

// The protocol does not tell where holes are: all of the file counts as data, as lseek(2) allows.
Result<uint64_t> RegularFile::seek_data(uint64_t offset, bool hole) {
    const uint64_t size = TRY(attributes()).size;
    if (offset >= size) return Error{ENXIO};
    return hole ? size : offset;
}

}  // namespace eremite::fs::ninep
