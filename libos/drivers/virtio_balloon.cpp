#include "libos/drivers/virtio_balloon.hpp"

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio/start_driver.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::drivers {

#ifdef EREMITE_BALLOON

namespace {

// Blocks of 2 MiB, below which the host gains little, to 16 MiB, which nobody misses for the moment that the host needs.
constexpr unsigned smallest_order = 9, largest_order = 12;
constexpr Duration interval = Duration::seconds(1);
// Section 5.5.2: behind the queues that inflate and deflate, where no other feature was accepted.
constexpr uint16_t reporting_queue = 2;

class BalloonDevice {
public:
    explicit BalloonDevice(virtio::Transport& transport) : device_{transport}, tick_{*this} {}

    Result<void> start() {
        TRY(device_.negotiate(0, uint64_t{1} << VIRTIO_BALLOON_F_REPORTING));
        queue_ = TRY(device_.start_queue(reporting_queue, {.size = 4,
                                                           .cpu = arch::cpu_index(),
                                                           .ready = {[](void* self) { static_cast<BalloonDevice*>(self)->finish(); }, this}}));
        device_.start();
        log::info("virtio-balloon: {}", device_.transport().name());
        tick_.start(platform::monotonic_now() + interval);
        return {};
    }

private:
    struct Tick : sched::Timer {
        explicit Tick(BalloonDevice& owner) : Timer{[](Timer& timer) { static_cast<Tick&>(timer).device.look(); }}, device{owner} {}
        BalloonDevice& device;
    };

    // Memory that comes and goes is left alone: the host would only have to give it again.
    void look() {
        const sync::Guard guard{lock_};
        if (device_.health() != virtio::Health::Working) return;
        constexpr uint64_t little = uint64_t{1} << smallest_order;
        const uint64_t free = mm::page_allocator().listed_pages();
        const bool idle = free < last_free_ + little && last_free_ < free + little;
        last_free_ = free;
        if (idle && queue_->in_flight() == 0) report();
        tick_.start(platform::monotonic_now() + interval);
    }

    // One block at a time, as long as there is plenty beside it. Requires: the lock.
    void report() {
        mm::PageAllocator& allocator = mm::page_allocator();
        constexpr uint64_t kept_share = 8;
        const auto block = allocator.take_unreported(smallest_order, largest_order, allocator.total_pages() / kept_share);
        if (!block) return;
        block_ = *block;
        const virtio::Segment segment[] = {{block_.address, static_cast<uint32_t>(page_size << block_.order)}};
        if (!queue_->add({}, segment, this).ok()) return allocator.free(block_.address, block_.order);
        queue_->kick();
    }

    void finish() {
        const sync::Guard guard{lock_};
        do {
            while (const auto done = queue_->take()) {
                if (done->error != 0) {
                    mm::page_allocator().free(block_.address, block_.order);
                    return;
                }
                mm::page_allocator().free_reported(block_);
                report();
            }
        } while (queue_->enable_interrupts());
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    virtio::Device device_;
    virtio::Queue* queue_ = nullptr;
    Tick tick_;
    uint64_t last_free_ = 0;               // pages, at the last look
    mm::PageAllocator::Block block_{};     // that the device has
};

}  // namespace

Result<void> start_virtio_balloon() {
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_BALLOON));
    TRY(virtio::start_driver<BalloonDevice>(*transport));
    return {};
}

#else

Result<void> start_virtio_balloon() { return Error{ENODEV}; }

#endif

}  // namespace eremite::drivers
