#include "libos/fs/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/format.hpp"
#include "libos/fs/file_lock.hpp"
#include "libos/fs/notify/watch.hpp"

namespace eremite::fs {

size_t File::describe(char* path, size_t size) {
    constexpr std::string_view text = "anon_inode:[file]";
    return text.copy(path, size);
}

// Observers let go of a file before any part of it is destroyed.
void File::dispose() const {
    auto& self = const_cast<File&>(*this);
    if (ReadinessSource* const source = self.readiness_source()) source->forget(self);
    file_locks().description_ends(self);
    notify::tell_closed(self);
    RefCounted::dispose();
}

Result<Attributes> AnonymousFile::attributes() {
    Attributes a;
    a.mode = 0600;
    return a;
}

size_t AnonymousFile::describe(char* path, size_t size) {
    BufferSink sink{{path, size}};
    format(sink, "anon_inode:[{}]", type_);
    return sink.view().size();
}

size_t InodeFile::describe(char* path, size_t size) {
    uint64_t number = 0;
    return inode_->describe(path, size, number);
}

Result<size_t> InodeFile::synchronized(const Result<size_t>& written) {
    if (!written.ok()) return written.error();
    TRY(synchronize((flags() & O_SYNC) != O_SYNC));
    return written.value();
}

Result<Ref<mm::MemoryObject>> InodeFile::memory_object() {
    if (!inode_->mappable()) return Error{ENODEV};
    return Ref<mm::MemoryObject>{inode_};
}

Result<uint64_t> InodeFile::seek(int64_t offset, int whence) {
    // Reads and writes move the position under the inode's lock; a seek at the same moment is before or after them.
    std::atomic_ref<uint64_t> position{position_};
    uint64_t base = 0;
    if (inode_->is_directory() && whence != SEEK_SET && whence != SEEK_CUR) return Error{EINVAL};
    switch (whence) {
        case SEEK_SET: break;
        case SEEK_CUR: base = position.load(std::memory_order_relaxed); break;
        case SEEK_END: base = TRY(inode_->attributes()).size; break;
        case SEEK_DATA:
        case SEEK_HOLE: {
            if (offset < 0) return Error{ENXIO};
            const uint64_t found = TRY(inode_->seek_data(static_cast<uint64_t>(offset), whence == SEEK_HOLE));
            position.store(found, std::memory_order_relaxed);
            return found;
        }
        default: return Error{EINVAL};
    }
    int64_t target = 0;
    if (__builtin_add_overflow(static_cast<int64_t>(base), offset, &target)) return Error{EINVAL};
    if (target < 0) return Error{EINVAL};
    position.store(static_cast<uint64_t>(target), std::memory_order_relaxed);
    return static_cast<uint64_t>(target);
}

}  // namespace eremite::fs
