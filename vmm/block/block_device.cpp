#include "vmm/block/block_device.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"

namespace eremite::vmm::block {

namespace {

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
// Header and status come with them, so that a driver without indirect descriptors can use them all.
constexpr uint32_t most_segments = BlockDevice::depth - 2;
// The host's file systems give back memory by such blocks.
constexpr uint32_t discard_alignment = 4096 / sector_size;
// Of an operation that the host interrupts, or does in parts without an end.
constexpr unsigned most_tries = 4096;

Operation::Kind operation_of(const Request& request, bool can_zero) {
    switch (request.kind) {
        case Request::Kind::Read: return Operation::Kind::Read;
        case Request::Kind::Write: return Operation::Kind::Write;
        case Request::Kind::Discard: return Operation::Kind::Punch;
        case Request::Kind::WriteZeroes: return request.may_unmap || !can_zero ? Operation::Kind::Punch : Operation::Kind::Zero;
        default: return Operation::Kind::Sync;
    }
}

}  // namespace

BlockDevice::BlockDevice(virtio::Host& host, std::string name, Disk disk, std::string serial, std::unique_ptr<IoEngine> engine)
    : host_{host}, name_{std::move(name)}, serial_{std::move(serial)}, disk_{std::move(disk)}, engine_{std::move(engine)}, slots_(depth) {
    if (serial_.size() > VIRTIO_BLK_ID_BYTES) throw Error{"a disk's serial number has 20 bytes at most: " + serial_};
    for (uint32_t i = depth; i > 0; --i) free_.push_back(i - 1);
    host_.loop().add_event(engine_->event(), [this] {
        const std::lock_guard guard{host_.lock()};
        take_outcomes();
    });
}

BlockDevice::BlockDevice(virtio::Host& host, std::string name, Disk disk, std::string serial)
    : BlockDevice{host, std::move(name), Disk{}, std::move(serial), make_io_engine(disk.file.get(), depth)} {
    disk_ = std::move(disk);
}

BlockDevice::~BlockDevice() { host_.loop().remove(engine_->event()); }

uint64_t BlockDevice::features() const {
    const uint64_t changes = disk_.can_punch ? bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES) : 0;
    return bit(VIRTIO_BLK_F_SEG_MAX) | bit(VIRTIO_BLK_F_BLK_SIZE) | bit(VIRTIO_BLK_F_FLUSH) | (disk_.read_only ? bit(VIRTIO_BLK_F_RO) : changes);
}

void BlockDevice::read_configuration(uint32_t offset, std::span<std::byte> to) const {
    virtio_blk_config configuration{};
    configuration.capacity = disk_.sectors;
    configuration.seg_max = most_segments;
    configuration.blk_size = disk_.block_size;
    if (disk_.can_punch) {
        configuration.max_discard_sectors = configuration.max_write_zeroes_sectors = most_range_sectors;
        configuration.max_discard_seg = configuration.max_write_zeroes_seg = 1;
        configuration.discard_sector_alignment = std::max(discard_alignment, disk_.block_size / sector_size);
        configuration.write_zeroes_may_unmap = 1;
    }
    virtio::read_structure(configuration, offset, to);
}

void BlockDevice::start(uint64_t features, std::span<virtio::Queue* const> queues) {
    queue_ = queues[0];
    // Section 5.2.6.2: what is durable when.
    durable_ = (features & bit(VIRTIO_BLK_F_FLUSH)) == 0;
    broken_ = false;
}

void BlockDevice::stop() {
    // What was begun cannot be called back, and reads write into the guest's memory.
    Outcome outcome;
    while (under_way_ > 0) {
        engine_->wait();
        while (engine_->take(outcome)) --under_way_;
    }
    queue_ = nullptr;
    flushes_.clear();
    free_.clear();
    for (uint32_t i = depth; i > 0; --i) {
        slots_[i - 1].state = Slot::State::Free;
        free_.push_back(i - 1);
    }
}

void BlockDevice::finish() {
    // A driver may start without setting up the queue.
    if (!queue_) return;
    for (take_what_is_done(); under_way_ > 0 || !flushes_.empty(); take_what_is_done())
        if (under_way_ > 0) engine_->wait();
}

void BlockDevice::list_needs(sandbox::Needs& needs) const {
    needs.add_calls({SYS_preadv, SYS_pwritev, SYS_pwritev2, SYS_fdatasync, SYS_fallocate, SYS_io_uring_enter});
}

void BlockDevice::make_threads() { engine_->start(); }

void BlockDevice::notified(uint16_t) { take_requests(); }

void BlockDevice::take_requests() {
    if (!queue_ || broken_) return;
    // Requests that are answered at once may come without an end, and others want the lock.
    unsigned left = depth;
    do {
        queue_->disable_notifications();
        while (left > 0 && !free_.empty() && queue_->pop(slots_[free_.back()].chain)) {
            --left;
            const uint32_t slot = free_.back();
            if (slots_[slot].chain.writable.empty()) {
                broken_ = true;
                break;
            }
            free_.pop_back();
            begin(slot);
        }
        take_what_is_done();
        // With none left to be taken, those that are done take more.
    } while (left > 0 && !broken_ && !free_.empty() && queue_->enable_notifications());
    if (left == 0) signal_event(engine_->event());
    if (queue_->broken()) host_.needs_reset("a queue is broken");
    else if (broken_) host_.needs_reset("a request has no room for its answer");
}

void BlockDevice::begin(uint32_t index) {
    Slot& slot = slots_[index];
    slot.number = next_number_++;
    slot.done = 0;
    slot.tries = 0;
    slot.state = Slot::State::UnderWay;
    parse(slot.chain, disk_, slot.request);
    switch (slot.request.kind) {
        case Request::Kind::None: return answer(index, slot.request.refusal);
        case Request::Kind::Identify: return identify(index);
        case Request::Kind::Flush:
            slot.state = Slot::State::Waiting;
            flushes_.push_back(index);
            return begin_flushes();
        default: return submit(index);
    }
}

void BlockDevice::submit(uint32_t index) {
    Slot& slot = slots_[index];
    const Request& request = slot.request;
    if (slot.done != 0) {
        slot.rest.clear();
        slice(request.memory, slot.done, request.length - slot.done, slot.rest);
    }
    ++under_way_;
    engine_->submit(index, {.kind = operation_of(request, can_zero_),
                            .durable = durable_,
                            .offset = request.offset + slot.done,
                            .length = request.length - slot.done,
                            .memory = std::span<const iovec>{slot.done != 0 ? slot.rest.data() : request.memory.data(),
                                                             slot.done != 0 ? slot.rest.size() : request.memory.size()}});
}

// GET_ID: padded with zeros, which need not be there.
void BlockDevice::identify(uint32_t index) {
    std::array<std::byte, VIRTIO_BLK_ID_BYTES> padded{};
    std::copy_n(std::as_bytes(std::span{serial_}).begin(), serial_.size(), padded.begin());
    slots_[index].request.length = virtio::copy_to(slots_[index].request.memory, 0, padded);
    answer(index, VIRTIO_BLK_S_OK);
}

void BlockDevice::begin_flushes() {
    while (!flushes_.empty()) {
        const uint32_t index = flushes_.front();
        const uint64_t number = slots_[index].number;
        const bool waits = std::any_of(slots_.begin(), slots_.end(), [number](const Slot& slot) {
            const Request::Kind kind = slot.request.kind;
            return slot.state == Slot::State::UnderWay && slot.number < number && kind != Request::Kind::Read && kind != Request::Kind::Flush;
        });
        if (waits) return;
        flushes_.erase(flushes_.begin());
        slots_[index].state = Slot::State::UnderWay;
        submit(index);
    }
}

void BlockDevice::take_outcomes() {
    // After stop() nothing is under way, and an event is one of before.
    if (!queue_) return;
    take_what_is_done();
    take_requests();
}

// Begins what was submitted, and answers what is done, as much of it is at once: what is in the host's memory.
void BlockDevice::take_what_is_done() {
    Outcome outcome;
    for (engine_->kick(); engine_->take(outcome); engine_->kick()) {
        do {
            --under_way_;
            finish_part(outcome);
        } while (engine_->take(outcome));
        begin_flushes();
    }
    queue_->flush();
}

void BlockDevice::finish_part(const Outcome& outcome) {
    const uint32_t index = outcome.slot;
    Slot& slot = slots_[index];
    const Request::Kind kind = slot.request.kind;
    const bool transfers = kind == Request::Kind::Read || kind == Request::Kind::Write;
    const bool changes_room = kind == Request::Kind::Discard || kind == Request::Kind::WriteZeroes;
    const bool again = ++slot.tries < most_tries;
    if (outcome.result == -EINTR || outcome.result == -EAGAIN) return again ? submit(index) : fail(index, EAGAIN);
    if (outcome.result == -EOPNOTSUPP && changes_room) {
        // A discard is a hint. Zeros are not, and a hole has them too.
        if (kind == Request::Kind::Discard) return answer(index, VIRTIO_BLK_S_OK);
        if (std::exchange(slot.request.may_unmap, true)) return answer(index, VIRTIO_BLK_S_UNSUPP);
        can_zero_ = false;
        return submit(index);
    }
    if (outcome.result < 0) return fail(index, static_cast<int>(-outcome.result));
    if (transfers) {
        // A file that somebody cut short has nothing more, and that is an error here.
        if (outcome.result == 0) return fail(index, EIO);
        slot.done += static_cast<uint64_t>(outcome.result);
        if (slot.done < slot.request.length) return again ? submit(index) : fail(index, EIO);
    }
    if (changes_room && durable_) {
        slot.request.kind = Request::Kind::Flush;
        return submit(index);
    }
    answer(index, VIRTIO_BLK_S_OK);
}

void BlockDevice::fail(uint32_t index, int error) {
    if (std::exchange(last_error_, error) != error)
        std::fprintf(stderr, "cell: %s: the host's disk fails: %s\n", name_.c_str(), std::strerror(error));
    answer(index, VIRTIO_BLK_S_IOERR);
}

void BlockDevice::answer(uint32_t index, uint8_t status) {
    Slot& slot = slots_[index];
    const virtio::Chain& chain = slot.chain;
    virtio::copy_to(chain.writable, chain.writable_bytes - 1, std::as_bytes(std::span{&status, 1}));
    // Section 2.7.8.2: no more than what was written from the start on; behind data that is not there the status does not count.
    const bool reads = slot.request.kind == Request::Kind::Read || slot.request.kind == Request::Kind::Identify;
    const uint64_t data = slot.request.kind == Request::Kind::Identify ? slot.request.length : reads ? slot.done : 0;
    const bool whole = data == chain.writable_bytes - 1;
    queue_->push(chain.head, static_cast<uint32_t>(data + (whole ? 1 : 0)));
    slot.state = Slot::State::Free;
    free_.push_back(index);
}

}  // namespace eremite::vmm::block
