#include "vmm/virtio/mmio.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"

namespace eremite::vmm::virtio {

namespace {

constexpr uint32_t magic = 0x74726976, version = 2, vendor = 0x544d5245;
constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
constexpr uint64_t transport_features = bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_RING_F_EVENT_IDX) | bit(VIRTIO_RING_F_INDIRECT_DESC);

uint64_t with_half(uint64_t value, uint32_t half, uint32_t part) {
    if (half > 1) return value;
    const unsigned shift = 32 * half;
    return (value & ~(uint64_t{UINT32_MAX} << shift)) | uint64_t{part} << shift;
}

}  // namespace

MmioTransport::MmioTransport(const GuestMemory& memory, int interrupt) : memory_{memory}, interrupt_{interrupt} {}

MmioTransport::~MmioTransport() {
    {
        // While the thread is still there, as at any reset: the kernel calls off what was begun by a thread that ended.
        const std::lock_guard guard{lock_};
        reset();
    }
    loop_.stop();
    if (thread_.joinable()) thread_.join();
}

void MmioTransport::attach(std::unique_ptr<Device> device) {
    device_ = std::move(device);
    queues_.resize(std::min(device_->queue_sizes().size(), most_queues));
    for (size_t i = 0; i < queues_.size(); ++i) {
        queues_[i].notification = make_event();
        loop_.add_event(queues_[i].notification.get(), [this, i] {
            const std::lock_guard guard{lock_};
            if (works() && queues_[i].queue) device_->notified(static_cast<uint16_t>(i));
        });
    }
}

void MmioTransport::run() {
    device_->make_threads();
    thread_ = std::thread{[this] { loop_.run(); }};
}

bool MmioTransport::works() const { return (status_ & VIRTIO_CONFIG_S_DRIVER_OK) != 0 && (status_ & VIRTIO_CONFIG_S_NEEDS_RESET) == 0; }
uint64_t MmioTransport::offered() const { return device_->features() | transport_features; }

void MmioTransport::interrupt(uint32_t cause) {
    interrupt_status_.fetch_or(cause, std::memory_order_release);
    signal_event(interrupt_);
}

void MmioTransport::configuration_changed() {
    ++generation_;
    if ((status_ & VIRTIO_CONFIG_S_DRIVER_OK) != 0) interrupt(VIRTIO_MMIO_INT_CONFIG);
}

void MmioTransport::needs_reset(std::string_view why) {
    if ((status_ & VIRTIO_CONFIG_S_NEEDS_RESET) != 0) return;
    status_ |= VIRTIO_CONFIG_S_NEEDS_RESET;
    // The machine shall not fill anyone's log: it may reset the device and break it again as often as it likes.
    if (complaints_ < most_complaints) {
        const char* const last = ++complaints_ == most_complaints ? "; such is not told again" : "";
        std::fprintf(stderr, "cell: %.*s: %.*s; the device has to be reset%s\n", static_cast<int>(device_->name().size()), device_->name().data(),
                     static_cast<int>(why.size()), why.data(), last);
    }
    if ((status_ & VIRTIO_CONFIG_S_DRIVER_OK) != 0) interrupt(VIRTIO_MMIO_INT_CONFIG);
}

void MmioTransport::read(uint64_t offset, std::span<std::byte> data) {
    std::fill(data.begin(), data.end(), std::byte{0});
    uint32_t value = 0;
    if (offset == VIRTIO_MMIO_INTERRUPT_STATUS) {
        value = interrupt_status_.load(std::memory_order_acquire);
    } else {
        const std::lock_guard guard{lock_};
        if (offset >= VIRTIO_MMIO_CONFIG) {
            if (offset < size) device_->read_configuration(static_cast<uint32_t>(offset - VIRTIO_MMIO_CONFIG), data);
            return;
        }
        value = read_register(static_cast<uint32_t>(offset));
    }
    // Section 4.2.2.2: registers are read in 32 bits; anything else reads as 0.
    if (data.size() == sizeof value) std::memcpy(data.data(), &value, sizeof value);
}

void MmioTransport::write(uint64_t offset, std::span<const std::byte> data) {
    uint32_t value = 0;
    if (offset < VIRTIO_MMIO_CONFIG) {
        if (data.size() != sizeof value) return;
        std::memcpy(&value, data.data(), sizeof value);
    }
    if (offset == VIRTIO_MMIO_INTERRUPT_ACK) {
        interrupt_status_.fetch_and(~value, std::memory_order_acq_rel);
    } else if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
        if (value < queues_.size()) signal_event(notification(value));
    } else {
        const std::lock_guard guard{lock_};
        if (offset < VIRTIO_MMIO_CONFIG) write_register(static_cast<uint32_t>(offset), value);
        else if (offset < size) device_->write_configuration(static_cast<uint32_t>(offset - VIRTIO_MMIO_CONFIG), data);
    }
}

uint32_t MmioTransport::read_register(uint32_t offset) const {
    const bool exists = selected_queue_ < queues_.size();
    switch (offset) {
        case VIRTIO_MMIO_MAGIC_VALUE: return magic;
        case VIRTIO_MMIO_VERSION: return version;
        case VIRTIO_MMIO_DEVICE_ID: return device_->type();
        case VIRTIO_MMIO_VENDOR_ID: return vendor;
        case VIRTIO_MMIO_DEVICE_FEATURES: return offered_half_ > 1 ? 0 : static_cast<uint32_t>(offered() >> (32 * offered_half_));
        case VIRTIO_MMIO_QUEUE_NUM_MAX: return exists ? device_->queue_sizes()[selected_queue_] : 0;
        case VIRTIO_MMIO_QUEUE_READY: return exists && queues_[selected_queue_].ready ? 1 : 0;
        case VIRTIO_MMIO_STATUS: return status_;
        // Section 4.2.2: no shared memory has a length of all ones.
        case VIRTIO_MMIO_SHM_LEN_LOW:
        case VIRTIO_MMIO_SHM_LEN_HIGH:
        case VIRTIO_MMIO_SHM_BASE_LOW:
        case VIRTIO_MMIO_SHM_BASE_HIGH: return UINT32_MAX;
        case VIRTIO_MMIO_CONFIG_GENERATION: return generation_;
        default: return 0;
    }
}

void MmioTransport::write_register(uint32_t offset, uint32_t value) {
    switch (offset) {
        case VIRTIO_MMIO_DEVICE_FEATURES_SEL: offered_half_ = value; break;
        case VIRTIO_MMIO_DRIVER_FEATURES_SEL: accepted_half_ = value; break;
        case VIRTIO_MMIO_DRIVER_FEATURES:
            if ((status_ & VIRTIO_CONFIG_S_FEATURES_OK) == 0) accepted_ = with_half(accepted_, accepted_half_, value);
            break;
        case VIRTIO_MMIO_QUEUE_SEL: selected_queue_ = value; break;
        case VIRTIO_MMIO_STATUS: write_status(value); break;
        default:
            if (selected_queue_ < queues_.size()) write_queue(queues_[selected_queue_], offset, value);
            break;
    }
}

void MmioTransport::write_queue(QueueRegisters& queue, uint32_t offset, uint32_t value) {
    if (offset == VIRTIO_MMIO_QUEUE_READY) {
        // A queue that the device already works with goes with a reset alone.
        if (!queue.queue) queue.ready = (value & 1) != 0;
        return;
    }
    if (queue.ready) return;
    QueueSetup& setup = queue.setup;
    switch (offset) {
        case VIRTIO_MMIO_QUEUE_NUM: setup.size = value <= device_->queue_sizes()[selected_queue_] ? static_cast<uint16_t>(value) : uint16_t{0}; break;
        case VIRTIO_MMIO_QUEUE_DESC_LOW: setup.descriptors = with_half(setup.descriptors, 0, value); break;
        case VIRTIO_MMIO_QUEUE_DESC_HIGH: setup.descriptors = with_half(setup.descriptors, 1, value); break;
        case VIRTIO_MMIO_QUEUE_AVAIL_LOW: setup.driver_area = with_half(setup.driver_area, 0, value); break;
        case VIRTIO_MMIO_QUEUE_AVAIL_HIGH: setup.driver_area = with_half(setup.driver_area, 1, value); break;
        case VIRTIO_MMIO_QUEUE_USED_LOW: setup.device_area = with_half(setup.device_area, 0, value); break;
        case VIRTIO_MMIO_QUEUE_USED_HIGH: setup.device_area = with_half(setup.device_area, 1, value); break;
        default: break;
    }
}

// Section 3.1.1. The driver only ever adds bits; 0 is a reset.
void MmioTransport::write_status(uint32_t value) {
    if (value == 0) return reset();
    const uint32_t added = value & ~status_ & 0xff & ~uint32_t{VIRTIO_CONFIG_S_NEEDS_RESET};
    // Section 2.2.2: without the bit a device does not take what is not offered, nor a driver of before 1.0.
    const bool agreed = (accepted_ & ~offered()) == 0 && (accepted_ & bit(VIRTIO_F_VERSION_1)) != 0;
    status_ |= agreed ? added : added & ~uint32_t{VIRTIO_CONFIG_S_FEATURES_OK};
    if ((added & VIRTIO_CONFIG_S_DRIVER_OK) != 0) start();
}

// Null, or what is wrong with them.
const char* MmioTransport::start_queues(std::vector<Queue*>& ready) {
    ready.assign(queues_.size(), nullptr);
    for (size_t i = 0; i < queues_.size(); ++i) {
        QueueRegisters& queue = queues_[i];
        if (!queue.ready) continue;
        queue.setup.event_index = (accepted_ & bit(VIRTIO_RING_F_EVENT_IDX)) != 0;
        queue.queue = Queue::make(memory_, queue.setup, [this] { interrupt(VIRTIO_MMIO_INT_VRING); });
        if (!queue.queue) return "a queue is not in memory";
        ready[i] = &*queue.queue;
    }
    return nullptr;
}

void MmioTransport::start() {
    if ((status_ & VIRTIO_CONFIG_S_FEATURES_OK) == 0) return needs_reset("the driver started before it had agreed on features");
    std::vector<Queue*> ready;
    if (const char* const why = start_queues(ready)) return needs_reset(why);
    started_ = true;
    device_->start(accepted_, ready);
}

void MmioTransport::save(StateWriter& state) {
    state.begin("virtio device");
    state.add<uint32_t>(device_->type());
    state.add(offered());
    for (const uint32_t value : {status_, offered_half_, accepted_half_, selected_queue_, generation_}) state.add(value);
    state.add(accepted_);
    state.add(interrupt_status_.load());
    state.add<uint64_t>(queues_.size());
    if (started_) device_->finish();
    for (const QueueRegisters& queue : queues_) {
        state.add(queue.setup);
        state.add(queue.ready);
        // What was taken and not answered yet is taken again.
        state.add<uint16_t>(queue.queue ? queue.queue->position().used : 0);
    }
    state.add(started_);
    if (started_) device_->save(state);
}

void MmioTransport::restore(StateReader& state) {
    const std::lock_guard guard{lock_};
    state.begin("virtio device");
    if (state.take<uint32_t>() != device_->type()) throw Error{"the snapshot is of a machine with other devices: give it the same kinds of --net, --mount and --volume"};
    if (state.take<uint64_t>() != offered()) throw Error{std::string{device_->name()} + " can do other things than the one of the snapshot"};
    for (uint32_t* const value : {&status_, &offered_half_, &accepted_half_, &selected_queue_, &generation_}) *value = state.take<uint32_t>();
    accepted_ = state.take<uint64_t>();
    const bool agreed = (accepted_ & ~offered()) == 0 && (accepted_ & bit(VIRTIO_F_VERSION_1)) != 0;
    if (!agreed && (status_ & VIRTIO_CONFIG_S_FEATURES_OK) != 0) throw Error{"the snapshot is damaged: a driver accepted what was not offered"};
    interrupt_status_.store(state.take<uint32_t>());
    if (state.take<uint64_t>() != queues_.size()) throw Error{std::string{device_->name()} + " has another number of queues than the one of the snapshot"};
    std::vector<uint16_t> positions;
    for (size_t i = 0; i < queues_.size(); ++i) {
        queues_[i].setup = state.take<QueueSetup>();
        if (queues_[i].setup.size > device_->queue_sizes()[i]) throw Error{"the snapshot is damaged: a queue is too long"};
        queues_[i].ready = state.take<uint8_t>() != 0;
        positions.push_back(state.take<uint16_t>());
    }
    if (state.take<uint8_t>() == 0) return;
    // Else the driver could start it a second time.
    constexpr uint32_t started_status = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;
    if ((status_ & started_status) != started_status) throw Error{"the snapshot is damaged: a device works without a driver"};
    std::vector<Queue*> ready;
    if (start_queues(ready) != nullptr) throw Error{"the snapshot is damaged: a queue is not in memory"};
    for (size_t i = 0; i < ready.size(); ++i)
        if (ready[i]) ready[i]->set_position({.available = positions[i], .used = positions[i]});
    started_ = true;
    device_->start(accepted_, ready);
    device_->restore(state);
    // There may be requests that nobody is told of any more.
    for (const QueueRegisters& queue : queues_) signal_event(queue.notification.get());
}

void MmioTransport::reset() {
    // A driver may fail before the device got so far.
    if (std::exchange(started_, false)) device_->stop();
    for (QueueRegisters& queue : queues_) {
        queue.queue.reset();
        queue.ready = false;
        queue.setup = {};
    }
    status_ = offered_half_ = accepted_half_ = selected_queue_ = 0;
    accepted_ = 0;
    interrupt_status_.store(0);
}

}  // namespace eremite::vmm::virtio
