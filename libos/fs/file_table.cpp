#include "libos/fs/file_table.hpp"

#include <algorithm>
#include <bit>

#include "libos/fs/file_lock.hpp"

namespace eremite::fs {

uint32_t FileTable::lowest_free(uint32_t from) const {
    const auto size = static_cast<uint32_t>(slots_.size());
    for (uint32_t word = from / 64; word * 64 < size; ++word) {
        uint64_t free = ~used_[word];
        if (word == from / 64) free &= ~uint64_t{0} << (from % 64);
        if (free != 0) return word * 64 + static_cast<uint32_t>(std::countr_zero(free));
    }
    return std::max(from, size);
}

// Requires: the lock. Grows by doubling, in whole bitmap words.
Result<void> FileTable::grow(uint32_t size) {
    const size_t target = align_up(std::max<size_t>(size, std::min<size_t>(slots_.size() * 2, maximum_limit)), 64);
    TRY(used_.resize(target / 64));
    return slots_.resize(target);
}

void FileTable::mark(uint32_t index, bool used) {
    const uint64_t bit = uint64_t{1} << (index % 64);
    if (used) used_[index / 64] |= bit;
    else used_[index / 64] &= ~bit;
}

Result<int> FileTable::add(Ref<File> file, bool close_on_exec, int from) {
    const sync::Guard guard{lock_};
    if (static_cast<uint32_t>(from) >= limit_) return Error{EINVAL};
    const uint32_t index = lowest_free(static_cast<uint32_t>(from));
    if (index >= limit_) return Error{EMFILE};
    if (index >= slots_.size()) TRY(grow(index + 1));
    slots_[index].file = std::move(file);
    slots_[index].close_on_exec = close_on_exec;
    mark(index, true);
    return static_cast<int>(index);
}

Result<void> FileTable::replace(int descriptor, Ref<File> file, bool close_on_exec) {
    {
        const sync::Guard guard{lock_};
        const auto index = static_cast<uint32_t>(descriptor);
        if (index >= limit_) return Error{EBADF};
        if (index >= slots_.size()) TRY(grow(index + 1));
        std::swap(slots_[index].file, file);
        slots_[index].close_on_exec = close_on_exec;
        mark(index, true);
    }
    if (file) file_locks().descriptor_closed(*file);
    return {};
}

Result<void> FileTable::close(int descriptor) {
    Ref<File> file;
    {
        const sync::Guard guard{lock_};
        Slot* slot = find(descriptor);
        if (!slot) return Error{EBADF};
        std::swap(file, slot->file);
        mark(static_cast<uint32_t>(descriptor), false);
    }
    file_locks().descriptor_closed(*file);
    return file->flush();
}

void FileTable::close_range(uint32_t first, uint32_t last) {
    for (int d = first > INT32_MAX ? -1 : next_open(static_cast<int>(first)); d >= 0 && static_cast<uint32_t>(d) <= last;
         d = next_open(d + 1)) {
        // Another thread may have closed it in between, which is as good; errors of writing are reported by close() alone.
        (void)close(d);
    }
}

void FileTable::set_close_on_exec_range(uint32_t first, uint32_t last) {
    const sync::Guard guard{lock_};
    for (size_t i = first; i < slots_.size() && i <= last; ++i) slots_[i].close_on_exec = true;
}

Result<bool> FileTable::close_on_exec(int descriptor) {
    const sync::Guard guard{lock_};
    const Slot* slot = find(descriptor);
    if (!slot) return Error{EBADF};
    return slot->close_on_exec;
}

Result<void> FileTable::set_close_on_exec(int descriptor, bool on) {
    const sync::Guard guard{lock_};
    Slot* slot = find(descriptor);
    if (!slot) return Error{EBADF};
    slot->close_on_exec = on;
    return {};
}

int FileTable::next_open(int from) {
    const sync::Guard guard{lock_};
    for (size_t i = static_cast<uint32_t>(from); i < slots_.size(); ++i) {
        if (slots_[i].file) return static_cast<int>(i);
    }
    return -1;
}

Result<void> FileTable::set_limit(uint32_t limit) {
    if (limit > maximum_limit) return Error{EPERM};
    const sync::Guard guard{lock_};
    limit_ = limit;
    return {};
}

}  // namespace eremite::fs
