#include "libos/block/device.hpp"

#include <algorithm>
#include <utility>

namespace eremite::block {

namespace {

// Cuts a list of segments into lists that a device takes.
class Cutter {
public:
    Cutter(std::span<const Segment> memory, const Limits& limits) : rest_{memory}, limits_{limits} {}
    [[nodiscard]] bool empty() const { return rest_.empty(); }
    // Puts the next pieces into `out`, at least one; returns how many.
    size_t next(std::span<Segment> out) {
        size_t count = 0;
        while (count < out.size() && !rest_.empty()) {
            const Segment& first = rest_.front();
            const uint32_t length = std::min(first.length - done_, limits_.segment_bytes);
            out[count++] = {first.address + done_, length};
            done_ += length;
            if (done_ < first.length) continue;
            rest_ = rest_.subspan(1);
            done_ = 0;
        }
        return count;
    }

private:
    std::span<const Segment> rest_;
    uint32_t done_ = 0;  // bytes of the first one
    const Limits& limits_;
};

uint64_t bytes_of(std::span<const Segment> memory) {
    uint64_t bytes = 0;
    for (const Segment& segment : memory) bytes += segment.length;
    return bytes;
}

}  // namespace

Result<void> Device::check(uint64_t sector, uint64_t count) const {
    const uint64_t unit = limits_.block_size / sector_size;
    if (sector > limits_.sectors || count > limits_.sectors - sector || sector % unit != 0 || count % unit != 0) return Error{EINVAL};
    return {};
}

Result<void> Transfer::start(uint64_t sector, std::span<const Segment> memory) {
    if (!result_.ok()) return result_;
    const Limits& limits = device_.limits();
    if (operation_ == Operation::Write && limits.read_only) return Error{EROFS};
    for (const Segment& segment : memory)
        if (segment.length == 0 || segment.length % limits.block_size != 0) return Error{EINVAL};
    TRY(device_.check(sector, bytes_of(memory) / sector_size));
    const size_t segments = std::min<size_t>(most_segments, limits.segments);
    Cutter cutter{memory, limits};
    while (!cutter.empty() && result_.ok()) {
        if (started_ - finished_ == pieces_.size()) wait_for_oldest();
        Piece& piece = pieces_[started_++ % pieces_.size()];
        const size_t count = cutter.next(std::span{piece.segments}.first(segments));
        piece.request.operation = operation_;
        piece.request.sector = sector;
        piece.request.memory = std::span{piece.segments}.first(count);
        sector += bytes_of(piece.request.memory) / sector_size;
        device_.submit(piece.request);
    }
    return result_;
}

void Transfer::wait_for_oldest() {
    const auto done = device_.wait(pieces_[finished_++ % pieces_.size()].request);
    if (result_.ok()) result_ = done;
}

Result<void> Transfer::finish() {
    const bool any = started_ != 0;
    while (finished_ < started_) wait_for_oldest();
    started_ = finished_ = 0;
    // Those that failed may have changed something, too.
    if (any && operation_ == Operation::Write) device_.changes_.fetch_add(1);
    return std::exchange(result_, Result<void>{});
}

Result<void> Device::transfer(Operation operation, uint64_t sector, std::span<const Segment> memory) {
    Transfer transfer{*this, operation};
    const auto started = transfer.start(sector, memory);
    const auto done = transfer.finish();
    return done.ok() ? started : done;
}

Result<void> Device::ask(Request& request) {
    submit(request);
    return wait(request);
}

Result<void> Device::flush() {
    const uint64_t before = changes_.load();
    if (limits_.read_only || lasting_changes_.load() >= before) return {};
    Request request;
    request.operation = Operation::Flush;
    TRY(ask(request));
    uint64_t known = lasting_changes_.load();
    while (known < before && !lasting_changes_.compare_exchange_weak(known, before)) {
    }
    return {};
}

Result<void> Device::in_pieces(Operation operation, uint64_t sector, uint64_t count, uint32_t most) {
    while (count > 0) {
        Request request;
        request.operation = operation;
        request.sector = sector;
        request.sectors = std::min<uint64_t>(count, most);
        const auto done = ask(request);
        changes_.fetch_add(1);
        TRY(done);
        sector += request.sectors;
        count -= request.sectors;
    }
    return {};
}

Result<void> Device::discard(uint64_t sector, uint64_t count) {
    if (limits_.read_only) return Error{EROFS};
    TRY(check(sector, count));
    if (limits_.discard_sectors == 0) return {};
    const uint64_t unit = limits_.discard_alignment;
    const uint64_t first = (sector + unit - 1) / unit * unit, end = (sector + count) / unit * unit;
    if (end <= first) return {};
    return in_pieces(Operation::Discard, first, end - first, limits_.discard_sectors);
}

Result<void> Device::write_zeroes(uint64_t sector, uint64_t count) {
    if (limits_.read_only) return Error{EROFS};
    TRY(check(sector, count));
    if (limits_.zeroes_sectors == 0) return Error{EOPNOTSUPP};
    return in_pieces(Operation::WriteZeroes, sector, count, limits_.zeroes_sectors);
}

}  // namespace eremite::block
