#include "libos/drivers/virtio_blk.hpp"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/arch/supervisor.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/cpus.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

namespace {

using block::Operation;
using block::Request;

constexpr uint16_t slot_count = 64;
// Of data; header and status come with them.
constexpr uint16_t most_segments = 62;
// A host whose disk is busy may take long, but not for ever.
constexpr Duration patience = Duration::seconds(60);
constexpr uint8_t no_answer = 0xff;

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
constexpr uint64_t wanted_features = bit(VIRTIO_BLK_F_SIZE_MAX) | bit(VIRTIO_BLK_F_SEG_MAX) | bit(VIRTIO_BLK_F_RO) | bit(VIRTIO_BLK_F_BLK_SIZE) |
                                     bit(VIRTIO_BLK_F_FLUSH) | bit(VIRTIO_BLK_F_MQ) | bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES);

uint32_t type_of(Operation operation) {
    switch (operation) {
        case Operation::Read: return VIRTIO_BLK_T_IN;
        case Operation::Write: return VIRTIO_BLK_T_OUT;
        case Operation::Flush: return VIRTIO_BLK_T_FLUSH;
        case Operation::Discard: return VIRTIO_BLK_T_DISCARD;
        case Operation::WriteZeroes: return VIRTIO_BLK_T_WRITE_ZEROES;
    }
    return VIRTIO_BLK_T_FLUSH;
}

// A queue of the device and what its requests need beside their data.
class RequestQueue {
public:
    Result<void> start(virtio::Device& device, uint16_t index) {
        device_ = &device;
        // Without indirect descriptors each request takes several of the queue's.
        const uint16_t size = device.has(VIRTIO_RING_F_INDIRECT_DESC) ? slot_count : 4 * slot_count;
        queue_ = TRY(device.start_queue(index, {.size = size,
                                                .indirect_segments = most_segments + 2,
                                                .cpu = index % arch::cpu_count(),
                                                .ready = {[](void* self) { static_cast<RequestQueue*>(self)->finish_requests(); }, this}}));
        static_assert(sizeof(Envelope) * slot_count <= page_size);
        // SAFETY: the page is ours for good.
        envelopes_ = direct_map(TRY(mm::page_allocator().allocate(0))).as<Envelope>();
        return {};
    }
    // Segments that always find room, once other requests are done.
    [[nodiscard]] uint16_t segments() const {
        const virtio::QueueShape& shape = queue_->shape();
        const uint16_t all = shape.indirect_segments != 0 ? shape.indirect_segments : shape.size;
        return all <= 2 ? uint16_t{0} : std::min<uint16_t>(most_segments, static_cast<uint16_t>(all - 2));
    }
    [[nodiscard]] bool packed() const { return queue_->shape().packed; }

    void submit(Request& request) {
        const sync::Guard guard{lock_};
        request.done = false;
        request.error = 0;
        for (;;) {
            const auto added = add(request, type_of(request.operation));
            if (added.ok()) return queue_->kick();
            if (added.code() != ENOSPC || device_->health() != virtio::Health::Working) return finish(request, EIO);
            if (sleep(room_, platform::monotonic_now() + patience) == sched::Wakeup::TimedOut) give_up();
        }
    }

    Result<void> wait(Request& request) {
        const sync::Guard guard{lock_};
        const Instant begin = platform::monotonic_now(), deadline = begin + patience;
        look_for(request, begin + poll_time_);
        while (!request.done) {
            if (sleep(request.waiting, deadline) != sched::Wakeup::TimedOut || request.done) continue;
            give_up();
            // A device that was stopped gives its requests back at once; one that does not stop has this one for good.
            if (device_->health() != virtio::Health::Stopped) forget(request);
        }
        poll_time_ = std::min(sched::adapted_poll_time(poll_time_, platform::monotonic_now() - begin), sched::longest_idle_poll());
        return request.error != 0 ? Result<void>{Error{request.error}} : Result<void>{};
    }

    // GET_ID (section 5.2.6). Waits in a loop: this is for the start, when locks are held.
    Result<void> read_serial(std::span<char, VIRTIO_BLK_ID_BYTES> serial) {
        const PhysicalAddress page = TRY(mm::page_allocator().allocate(0));
        std::memset(direct_map(page).as<char>(), 0, serial.size());
        const block::Segment segment{page, VIRTIO_BLK_ID_BYTES};
        Request request;
        request.memory = {&segment, 1};
        const sync::Guard guard{lock_};
        request.done = false;
        TRY(add(request, VIRTIO_BLK_T_GET_ID));
        queue_->kick();
        constexpr Duration soon = Duration::seconds(5);
        const Instant deadline = platform::monotonic_now() + soon;
        while (!request.done) {
            if (platform::monotonic_now() > deadline) {
                give_up();
                forget(request);
            }
            arch::relax();
            take_all();
        }
        std::copy_n(direct_map(page).as<const char>(), serial.size(), serial.data());
        // A device that does not stop may still write there.
        if (device_->health() != virtio::Health::Broken) mm::page_allocator().free(page, 0);
        return request.error != 0 ? Result<void>{Error{request.error}} : Result<void>{};
    }

private:
    // What surrounds a request's data, and which request it is.
    struct Envelope {
        virtio_blk_outhdr header;
        virtio_blk_discard_write_zeroes range;
        uint8_t status;
    };
    struct Slot {
        Request* request = nullptr;  // null: whoever waited has given up
        bool used = false;
    };

    // All of these require the lock.
    Result<void> add(Request& request, uint32_t type) {
        Slot* const slot = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.used; });
        if (slot == slots_.end()) return Error{ENOSPC};
        Envelope& envelope = envelopes_[slot - slots_.begin()];
        const PhysicalAddress at = physical_of_direct_map(VirtualAddress{&envelope});
        envelope = {{type, 0, request.sector}, {}, no_answer};
        std::array<virtio::Segment, most_segments + 3> segments;
        size_t count = 0;
        segments[count++] = {at, sizeof envelope.header};
        if (request.operation == Operation::Discard || request.operation == Operation::WriteZeroes) {
            envelope.header.sector = 0;
            envelope.range = {request.sector, static_cast<uint32_t>(request.sectors), 0};
            segments[count++] = {at + offsetof(Envelope, range), sizeof envelope.range};
        }
        for (const block::Segment& piece : request.memory) {
            if (count + 1 >= segments.size()) return Error{EINVAL};
            segments[count++] = {piece.address, piece.length};
        }
        segments[count++] = {at + offsetof(Envelope, status), sizeof envelope.status};
        const std::span all{segments.data(), count};
        const bool reads = request.operation == Operation::Read;
        const size_t readable = reads ? 1 : count - 1;
        TRY(queue_->add(all.first(readable), all.subspan(readable), slot));
        *slot = {&request, true};
        return {};
    }

    // Of a finished request: what the device says, which is not to be trusted.
    [[nodiscard]] int judge(const Slot& slot, const virtio::Completion& completion) const {
        if (completion.error != 0) return completion.error;
        const uint8_t status = virtio::load(envelopes_[&slot - slots_.data()].status);
        if (status != VIRTIO_BLK_S_OK) return EIO;
        // Memory that was not written must not pass for data. Devices of before version 1 may say anything.
        const Request& request = *slot.request;
        uint64_t bytes = 0;
        if (request.operation == Operation::Read && !queue_->shape().legacy)
            for (const block::Segment& piece : request.memory) bytes += piece.length;
        return completion.written >= bytes ? 0 : EIO;
    }

    // An answer that comes soon need not interrupt, as long as nobody else has a use for the CPU.
    void look_for(const Request& request, Instant end) {
        while (!request.done && platform::monotonic_now() < end && !sched::others_are_ready() && !arch::interrupt_is_pending()) take_all();
    }

    // Until something was taken back from the device, which interrupts for those who sleep only.
    sched::Wakeup sleep(sched::WaitQueue& queue, Instant deadline) {
        if (queue_->enable_interrupts()) {
            take_all();
            return sched::Wakeup::Woken;
        }
        ++sleepers_;
        const sched::Wakeup why = queue.wait_uninterruptibly(lock_, deadline);
        --sleepers_;
        return why;
    }

    static void finish(Request& request, int error) {
        request.error = error;
        request.done = true;
        request.waiting.wake_all();
    }

    void forget(Request& request) {
        for (Slot& slot : slots_)
            if (slot.request == &request) slot.request = nullptr;
        finish(request, EIO);
    }

    void give_up() {
        if (device_->health() == virtio::Health::Working) device_->fail("it does not answer");
        take_all();
    }

    void take_all() {
        while (const auto completion = queue_->take()) {
            auto& slot = *static_cast<Slot*>(completion->token);
            if (slot.request) finish(*slot.request, judge(slot, *completion));
            slot = {};
        }
        room_.wake_all();
    }

    // Called by the device's interrupt.
    void finish_requests() {
        const sync::Guard guard{lock_};
        do take_all();
        while (sleepers_ != 0 && queue_->enable_interrupts());
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    sched::WaitQueue room_;
    unsigned sleepers_ = 0;
    Duration poll_time_{};
    std::array<Slot, slot_count> slots_{};
    Envelope* envelopes_ = nullptr;
    virtio::Device* device_ = nullptr;
    virtio::Queue* queue_ = nullptr;
};

class Disk final : public block::Device {
public:
    explicit Disk(virtio::Transport& transport) : device_{transport} {}

    Result<void> start() {
        TRY(device_.negotiate(wanted_features));
        TRY(read_limits());
        const unsigned offered = device_.has(VIRTIO_BLK_F_MQ) ? device_.read_configuration<uint16_t>(offsetof(virtio_blk_config, num_queues)) : 1;
        const unsigned queues = std::clamp<unsigned>(offered, 1, std::min<unsigned>(most_queues, arch::cpu_count()));
        for (; queue_count_ < queues; ++queue_count_) TRY(queues_[queue_count_].start(device_, static_cast<uint16_t>(queue_count_)));
        limits_.segments = std::min(limits_.segments, queues_[0].segments());
        if (limits_.segments == 0) return Error{ENOTSUP};
        device_.start();
        // Devices need not have a number.
        if (!queues_[0].read_serial(serial_).ok()) serial_ = {};
        log::info("virtio-blk: {}, {} ring, {} queues, \"{}\", {} sectors{}", device_.transport().name(), queues_[0].packed() ? "packed" : "split",
                  queue_count_, serial(), limits_.sectors, limits_.read_only ? ", read-only" : "");
        return {};
    }

    [[nodiscard]] std::string_view serial() const {
        return {serial_.data(), static_cast<size_t>(std::find(serial_.begin(), serial_.end(), '\0') - serial_.begin())};
    }
    [[nodiscard]] bool claim() { return !std::exchange(claimed_, true); }
    [[nodiscard]] bool claimed() const { return claimed_; }
    [[nodiscard]] const char* name() const override { return name_.data(); }
    void set_name(size_t index) { name_[2] = static_cast<char>('a' + index); }

    void submit(Request& request) override {
        // Without a cache there is nothing to flush.
        if (request.operation == Operation::Flush && !device_.has(VIRTIO_BLK_F_FLUSH)) {
            request.done = true;
            request.error = 0;
            return;
        }
        request.queue = static_cast<uint16_t>(arch::cpu_index() % queue_count_);
        queues_[request.queue].submit(request);
    }
    Result<void> wait(Request& request) override { return queues_[request.queue].wait(request); }

private:
    static constexpr unsigned most_queues = 8;

    template <typename T>
    [[nodiscard]] T configuration(size_t offset) { return device_.read_configuration<T>(static_cast<uint32_t>(offset)); }

    // Section 5.2.4. What makes no sense is not used.
    Result<void> read_limits() {
        limits_.sectors = std::min<uint64_t>(configuration<uint64_t>(offsetof(virtio_blk_config, capacity)), INT64_MAX / block::sector_size);
        limits_.read_only = device_.has(VIRTIO_BLK_F_RO);
        if (device_.has(VIRTIO_BLK_F_BLK_SIZE)) limits_.block_size = configuration<uint32_t>(offsetof(virtio_blk_config, blk_size));
        const bool power_of_two = (limits_.block_size & (limits_.block_size - 1)) == 0;
        if (!power_of_two || limits_.block_size < block::sector_size || limits_.block_size > page_size) return Error{ENOTSUP};
        if (device_.has(VIRTIO_BLK_F_SIZE_MAX)) {
            const uint32_t most = configuration<uint32_t>(offsetof(virtio_blk_config, size_max)) & ~(limits_.block_size - 1);
            if (most == 0) return Error{ENOTSUP};
            limits_.segment_bytes = most;
        } else {
            limits_.segment_bytes = uint32_t{1} << 30;
        }
        limits_.segments = 1;
        if (device_.has(VIRTIO_BLK_F_SEG_MAX)) {
            const auto most = configuration<uint32_t>(offsetof(virtio_blk_config, seg_max));
            limits_.segments = static_cast<uint16_t>(std::clamp<uint32_t>(most, 1, most_segments));
        }
        const uint32_t unit = limits_.block_size / block::sector_size;
        if (device_.has(VIRTIO_BLK_F_DISCARD)) {
            limits_.discard_sectors = configuration<uint32_t>(offsetof(virtio_blk_config, max_discard_sectors)) / unit * unit;
            const auto alignment = configuration<uint32_t>(offsetof(virtio_blk_config, discard_sector_alignment));
            limits_.discard_alignment = std::max({alignment, unit, uint32_t{1}});
            limits_.discard_sectors = limits_.discard_sectors / limits_.discard_alignment * limits_.discard_alignment;
        }
        if (device_.has(VIRTIO_BLK_F_WRITE_ZEROES))
            limits_.zeroes_sectors = configuration<uint32_t>(offsetof(virtio_blk_config, max_write_zeroes_sectors)) / unit * unit;
        return {};
    }

    virtio::Device device_;
    std::array<RequestQueue, most_queues> queues_;
    unsigned queue_count_ = 0;
    std::array<char, VIRTIO_BLK_ID_BYTES> serial_{};
    std::array<char, 4> name_{'v', 'd', 'a', 0};
    bool claimed_ = false;
};

constexpr size_t most_disks = 26;
constinit sync::Spinlock disks_lock{sync::Rank::DeviceStart};
constinit std::array<Disk*, most_disks> disks{};
constinit size_t disk_count = 0;

// Starts one disk more. ENODEV: that were all.
Result<void> start_next() {
    if (disk_count == most_disks) return Error{ENODEV};
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_BLOCK));
    auto* const disk = new (std::nothrow) Disk{*transport};
    if (!disk) return Error{ENOMEM};
    disk->set_name(disk_count);
    if (const auto started = disk->start(); !started.ok()) {
        log::warn("virtio-blk: a disk cannot be used: error {}", started.code());
        delete disk;
        return started;
    }
    disks[disk_count++] = disk;
    return {};
}

}  // namespace

Result<block::Device*> claim_virtio_disk(std::string_view serial) {
    const sync::Guard guard{disks_lock};
    int failure = ENODEV;
    for (size_t i = 0;; ++i) {
        while (i == disk_count) {
            const auto started = start_next();
            if (started.ok()) break;
            if (started.code() == ENODEV) return Error{failure};
            failure = started.code();
        }
        if (disks[i]->serial() != serial) continue;
        if (!disks[i]->claim()) return Error{EBUSY};
        return disks[i];
    }
}

size_t start_virtio_disks() {
    const sync::Guard guard{disks_lock};
    while (start_next().code() != ENODEV) {
    }
    return disk_count;
}

Result<block::Device*> virtio_disk(size_t index) {
    const sync::Guard guard{disks_lock};
    if (index >= disk_count) return Error{ENXIO};
    if (disks[index]->claimed()) return Error{EBUSY};
    return disks[index];
}

}  // namespace eremite::drivers
