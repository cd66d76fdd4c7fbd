#include "libos/drivers/virtio/device.hpp"

#include <linux/virtio_config.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "libos/arch/cpu.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "virtio/packed_queue.hpp"
#include "virtio/split_queue.hpp"

namespace eremite::virtio {

namespace {

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }

// What the queues know how to do. Our addresses are those of the machine, so that a device behind an address translation that
// is off may be told so (ACCESS_PLATFORM); our barriers are those of the CPU (ORDER_PLATFORM).
constexpr uint64_t ring_features = bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_F_RING_PACKED) | bit(VIRTIO_RING_F_INDIRECT_DESC) | bit(VIRTIO_RING_F_EVENT_IDX) |
                                   bit(VIRTIO_F_ACCESS_PLATFORM) | bit(VIRTIO_F_ORDER_PLATFORM);

constexpr uint8_t acknowledged = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

}  // namespace

Device::TellTimer::TellTimer(Device& owner) : Timer{[](Timer& timer) { static_cast<TellTimer&>(timer).device.tell_all_queues(); }}, device{owner} {}

Device::Device(Transport& transport) : transport_{transport}, tell_timer_{*this} {}

Device::~Device() {
    // One that does not come to rest keeps its memory: it may still write there.
    const bool stopped = reset().ok();
    tell_timer_.cancel();
    for (Entry* entry : entries_) {
        transport_.disconnect_interrupt(entry->number);
        drivers::disconnect_interrupt(entry->cpu, entry->vector);
        delete entry;
    }
    for (OwnedQueue& owned : queues_)
        if (stopped) destroy(owned);
}

// Section 2.4: done when the status is 0.
Result<void> Device::reset() {
    constexpr uint64_t patience = uint64_t{5} << 30;  // ticks: a second or two
    transport_.set_status(0);
    const uint64_t start = arch::cycle_counter();
    while (transport_.status() != 0) {
        if (arch::cycle_counter() - start > patience) return Error{EIO};
        arch::relax();
    }
    return {};
}

// Section 3.1.1
Result<void> Device::negotiate(uint64_t wanted, uint64_t required) {
    TRY(reset());
    transport_.set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    transport_.set_status(acknowledged);
    const uint64_t offered = transport_.offered_features();
    if (!transport_.legacy()) required |= bit(VIRTIO_F_VERSION_1);
    features_ = offered & (wanted | required | ring_features);
    if (transport_.legacy()) features_ &= UINT32_MAX;
    bool agreed = (features_ & required) == required;
    if (agreed) {
        transport_.accept_features(features_);
        if (!transport_.legacy()) {
            transport_.set_status(acknowledged | VIRTIO_CONFIG_S_FEATURES_OK);
            agreed = transport_.status() & VIRTIO_CONFIG_S_FEATURES_OK;
        }
    }
    if (agreed) return {};
    transport_.set_status(VIRTIO_CONFIG_S_FAILED);
    return Error{ENOTSUP};
}

void Device::start() {
    if (transport_.interrupt_count() > 0 && !connect(0, 0).ok()) log::warn("virtio: no interrupt for the configuration of a device");
    started_.store(true, std::memory_order_release);
    transport_.set_status(acknowledged | (transport_.legacy() ? 0 : VIRTIO_CONFIG_S_FEATURES_OK) | VIRTIO_CONFIG_S_DRIVER_OK);
    if (transport_.interrupt_count() > 0) return;
    log::warn("virtio: a device of type {} has no messages (MSI-X) and is polled", transport_.device_type());
    tell_timer_.start({});
}

Result<Device::OwnedQueue> Device::make_queue(uint16_t index, const QueueOptions& options) {
    const uint16_t limit = transport_.queue_limit(index);
    QueueShape shape;
    shape.legacy = transport_.legacy();
    shape.packed = has(VIRTIO_F_RING_PACKED);
    shape.event_index = has(VIRTIO_RING_F_EVENT_IDX);
    shape.indirect_segments = has(VIRTIO_RING_F_INDIRECT_DESC) ? options.indirect_segments : uint16_t{0};
    shape.size = transport_.has_fixed_queue_size() ? limit : std::min(limit, options.size);
    if (shape.size == 0) return Error{ENODEV};
    if (!shape.packed && shape.size != std::bit_floor(shape.size)) {
        if (transport_.has_fixed_queue_size()) return Error{EIO};
        shape.size = std::bit_floor(shape.size);
    }
    OwnedQueue owned;
    const size_t bytes = layout_of(shape).bytes;
    owned.order = static_cast<unsigned>(std::bit_width((bytes - 1) >> page_shift));
    if (owned.order > mm::PageAllocator::maximum_order) return Error{ENOMEM};
    owned.memory = TRY(mm::page_allocator().allocate(owned.order));
    owned.ready = options.ready;
    void* const shared = direct_map(owned.memory).as<void>();
    std::memset(shared, 0, bytes);
    owned.slots = new (std::nothrow) Slot[shape.size];
    const QueueMemory memory{shared, owned.memory, {owned.slots, shape.size}};
    if (owned.slots) {
        if (shape.packed) owned.queue = new (std::nothrow) PackedQueue{shape, memory, *this, index};
        else owned.queue = new (std::nothrow) SplitQueue{shape, memory, *this, index};
    }
    if (owned.queue) return owned;
    destroy(owned);
    return Error{ENOMEM};
}

void Device::destroy(OwnedQueue& owned) {
    delete owned.queue;
    delete[] owned.slots;
    if (owned.memory.value != 0) mm::page_allocator().free(owned.memory, owned.order);
    owned = {};
}

Result<Queue*> Device::start_queue(uint16_t index, const QueueOptions& options) {
    if (index < queues_.size() && queues_[index].queue) return Error{EBUSY};
    if (queues_.size() <= index) TRY(queues_.resize(index + size_t{1}));
    const uint16_t entry = options.interrupts ? entry_for(index) : no_interrupt;
    if (entry != no_interrupt) TRY(connect(entry, options.cpu));
    OwnedQueue owned = TRY(make_queue(index, options));
    const auto started = transport_.start_queue(*owned.queue, entry);
    if (!started.ok()) {
        destroy(owned);
        return started.error();
    }
    queues_[index] = owned;
    return owned.queue;
}

uint16_t Device::entry_for(uint16_t queue) const {
    const uint16_t count = transport_.interrupt_count();
    if (count == 0) return no_interrupt;
    return count == 1 ? uint16_t{0} : static_cast<uint16_t>(1 + queue % (count - 1));
}

Result<void> Device::connect(uint16_t number, unsigned cpu) {
    for (const Entry* entry : entries_)
        if (entry->number == number) return {};
    TRY(entries_.reserve(entries_.size() + 1));
    auto* const entry = new (std::nothrow) Entry{this, number, cpu, 0, {}};
    if (!entry) return Error{ENOMEM};
    entry->interrupt = {[](void* context) {
        const Entry& raised = *static_cast<Entry*>(context);
        raised.device->interrupted(raised);
    }, entry};
    const auto vector = drivers::connect_interrupt(cpu, entry->interrupt);
    if (!vector.ok()) {
        delete entry;
        return vector.error();
    }
    entry->vector = vector.value();
    const auto connected = transport_.connect_interrupt(number, cpu, entry->vector);
    if (!connected.ok()) {
        drivers::disconnect_interrupt(cpu, entry->vector);
        delete entry;
        return connected;
    }
    return entries_.push_back(entry);
}

void Device::interrupted(const Entry& entry) {
    const Transport::Events events = transport_.acknowledge(entry.number);
    if (!started_.load(std::memory_order_acquire)) return;
    if (events.queues) {
        const uint16_t count = transport_.interrupt_count();
        // Those for which entry_for gives this one.
        const size_t first = count > 1 ? entry.number - size_t{1} : 0, step = count > 1 ? count - size_t{1} : 1;
        if (count == 1 || entry.number != 0)
            for (size_t i = first; i < queues_.size(); i += step) queues_[i].ready();
    }
    if (events.configuration) look_at_configuration();
}

void Device::look_at_configuration() {
    if (transport_.status() & VIRTIO_CONFIG_S_NEEDS_RESET) fail("it needs a reset");
    else configuration_changed_();
}

uint64_t Device::read_field(uint32_t offset, unsigned width) {
    // Section 2.5.1: read again if it changed meanwhile. A device that never rests gives what it has.
    constexpr int patience = 16;
    uint64_t value = 0;
    for (int i = 0; i < patience; ++i) {
        const uint32_t before = transport_.configuration_generation();
        value = transport_.read_configuration(offset, std::min(width, 4u));
        if (width == 8) value |= uint64_t{transport_.read_configuration(offset + 4, 4)} << 32;
        if (transport_.configuration_generation() == before) break;
    }
    return value;
}

void Device::fail(std::string_view why) {
    Health expected = Health::Working;
    if (!health_.compare_exchange_strong(expected, Health::Broken)) return;
    log::error("a virtio device of type {} is stopped: {}", transport_.device_type(), why);
    if (!reset().ok()) log::error("it does not stop: its memory is lost");
    else health_.store(Health::Stopped, std::memory_order_release);
    // Not from here: our caller may hold a lock that the callbacks take.
    tell_timer_.start({});
}

void Device::tell_all_queues() {
    for (const OwnedQueue& owned : queues_) owned.ready();
    constexpr Duration polling_interval = Duration::milliseconds(1);
    const bool polled = transport_.interrupt_count() == 0 && health() == Health::Working;
    if (polled) tell_timer_.start(platform::monotonic_now() + polling_interval);
    else configuration_changed_();
}

}  // namespace eremite::virtio
