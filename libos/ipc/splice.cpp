#include "libos/ipc/splice.hpp"

namespace eremite::ipc {

namespace {

constexpr size_t piece_size = 16 * 1024;

// Bytes on their way.
class Piece {
public:
    Result<void> allocate(size_t size) {
        bytes_.reset(new (std::nothrow) uint8_t[size]);
        return bytes_ ? Result<void>{} : Error{ENOMEM};
    }
    [[nodiscard]] std::span<uint8_t> first(size_t size) const { return {bytes_.get(), size}; }

private:
    std::unique_ptr<uint8_t[]> bytes_;
};

Result<size_t> read_from(FileSide side, std::span<uint8_t> bytes) {
    fs::IoBuffer room = fs::IoBuffer::kernel(bytes);
    if (!side.offset) return side.file.read(room);
    const size_t done = TRY(side.file.read_at(*side.offset, room));
    *side.offset += done;
    return done;
}

Result<size_t> write_to(FileSide side, std::span<const uint8_t> bytes) {
    fs::IoBuffer data = fs::IoBuffer::kernel(bytes);
    if (!side.offset) return side.file.write(data);
    const size_t done = TRY(side.file.write_at(*side.offset, data));
    *side.offset += done;
    return done;
}

// What was transferred before an error counts.
Result<size_t> outcome(size_t done, const Result<size_t>& last) {
    if (done != 0 || last.ok()) return done;
    return last.error();
}

// Takes the first bytes of a pipe away, or lets other readers have them again, once it is known how many arrived.
void end_draining(PipeBuffer& pipe, size_t arrived) {
    const bool was_full = !pipe.writable();
    pipe.drop(arrived);
    pipe.stop_draining();
    if (arrived != 0) pipe.drained(was_full);
}

}  // namespace

Result<size_t> splice_into(PipeBuffer& pipe, FileSide from, size_t size, bool wait) {
    Piece piece;
    TRY(piece.allocate(std::min(size, piece_size)));
    size_t done = 0;
    while (done < size) {
        size_t wanted = 0;
        {
            const sync::Guard guard{pipe.lock};
            const auto ready = pipe.wait_for_room(1, wait && done == 0);
            if (!ready.ok()) return outcome(done, ready.error());
            wanted = std::min({size - done, piece_size, pipe.room()});
            pipe.reserve(wanted);
        }
        const auto got = read_from(from, piece.first(wanted));
        const sync::Guard guard{pipe.lock};
        pipe.unreserve(wanted);
        if (!got.ok() || got.value() == 0) {
            pipe.drained(true);
            return outcome(done, got.ok() ? Result<size_t>{size_t{0}} : got.error());
        }
        fs::IoBuffer data = fs::IoBuffer::kernel(piece.first(got.value()));
        done += pipe.put(data, got.value());
        pipe.filled();
        if (got.value() < wanted) {
            pipe.drained(true);
            break;
        }
    }
    return done;
}

Result<size_t> splice_out_of(PipeBuffer& pipe, FileSide to, size_t size, bool wait) {
    Piece piece;
    TRY(piece.allocate(std::min(size, piece_size)));
    size_t done = 0;
    while (done < size) {
        size_t taken = 0;
        {
            const sync::Guard guard{pipe.lock};
            const auto ready = pipe.wait_for_data(wait && done == 0);
            if (!ready.ok()) return outcome(done, ready.error());
            if (!ready.value()) break;
            taken = std::min({size - done, piece_size, pipe.used()});
            pipe.peek(piece.first(taken));
            pipe.start_draining();
        }
        const auto put = write_to(to, piece.first(taken));
        const sync::Guard guard{pipe.lock};
        end_draining(pipe, put.ok() ? put.value() : 0);
        if (!put.ok()) return outcome(done, put.error());
        done += put.value();
        if (put.value() < taken) break;
    }
    return done;
}

Result<size_t> splice_between(PipeBuffer& from, PipeBuffer& to, size_t size, bool wait, bool keep) {
    // Only what is taken away makes way for more behind it: what stays is copied at once.
    size_t longest = piece_size;
    if (keep) {
        const sync::Guard guard{from.lock};
        longest = from.capacity();
    }
    Piece piece;
    TRY(piece.allocate(std::min(size, longest)));
    size_t done = 0;
    while (done < size && !(keep && done != 0)) {
        size_t room = 0;
        {
            const sync::Guard guard{to.lock};
            const auto ready = to.wait_for_room(1, wait && done == 0);
            if (!ready.ok()) return outcome(done, ready.error());
            room = to.room();
        }
        size_t taken = 0;
        {
            const sync::Guard guard{from.lock};
            const auto ready = from.wait_for_data(wait && done == 0);
            if (!ready.ok()) return outcome(done, ready.error());
            if (!ready.value()) break;
            taken = std::min({size - done, longest, room, from.used()});
            from.peek(piece.first(taken));
            from.start_draining();
        }
        size_t arrived = 0;
        {
            const sync::Guard guard{to.lock};
            // Others may have filled the pipe meanwhile; then it is waited for again.
            fs::IoBuffer data = fs::IoBuffer::kernel(piece.first(taken));
            arrived = to.readers == 0 ? 0 : to.put(data, std::min(taken, to.room()));
            if (arrived != 0) to.filled();
        }
        const sync::Guard guard{from.lock};
        end_draining(from, keep ? 0 : arrived);
        done += arrived;
    }
    return done;
}

}  // namespace eremite::ipc
