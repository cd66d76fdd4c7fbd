#include "libos/fs/ninep/regular_file.hpp"

#include <algorithm>
#include <cstring>

#include "libos/platform/clock.hpp"

namespace eremite::fs::ninep {

Result<size_t> StoredFile::read_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer) {
    if (!is_ours()) [[likely]] return contents_.read(handle, position, buffer);
    TRY(buffer.check(position));
    const sched::MutexGuard guard{contents_.mutex()};
    const uint64_t size = detached_size();
    if (position >= size || buffer.remaining() == 0) return size_t{0};
    buffer.limit(size - position);
    size_t done = TRY(contents_.read_at(handle, position, buffer));
    // What lies behind the server's end is a hole.
    if (!buffer.faulted()) done += buffer.put_zeros(buffer.remaining());
    position += done;
    return done;
}

Result<size_t> StoredFile::write_by(remote::Handle& handle, uint64_t& position, IoBuffer& buffer, bool append) {
    if (!is_ours()) [[likely]] return contents_.write(handle, position, buffer, append);
    TRY(buffer.check(position));
    if (buffer.remaining() == 0) return size_t{0};
    const sched::MutexGuard guard{contents_.mutex()};
    const uint64_t offset = append ? detached_size() : position;
    const size_t done = TRY(write_detached(offset, buffer));
    position = offset + done;
    return done;
}

void StoredFile::written(uint64_t end) {
    changed();
    const sync::Guard guard{file_system_.lock()};
    if (!kept_) return;
    known_.size = std::max(known_.size, end);
    known_.blocks = (known_.size + 511) / 512;
    known_.modification_time = known_.change_time = platform::realtime_now();
}

bool StoredFile::is_ours() {
    const sync::Guard guard{file_system_.lock()};
    return detached();
}

uint64_t StoredFile::detached_size() {
    const sync::Guard guard{file_system_.lock()};
    if (stored_ == unknown) stored_ = known_.size;
    return known_.size;
}

// Makes what the server has of [start, end) zero.
Result<void> StoredFile::clear(remote::Handle& handle, uint64_t start, uint64_t end) {
    end = std::min(end, stored_);
    if (start >= end) return {};
    const remote::TransferBuffer transfer{file_system_, end - start};
    std::memset(transfer.bytes().data(), 0, transfer.bytes().size());
    while (start < end)
        start += TRY(remote::Contents::write_all(handle, start, transfer.bytes().first(std::min<uint64_t>(end - start, transfer.bytes().size()))));
    return {};
}

Result<size_t> StoredFile::write_detached(uint64_t offset, IoBuffer& buffer) {
    const uint64_t size = detached_size();
    // Not the one that the file was opened with, since the server's end may not be ours.
    const Ref<remote::Handle> handle = TRY(data_handle(true));
    TRY(clear(*handle, size, offset));
    const size_t done = TRY(contents_.write_at(*handle, offset, buffer));
    stored_ = std::max(stored_, offset + done);
    return done;
}

Result<void> StoredFile::resize(uint64_t size) {
    const sched::MutexGuard guard{contents_.mutex()};
    if (is_ours()) {
        const uint64_t old = detached_size();
        if (size > old && stored_ > old) {
            const Ref<remote::Handle> handle = TRY(data_handle(true));
            TRY(clear(*handle, old, size));
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
    TRY(client().call(request));
    changed();
    note_size(size);
    return {};
}

uint64_t StoredFile::end_of_stored() {
    if (!is_ours()) return UINT64_MAX;
    const sched::MutexGuard guard{contents_.mutex()};
    return detached_size();
}

Result<void> StoredFile::prepare_store(remote::Handle& handle, uint64_t offset) {
    if (!is_ours()) return {};
    const sched::MutexGuard guard{contents_.mutex()};
    return clear(handle, detached_size(), offset);
}

void StoredFile::stored(uint64_t end) {
    if (is_ours()) {
        const sched::MutexGuard guard{contents_.mutex()};
        stored_ = std::max(stored_, end);
    }
    contents_.note_write(end);
}

// The protocol does not tell where holes are: all of the file counts as data, as lseek(2) allows.
Result<uint64_t> StoredFile::seek_data(uint64_t offset, bool hole) {
    const uint64_t size = TRY(attributes()).size;
    if (offset >= size) return Error{ENXIO};
    return hole ? size : offset;
}

}  // namespace eremite::fs::ninep
