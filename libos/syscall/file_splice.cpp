// splice(2), tee(2), vmsplice(2)
#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "libos/fs/notify/watch.hpp"
#include "libos/ipc/splice.hpp"
#include "libos/syscall/file_support.hpp"
#include "libos/syscall/file_transfer.hpp"
#include "libos/syscall/file_vectors.hpp"

namespace eremite::syscall {

namespace {

constexpr uint32_t known_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

// An offset in the program's memory, which moves on with what was transferred.
class Offset {
public:
    [[nodiscard]] Result<void> load(VirtualAddress pointer) {
        pointer_ = pointer;
        if (pointer.value == 0) return {};
        const int64_t offset = TRY((mm::UserPtr<int64_t>{pointer}.load()));
        if (offset < 0) return Error{EINVAL};
        offset_ = static_cast<uint64_t>(offset);
        return {};
    }
    [[nodiscard]] uint64_t* get() { return pointer_.value != 0 ? &offset_ : nullptr; }
    [[nodiscard]] Result<void> store() const {
        if (pointer_.value == 0) return {};
        return mm::UserPtr<int64_t>{pointer_}.store(static_cast<int64_t>(offset_));
    }

private:
    VirtualAddress pointer_;
    uint64_t offset_ = 0;
};

// Between a pipe and a file. The order of the checks is Linux's.
Result<size_t> splice_file(ipc::PipeFile& end, fs::File& file, VirtualAddress pointer, size_t size, bool wait, bool into_pipe) {
    if (pointer.value != 0 && !file.positioned()) return Error{EINVAL};
    Offset offset;
    TRY(offset.load(pointer));
    if (!into_pipe && (file.flags() & O_APPEND) != 0) return Error{EINVAL};
    if (file.inode() && file.inode()->is_directory()) return Error{EINVAL};
    const ipc::FileSide side{file, offset.get()};
    const size_t done = TRY(into_pipe ? ipc::splice_into(end.pipe(), side, size, wait) : ipc::splice_out_of(end.pipe(), side, size, wait));
    TRY(offset.store());
    if (done != 0) fs::notify::tell(file, into_pipe ? IN_ACCESS : IN_MODIFY);
    return done;
}

}  // namespace

Result<long> sys_splice(int in, VirtualAddress in_offset, int out, VirtualAddress out_offset, size_t size, uint32_t flags) {
    if (size == 0) return 0L;
    if ((flags & ~known_flags) != 0) return Error{EINVAL};
    const Ref<fs::File> source = TRY(get_file(in));
    const Ref<fs::File> target = TRY(get_file(out));
    ipc::PipeFile* const source_pipe = ipc::PipeFile::of(*source);
    ipc::PipeFile* const target_pipe = ipc::PipeFile::of(*target);
    if ((source_pipe && in_offset.value != 0) || (target_pipe && out_offset.value != 0)) return Error{ESPIPE};
    if (!source->readable() || !target->writable()) return Error{EBADF};
    size = std::min(size, transfer_maximum);
    const bool asked_not_to_wait = (flags & SPLICE_F_NONBLOCK) != 0;
    if (source_pipe && target_pipe) {
        if (&source_pipe->pipe() == &target_pipe->pipe()) return Error{EINVAL};
        const bool wait = !asked_not_to_wait && !source->nonblocking() && !target->nonblocking();
        return static_cast<long>(TRY(ipc::splice_between(source_pipe->pipe(), target_pipe->pipe(), size, wait, false)));
    }
    if (source_pipe) {
        const bool wait = !asked_not_to_wait && !source->nonblocking();
        return static_cast<long>(TRY(splice_file(*source_pipe, *target, out_offset, size, wait, false)));
    }
    if (target_pipe) {
        const bool wait = !asked_not_to_wait && !target->nonblocking();
        return static_cast<long>(TRY(splice_file(*target_pipe, *source, in_offset, size, wait, true)));
    }
    return Error{EINVAL};
}

Result<long> sys_tee(int in, int out, size_t size, uint32_t flags) {
    if ((flags & ~known_flags) != 0) return Error{EINVAL};
    if (size == 0) return 0L;
    const Ref<fs::File> source = TRY(get_file(in));
    const Ref<fs::File> target = TRY(get_file(out));
    if (!source->readable() || !target->writable()) return Error{EBADF};
    ipc::PipeFile* const source_pipe = ipc::PipeFile::of(*source);
    ipc::PipeFile* const target_pipe = ipc::PipeFile::of(*target);
    if (!source_pipe || !target_pipe || &source_pipe->pipe() == &target_pipe->pipe()) return Error{EINVAL};
    const bool wait = (flags & SPLICE_F_NONBLOCK) == 0 && !source->nonblocking() && !target->nonblocking();
    return static_cast<long>(TRY(ipc::splice_between(source_pipe->pipe(), target_pipe->pipe(), size, wait, true)));
}

// The program's pages are copied, which is what its promise not to touch them any more (SPLICE_F_GIFT) permits too.
Result<long> sys_vmsplice(int descriptor, VirtualAddress vector, long count, uint32_t flags) {
    if ((flags & ~known_flags) != 0) return Error{EINVAL};
    const Ref<fs::File> file = TRY(get_file(descriptor));
    if (!file->readable() && !file->writable()) return Error{EBADF};
    Vectors vectors;
    fs::IoBuffer io = TRY(vectors.load(vector, count));
    if (io.remaining() == 0) return 0L;
    ipc::PipeFile* const end = ipc::PipeFile::of(*file);
    if (!end) return Error{EBADF};
    ipc::PipeBuffer& pipe = end->pipe();
    const bool wait = (flags & SPLICE_F_NONBLOCK) == 0 && !file->nonblocking();
    const sync::Guard guard{pipe.lock};
    if (file->writable()) {
        TRY(pipe.wait_for_room(1, wait));
        const size_t done = pipe.put(io, std::min(io.remaining(), pipe.room()));
        if (done == 0) return Error{EFAULT};
        pipe.filled();
        return static_cast<long>(done);
    }
    if (!TRY(pipe.wait_for_data(wait))) return 0L;
    const bool was_full = !pipe.writable();
    const size_t done = pipe.get(io, std::min(io.remaining(), pipe.used()));
    if (done == 0) return Error{EFAULT};
    pipe.drained(was_full);
    return static_cast<long>(done);
}

}  // namespace eremite::syscall
