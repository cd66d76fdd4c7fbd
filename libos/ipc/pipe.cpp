#include "libos/ipc/pipe.hpp"

#include <limits.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

#include "base/format.hpp"
#include "base/restart.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/signal/signals.hpp"

namespace eremite::ipc {

namespace {

// As Linux has them, the largest for the superuser's choice (pipe(7)).
constexpr size_t initial_capacity = 65536, largest_capacity = size_t{1} << 31;

// What both ends share.
struct Pipe : RefCounted {
    sync::Spinlock lock{sync::Rank::File};
    std::unique_ptr<uint8_t[]> bytes;
    size_t capacity = 0;  // a power of 2
    size_t start = 0, used = 0;
    unsigned readers = 1, writers = 1;
    uint64_t number = 0;
    sched::WaitQueue waiting_readers, waiting_writers;
    fs::ReadinessSource read_source, write_source;

    [[nodiscard]] bool writable() const { return capacity - used >= PIPE_BUF; }
    // ENOMEM; EBUSY when more is in the pipe.
    Result<void> resize(size_t size) {
        std::unique_ptr<uint8_t[]> grown{new (std::nothrow) uint8_t[size]};
        if (!grown) return Error{ENOMEM};
        const sync::Guard guard{lock};
        if (used > size) return Error{EBUSY};
        for (size_t i = 0; i < used;) {
            const size_t at = (start + i) & (capacity - 1);
            const size_t piece = std::min(used - i, capacity - at);
            std::memcpy(grown.get() + i, bytes.get() + at, piece);
            i += piece;
        }
        std::swap(bytes, grown);
        capacity = size;
        start = 0;
        waiting_writers.wake_all();
        if (writable()) write_source.notify(POLLOUT | POLLWRNORM);
        return {};
    }
    // As much as fits, or is there. Short where the program's memory is not accessible.
    size_t put(fs::IoBuffer& from, size_t size) {
        size_t done = 0;
        while (done < size && !from.faulted()) {
            const size_t at = (start + used) & (capacity - 1);
            const size_t copied = from.take(bytes.get() + at, std::min(size - done, capacity - at));
            used += copied;
            done += copied;
        }
        return done;
    }
    size_t get(fs::IoBuffer& to, size_t size) {
        size_t done = 0;
        while (done < size && !to.faulted()) {
            const size_t copied = to.put(bytes.get() + start, std::min(size - done, capacity - start));
            start = (start + copied) & (capacity - 1);
            used -= copied;
            done += copied;
        }
        return done;
    }
};

class PipeEnd : public fs::File {
public:
    PipeEnd(Ref<Pipe> pipe, uint32_t flags) : File{flags}, pipe_{std::move(pipe)} {}
    [[nodiscard]] Result<fs::Attributes> attributes() override {
        fs::Attributes a;
        a.inode = pipe_->number;
        a.mode = S_IFIFO | 0600;
        return a;
    }
    [[nodiscard]] Result<long> ioctl(uint32_t request, uint64_t argument) override {
        if (request != FIONREAD) return Error{ENOTTY};
        size_t used;
        {
            const sync::Guard guard{pipe_->lock};
            used = pipe_->used;
        }
        TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(used)));
        return 0L;
    }
    size_t describe(char* path, size_t size) override {
        BufferSink sink{{path, size}};
        format(sink, "pipe:[{}]", pipe_->number);
        return sink.view().size();
    }
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Pipe; }

    [[nodiscard]] Pipe& pipe() { return *pipe_; }

private:
    Ref<Pipe> pipe_;
};

class ReadEnd final : public PipeEnd {
public:
    ReadEnd(Ref<Pipe> pipe, uint32_t flags) : PipeEnd{std::move(pipe), O_RDONLY | flags} {}
    ~ReadEnd() override {
        const sync::Guard guard{pipe().lock};
        pipe().readers = 0;
        pipe().waiting_writers.wake_all();
        pipe().write_source.notify(POLLERR);
    }
    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        if (buffer.remaining() == 0) return size_t{0};
        const sync::Guard guard{pipe().lock};
        while (pipe().used == 0) {
            if (pipe().writers == 0) return size_t{0};
            if (nonblocking()) return Error{EAGAIN};
            if (pipe().waiting_readers.wait(pipe().lock) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        }
        const bool was_full = !pipe().writable();
        const size_t done = pipe().get(buffer, std::min(buffer.remaining(), pipe().used));
        if (done == 0) return Error{EFAULT};
        pipe().waiting_writers.wake_all();
        if (was_full && pipe().writable()) pipe().write_source.notify(POLLOUT | POLLWRNORM);
        return done;
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EBADF}; }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &pipe().read_source; }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{pipe().lock};
        return (pipe().used != 0 ? POLLIN | POLLRDNORM : 0) | (pipe().writers == 0 ? POLLHUP : 0);
    }
};

class WriteEnd final : public PipeEnd {
public:
    WriteEnd(Ref<Pipe> pipe, uint32_t flags) : PipeEnd{std::move(pipe), O_WRONLY | flags} {}
    ~WriteEnd() override {
        const sync::Guard guard{pipe().lock};
        pipe().writers = 0;
        pipe().waiting_readers.wake_all();
        pipe().read_source.notify(POLLHUP);
    }
    // What is at most PIPE_BUF bytes long goes in as a whole.
    [[nodiscard]] Result<size_t> write(fs::IoBuffer& buffer) override {
        size_t done = 0;
        const sync::Guard guard{pipe().lock};
        const size_t whole = buffer.remaining() <= PIPE_BUF ? buffer.remaining() : 1;
        while (buffer.remaining() != 0) {
            if (pipe().readers == 0) signal::raise_in_thread(SIGPIPE);
            if (pipe().readers == 0) return done != 0 ? Result<size_t>{done} : Error{EPIPE};
            const size_t room = pipe().capacity - pipe().used;
            if (room < whole) {
                if (nonblocking()) return done != 0 ? Result<size_t>{done} : Error{EAGAIN};
                if (pipe().waiting_writers.wait(pipe().lock) == sched::Wakeup::Interrupted) return done != 0 ? Result<size_t>{done} : Error{restart_if_asked};
                continue;
            }
            done += pipe().put(buffer, std::min(buffer.remaining(), room));
            pipe().waiting_readers.wake_all();
            pipe().read_source.notify(POLLIN | POLLRDNORM);
            if (buffer.faulted()) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
        }
        return done;
    }
    [[nodiscard]] Result<size_t> read(fs::IoBuffer&) override { return Error{EBADF}; }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &pipe().write_source; }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{pipe().lock};
        return (pipe().writable() ? POLLOUT | POLLWRNORM : 0) | (pipe().readers == 0 ? POLLERR : 0);
    }
};

PipeEnd* end_of_pipe(fs::File& file) { return file.kind() == fs::FileKind::Pipe ? static_cast<PipeEnd*>(&file) : nullptr; }

}  // namespace

Result<size_t> pipe_capacity(fs::File& file) {
    PipeEnd* const end = end_of_pipe(file);
    if (!end) return Error{EBADF};
    const sync::Guard guard{end->pipe().lock};
    return end->pipe().capacity;
}

Result<size_t> set_pipe_capacity(fs::File& file, size_t size) {
    PipeEnd* const end = end_of_pipe(file);
    if (!end) return Error{EBADF};
    if (size > largest_capacity) return Error{EINVAL};
    const size_t rounded = std::bit_ceil(std::max<size_t>(size, page_size));
    TRY(end->pipe().resize(rounded));
    return rounded;
}

Result<PipeEnds> create_pipe(uint32_t flags) {
    static constinit std::atomic<uint64_t> last_number{0};
    Ref<Pipe> pipe = TRY(make_ref<Pipe>());
    TRY(pipe->resize(initial_capacity));
    pipe->number = ++last_number;
    PipeEnds ends;
    ends.read_end = TRY(make_ref<ReadEnd>(pipe, flags));
    ends.write_end = TRY(make_ref<WriteEnd>(pipe, flags));
    return ends;
}

}  // namespace eremite::ipc
