#include "libos/ipc/pipe.hpp"

#include <limits.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "base/format.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::ipc {

namespace {

constexpr size_t capacity = 65536;  // as Linux has it

// What both ends share.
struct Pipe : RefCounted {
    sync::Spinlock lock{sync::Rank::File};
    std::unique_ptr<uint8_t[]> bytes;
    size_t start = 0, used = 0;
    unsigned readers = 1, writers = 1;
    uint64_t number = 0;
    sched::WaitQueue waiting_readers, waiting_writers;

    // As much as fits, or is there. Short where the program's memory is not accessible.
    size_t put(fs::IoBuffer& from, size_t size) {
        size_t done = 0;
        while (done < size && !from.faulted()) {
            const size_t at = (start + used) % capacity;
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
            start = (start + copied) % capacity;
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
        const sync::Guard guard{pipe_->lock};
        TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(static_cast<int>(pipe_->used)));
        return 0L;
    }
    size_t describe(char* path, size_t size) override {
        BufferSink sink{{path, size}};
        format(sink, "pipe:[{}]", pipe_->number);
        return sink.view().size();
    }

protected:
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
    }
    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        if (buffer.remaining() == 0) return size_t{0};
        const sync::Guard guard{pipe().lock};
        while (pipe().used == 0) {
            if (pipe().writers == 0) return size_t{0};
            if (nonblocking()) return Error{EAGAIN};
            if (pipe().waiting_readers.wait(pipe().lock) == sched::Wakeup::Interrupted) return Error{EINTR};
        }
        const size_t done = pipe().get(buffer, std::min(buffer.remaining(), pipe().used));
        if (done == 0) return Error{EFAULT};
        pipe().waiting_writers.wake_all();
        return done;
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EBADF}; }
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
    }
    // What is at most PIPE_BUF bytes long goes in as a whole.
    [[nodiscard]] Result<size_t> write(fs::IoBuffer& buffer) override {
        size_t done = 0;
        const sync::Guard guard{pipe().lock};
        const size_t whole = buffer.remaining() <= PIPE_BUF ? buffer.remaining() : 1;
        while (buffer.remaining() != 0) {
            if (pipe().readers == 0) return done != 0 ? Result<size_t>{done} : Error{EPIPE};
            const size_t room = capacity - pipe().used;
            if (room < whole) {
                if (nonblocking()) return done != 0 ? Result<size_t>{done} : Error{EAGAIN};
                if (pipe().waiting_writers.wait(pipe().lock) == sched::Wakeup::Interrupted) return done != 0 ? Result<size_t>{done} : Error{EINTR};
                continue;
            }
            done += pipe().put(buffer, std::min(buffer.remaining(), room));
            pipe().waiting_readers.wake_all();
            if (buffer.faulted()) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
        }
        return done;
    }
    [[nodiscard]] Result<size_t> read(fs::IoBuffer&) override { return Error{EBADF}; }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{pipe().lock};
        return (capacity - pipe().used >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0) | (pipe().readers == 0 ? POLLERR : 0);
    }
};

}  // namespace

Result<PipeEnds> create_pipe(uint32_t flags) {
    static constinit std::atomic<uint64_t> last_number{0};
    Ref<Pipe> pipe = TRY(make_ref<Pipe>());
    pipe->bytes.reset(new (std::nothrow) uint8_t[capacity]);
    if (!pipe->bytes) return Error{ENOMEM};
    pipe->number = ++last_number;
    PipeEnds ends;
    ends.read_end = TRY(make_ref<ReadEnd>(pipe, flags));
    ends.write_end = TRY(make_ref<WriteEnd>(pipe, flags));
    return ends;
}

}  // namespace eremite::ipc
