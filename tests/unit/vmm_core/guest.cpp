#include "tests/unit/vmm_core/guest.hpp"

#include <poll.h>

#include <algorithm>

namespace eremite::test {

namespace {

// Far more than anything takes: a test that hangs fails.
constexpr int patience_ms = 20'000;

}  // namespace

uint64_t GuestHeap::allocate(size_t bytes, size_t alignment) {
    const uint64_t at = (next_ + alignment - 1) / alignment * alignment;
    next_ = at + bytes;
    if (memory_->piece(at, bytes).empty()) throw std::runtime_error{"the guest's memory is full"};
    return at;
}

std::span<std::byte> GuestHeap::bytes(uint64_t address, size_t length) const {
    const auto piece = memory_->piece(address, length);
    if (piece.size() != length) throw std::runtime_error{"no memory of the guest"};
    return piece;
}

std::string GuestHeap::text(const virtio::Segment& segment) const {
    const auto from = bytes(segment);
    std::string to(from.size(), '\0');
    std::memcpy(to.data(), from.data(), from.size());
    return to;
}

DriverQueue::DriverQueue(GuestHeap& heap, const virtio::QueueShape& shape, uint16_t index) : slots_(shape.size) {
    const size_t bytes = virtio::layout_of(shape).bytes;
    const uint64_t address = heap.allocate(bytes, 4096);
    queue_ = std::make_unique<virtio::SplitQueue>(shape, virtio::QueueMemory{heap.bytes(address, bytes).data(), PhysicalAddress{address}, slots_}, *this, index);
}

vmm::virtio::QueueSetup DriverQueue::setup() const {
    return {queue_->shape().size, queue_->descriptors().value, queue_->driver_area().value, queue_->device_area().value, queue_->shape().event_index};
}

Guest::Guest(uint64_t memory_bytes) : memory{memory_bytes}, transport_{std::make_unique<vmm::virtio::MmioTransport>(memory, interrupt_.get())} {}

std::vector<std::byte> Guest::save() {
    vmm::StateWriter state;
    const std::lock_guard guard{transport_->device_lock()};
    transport_->save(state);
    return {state.bytes().begin(), state.bytes().end()};
}

uint32_t Guest::get(uint32_t reg) {
    uint32_t value = 0;
    transport_->read(reg, std::as_writable_bytes(std::span{&value, 1}));
    return value;
}

void Guest::set(uint32_t reg, uint32_t value) { transport_->write(reg, std::as_bytes(std::span{&value, 1})); }

uint64_t Guest::offered() {
    set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    const uint64_t high = get(VIRTIO_MMIO_DEVICE_FEATURES);
    set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    return high << 32 | get(VIRTIO_MMIO_DEVICE_FEATURES);
}

bool Guest::negotiate(uint64_t features) {
    features |= version_1;
    set(VIRTIO_MMIO_STATUS, 0);
    set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    for (const uint32_t half : {0U, 1U}) {
        set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
        set(VIRTIO_MMIO_DRIVER_FEATURES, static_cast<uint32_t>(features >> (32 * half)));
    }
    set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    return (get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) != 0;
}

void Guest::tell_queue(uint16_t index, const vmm::virtio::QueueSetup& setup) {
    const auto set_both = [&](uint32_t low, uint64_t value) {
        set(low, static_cast<uint32_t>(value));
        set(low + 4, static_cast<uint32_t>(value >> 32));
    };
    set(VIRTIO_MMIO_QUEUE_SEL, index);
    set(VIRTIO_MMIO_QUEUE_NUM, setup.size);
    set_both(VIRTIO_MMIO_QUEUE_DESC_LOW, setup.descriptors);
    set_both(VIRTIO_MMIO_QUEUE_AVAIL_LOW, setup.driver_area);
    set_both(VIRTIO_MMIO_QUEUE_USED_LOW, setup.device_area);
    set(VIRTIO_MMIO_QUEUE_READY, 1);
}

DriverQueue& Guest::add_queue(uint16_t index, virtio::QueueShape shape) {
    if (queues_.size() <= index) queues_.resize(index + size_t{1});
    set(VIRTIO_MMIO_QUEUE_SEL, index);
    shape.size = static_cast<uint16_t>(std::min<uint32_t>(shape.size, get(VIRTIO_MMIO_QUEUE_NUM_MAX)));
    queues_[index] = std::make_unique<DriverQueue>(heap, shape, index);
    queues_[index]->on_notify = [this](uint16_t queue) { set(VIRTIO_MMIO_QUEUE_NOTIFY, queue); };
    tell_queue(index, queues_[index]->setup());
    return *queues_[index];
}

void Guest::bring_up(uint64_t features, uint16_t queues, virtio::QueueShape shape) {
    if (shape.event_index) features |= feature_bit(VIRTIO_RING_F_EVENT_IDX);
    if (shape.indirect_segments != 0) features |= feature_bit(VIRTIO_RING_F_INDIRECT_DESC);
    if (!negotiate(features)) throw std::runtime_error{"the device does not agree"};
    for (uint16_t i = 0; i < queues; ++i) add_queue(i, shape);
    start();
}

void Guest::reset() { set(VIRTIO_MMIO_STATUS, 0); }

void Guest::send(uint16_t queue, std::span<const virtio::Segment> readable, std::span<const virtio::Segment> writable, void* token) {
    if (!this->queue(queue)->add(readable, writable, token).ok()) throw std::runtime_error{"the queue is full"};
    this->queue(queue)->kick();
}

uint32_t Guest::wait_for_interrupt() {
    while (!interrupted()) {
        if (!threaded_) settle();
        pollfd waiting{.fd = interrupt_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, patience_ms) == 0) throw std::runtime_error{"no interrupt comes"};
    }
    const uint32_t cause = get(VIRTIO_MMIO_INTERRUPT_STATUS);
    set(VIRTIO_MMIO_INTERRUPT_ACK, cause);
    return cause;
}

virtio::Completion Guest::wait(uint16_t queue) {
    for (;;) {
        if (const auto done = this->queue(queue)->take()) return *done;
        if (this->queue(queue)->enable_interrupts()) continue;
        wait_for_interrupt();
    }
}

uint32_t Guest::call(uint16_t queue, std::span<const virtio::Segment> readable, std::span<const virtio::Segment> writable) {
    send(queue, readable, writable);
    return wait(queue).written;
}

void Guest::wait_for_needs_reset() {
    while ((get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0) wait_for_interrupt();
}

}  // namespace eremite::test
