#include "libos/ipc/pipe.hpp"

#include <sys/ioctl.h>

#include <atomic>
#include <bit>

#include "base/format.hpp"
#include "libos/ipc/pipe_file.hpp"
#include "libos/mm/user_memory.hpp"

namespace eremite::ipc {

namespace {

// As Linux has them, the largest for the superuser's choice (pipe(7)).
constexpr size_t initial_capacity = 65536, largest_capacity = size_t{1} << 31;

}  // namespace

PipeFile::PipeFile(Ref<PipeBuffer> pipe, uint32_t flags, Ref<fs::Inode> inode, uint64_t number)
    : File{flags}, inode_{std::move(inode)}, pipe_{std::move(pipe)}, number_{number} {
    const sync::Guard guard{pipe_->lock};
    if (readable()) {
        ++pipe_->readers;
        ++pipe_->reader_opens;
    }
    if (writable()) {
        ++pipe_->writers;
        ++pipe_->writer_opens;
    }
    pipe_->waiting_openers.wake_all();
}

PipeFile::~PipeFile() {
    const sync::Guard guard{pipe_->lock};
    if (readable() && --pipe_->readers == 0) {
        pipe_->waiting_writers.wake_all();
        pipe_->notify_writers(POLLERR);
    }
    if (writable() && --pipe_->writers == 0) {
        pipe_->waiting_readers.wake_all();
        pipe_->notify_readers(POLLHUP);
    }
}

Result<size_t> PipeFile::read(fs::IoBuffer& buffer) {
    if (buffer.remaining() == 0) return size_t{0};
    const sync::Guard guard{pipe_->lock};
    if (!TRY(pipe_->wait_for_data(!nonblocking()))) return size_t{0};
    const bool was_full = !pipe_->writable();
    const size_t done = pipe_->get(buffer, std::min(buffer.remaining(), pipe_->used()));
    if (done == 0) return Error{EFAULT};
    pipe_->drained(was_full);
    return done;
}

Result<size_t> PipeFile::write(fs::IoBuffer& buffer) {
    size_t done = 0;
    const sync::Guard guard{pipe_->lock};
    const size_t whole = buffer.remaining() <= PIPE_BUF ? buffer.remaining() : 1;
    while (buffer.remaining() != 0) {
        if (const auto ready = pipe_->wait_for_room(whole, !nonblocking()); !ready.ok()) return done != 0 ? Result<size_t>{done} : ready.error();
        done += pipe_->put(buffer, std::min(buffer.remaining(), pipe_->room()));
        pipe_->filled();
        if (buffer.faulted()) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
    }
    return done;
}

fs::ReadinessSource* PipeFile::readiness_source() {
    if (readable() && writable()) return &pipe_->both_source;
    return readable() ? &pipe_->read_source : &pipe_->write_source;
}

uint32_t PipeFile::readiness() {
    const sync::Guard guard{pipe_->lock};
    uint32_t events = 0;
    if (readable()) {
        if (pipe_->available() != 0) events |= POLLIN | POLLRDNORM;
        if (pipe_->writers == 0 && writers_seen_ != pipe_->writer_opens) events |= POLLHUP;
    }
    if (writable()) {
        if (pipe_->writable()) events |= POLLOUT | POLLWRNORM;
        if (pipe_->readers == 0) events |= POLLERR;
    }
    return events;
}

Result<fs::Attributes> PipeFile::attributes() {
    if (inode_) return inode_->attributes();
    fs::Attributes a;
    a.inode = number_;
    a.mode = S_IFIFO | 0600;
    return a;
}

Result<long> PipeFile::ioctl(uint32_t request, uint64_t argument) {
    if (request != FIONREAD) return Error{ENOTTY};
    size_t used;
    {
        const sync::Guard guard{pipe_->lock};
        used = pipe_->used();
    }
    TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(used)));
    return 0L;
}

size_t PipeFile::describe(char* path, size_t size) {
    uint64_t inode_number = 0;
    if (inode_) return inode_->describe(path, size, inode_number);
    BufferSink sink{{path, size}};
    format(sink, "pipe:[{}]", number_);
    return sink.view().size();
}

Result<size_t> pipe_capacity(fs::File& file) {
    PipeFile* const end = PipeFile::of(file);
    if (!end) return Error{EBADF};
    const sync::Guard guard{end->pipe().lock};
    return end->pipe().capacity();
}

Result<size_t> set_pipe_capacity(fs::File& file, size_t size) {
    PipeFile* const end = PipeFile::of(file);
    if (!end) return Error{EBADF};
    if (size > largest_capacity) return Error{EINVAL};
    const size_t rounded = std::bit_ceil(std::max<size_t>(size, page_size));
    TRY(end->pipe().resize(rounded));
    return rounded;
}

Result<PipeEnds> create_pipe(uint32_t flags) {
    static constinit std::atomic<uint64_t> last_number{0};
    const Ref<PipeBuffer> pipe = TRY(make_ref<PipeBuffer>());
    TRY(pipe->resize(initial_capacity));
    const uint64_t number = ++last_number;
    PipeEnds ends;
    ends.read_end = TRY(make_ref<PipeFile>(pipe, O_RDONLY | flags, nullptr, number));
    ends.write_end = TRY(make_ref<PipeFile>(pipe, O_WRONLY | flags, nullptr, number));
    return ends;
}

}  // namespace eremite::ipc
