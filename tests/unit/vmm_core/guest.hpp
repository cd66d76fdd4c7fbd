#pragma once
// A guest of a virtual machine as far as one virtio device sees it: memory, the driver's side of virtqueues, registers and interrupts. The queues
// are those of our own kernel.
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "virtio/split_queue.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite::test {

constexpr uint64_t feature_bit(unsigned feature) { return uint64_t{1} << feature; }
constexpr uint64_t version_1 = feature_bit(VIRTIO_F_VERSION_1);

// Gives out a guest's memory, from its second page on, and nothing back.
class GuestHeap {
public:
    explicit GuestHeap(vmm::GuestMemory& memory) : memory_{&memory} {}
    // Guest-physical; zeroed, as all of it is at first.
    [[nodiscard]] uint64_t allocate(size_t bytes, size_t alignment = 16);
    // The same as a segment of a request.
    [[nodiscard]] virtio::Segment segment(size_t bytes) { return {PhysicalAddress{allocate(bytes)}, static_cast<uint32_t>(bytes)}; }
    [[nodiscard]] std::span<std::byte> bytes(uint64_t address, size_t length) const;
    [[nodiscard]] std::span<std::byte> bytes(const virtio::Segment& segment) const { return bytes(segment.address.value, segment.length); }
    void write(const virtio::Segment& segment, std::string_view text) const { std::memcpy(bytes(segment).data(), text.data(), text.size()); }
    template <typename T>
    void put(const virtio::Segment& segment, const T& value) const { std::memcpy(bytes(segment).data(), &value, sizeof value); }
    [[nodiscard]] std::string text(const virtio::Segment& segment) const;
    [[nodiscard]] vmm::GuestMemory& memory() const { return *memory_; }

private:
    vmm::GuestMemory* memory_;
    uint64_t next_ = 4096;
};

// A driver's virtqueue in a guest's memory.
class DriverQueue final : public virtio::QueueOwner {
public:
    DriverQueue(GuestHeap& heap, const virtio::QueueShape& shape, uint16_t index = 0);

    [[nodiscard]] virtio::SplitQueue& operator*() { return *queue_; }
    [[nodiscard]] virtio::SplitQueue* operator->() { return queue_.get(); }
    // As the device is told of it.
    [[nodiscard]] vmm::virtio::QueueSetup setup() const;

    void notify(uint16_t queue) override {
        ++notifications;
        if (on_notify) on_notify(queue);
    }
    // A device of ours does nothing wrong.
    void fail(std::string_view why) override { throw std::runtime_error{std::string{why}}; }

    int notifications = 0;
    std::function<void(uint16_t)> on_notify;

private:
    std::vector<virtio::Slot> slots_;
    std::unique_ptr<virtio::SplitQueue> queue_;
};

class Guest {
public:
    explicit Guest(uint64_t memory_bytes = uint64_t{16} << 20);

    // make(memory, host) returns the device. `threaded`: it has its thread, as in a machine; else its loop runs in wait() and settle() only.
    template <typename Make>
    void attach(Make&& make, bool threaded = true) {
        transport_->attach(make(memory, transport_->host()));
        threaded_ = threaded;
        if (threaded) transport_->run();
    }
    [[nodiscard]] vmm::virtio::MmioTransport& transport() { return *transport_; }
    // The device's state, as a snapshot has it.
    [[nodiscard]] std::vector<std::byte> save();
    // The machine goes on from there with another device, which make(memory, host) returns; it has no thread. That of before is not heard of any more;
    // it must have no thread. Throws Error, and then it goes on.
    template <typename Make>
    void restore(std::span<const std::byte> state, Make&& make) {
        auto next = std::make_unique<vmm::virtio::MmioTransport>(memory, interrupt_.get());
        next->attach(make(memory, next->host()));
        vmm::StateReader reader{state};
        next->restore(reader);
        left_behind_.push_back(std::exchange(transport_, std::move(next)));
        threaded_ = false;
    }
    // Ends the device as the end of a machine does.
    void end() { transport_.reset(); }

    [[nodiscard]] uint32_t get(uint32_t reg);
    void set(uint32_t reg, uint32_t value);
    [[nodiscard]] uint64_t offered();
    template <typename T>
    [[nodiscard]] T configuration(size_t offset) {
        T value;
        transport_->read(VIRTIO_MMIO_CONFIG + offset, std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }

    // Steps 1 to 6 of section 3.1.1 with these features and version 1; whether the device agrees.
    [[nodiscard]] bool negotiate(uint64_t features = 0);
    // Step 7, and 8. A queue has the size that is wanted, or the largest that the device can.
    DriverQueue& add_queue(uint16_t index, virtio::QueueShape shape = {.size = 16});
    void tell_queue(uint16_t index, const vmm::virtio::QueueSetup& setup);
    void start() { set(VIRTIO_MMIO_STATUS, get(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK); }
    // All of that with queues of the same shape.
    void bring_up(uint64_t features, uint16_t queues, virtio::QueueShape shape = {.size = 16});
    void reset();
    [[nodiscard]] DriverQueue& queue(uint16_t index) { return *queues_.at(index); }

    // Adds a request and tells the device.
    void send(uint16_t queue, std::span<const virtio::Segment> readable, std::span<const virtio::Segment> writable, void* token = nullptr);
    // Waits for an interrupt, acknowledges it and returns its cause.
    uint32_t wait_for_interrupt();
    // Waits for the next request that is done.
    virtio::Completion wait(uint16_t queue);
    // send() and wait(); the bytes that were written.
    uint32_t call(uint16_t queue, std::span<const virtio::Segment> readable, std::span<const virtio::Segment> writable);
    // Until the device asks for a reset.
    void wait_for_needs_reset();
    // Without a thread: runs what is to be run now.
    void settle() { transport_->host().loop().run_pending(); }
    // Whether an interrupt came since the last.
    [[nodiscard]] bool interrupted() { return vmm::take_event(interrupt_.get()); }

    vmm::GuestMemory memory;
    GuestHeap heap{memory};

private:
    vmm::UniqueFd interrupt_ = vmm::make_event();
    std::vector<std::unique_ptr<vmm::virtio::MmioTransport>> left_behind_;
    std::unique_ptr<vmm::virtio::MmioTransport> transport_;
    bool threaded_ = true;
    std::vector<std::unique_ptr<DriverQueue>> queues_;
};

}  // namespace eremite::test
