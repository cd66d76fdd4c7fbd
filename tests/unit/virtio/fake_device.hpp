#pragma once
// The device's side of a virtqueue, for tests: written from sections 2.7 and 2.8 of virtio 1.2 without a look at the driver's side.
// Addresses are pointers of this process, or lie below them by the `shift` of the direct map. Whatever the driver must not do throws.
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "virtio/layout.hpp"
#include "virtio/queue.hpp"

namespace eremite::test {

struct BadDriver : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct DeviceRequest {
    uint16_t id;
    uint16_t descriptors;  // of the ring
    bool indirect;
    std::vector<virtio::Segment> readable, writable;
    [[nodiscard]] uint64_t writable_bytes() const {
        uint64_t sum = 0;
        for (const auto& s : writable) sum += s.length;
        return sum;
    }
};

class FakeDevice {
public:
    virtual ~FakeDevice() = default;
    // The next request that the driver made available.
    virtual std::optional<DeviceRequest> pop() = 0;
    virtual void complete(const DeviceRequest& request, uint32_t written) = 0;
    // Whether what was completed since the last call raises an interrupt.
    virtual bool interrupts() = 0;
    // Asks for a notification of the next request, or for none.
    virtual void ask_for_notification() = 0;
    virtual void refuse_notifications() = 0;

protected:
    explicit FakeDevice(uint64_t shift) : shift_{shift} {}
    template <typename T>
    [[nodiscard]] T* pointer(PhysicalAddress address) const { return reinterpret_cast<T*>(address.value + shift_); }
    void add_segment(DeviceRequest& request, uint64_t address, uint32_t length, bool writable) const;

private:
    const uint64_t shift_;
};

std::unique_ptr<FakeDevice> make_fake_device(const virtio::Queue& queue, uint64_t shift = 0);

class SplitDevice final : public FakeDevice {
public:
    explicit SplitDevice(const virtio::Queue& queue, uint64_t shift = 0);
    std::optional<DeviceRequest> pop() override;
    void complete(const DeviceRequest& request, uint32_t written) override;
    bool interrupts() override;
    void ask_for_notification() override;
    void refuse_notifications() override;

    // For a device that misbehaves.
    void put_used(uint32_t id, uint32_t length);
    void set_used_index(uint16_t index) { used_[1] = index; }

private:
    [[nodiscard]] vring_used_elem& used_entry(uint16_t i) const { return reinterpret_cast<vring_used_elem*>(used_ + 2)[i % size_]; }
    const uint16_t size_;
    const bool event_index_;
    vring_desc* const table_;
    volatile uint16_t* const available_;
    uint16_t* const used_;
    uint16_t next_ = 0, signalled_ = 0;
};

class PackedDevice final : public FakeDevice {
public:
    explicit PackedDevice(const virtio::Queue& queue, uint64_t shift = 0);
    std::optional<DeviceRequest> pop() override;
    void complete(const DeviceRequest& request, uint32_t written) override;
    bool interrupts() override;
    void ask_for_notification() override;
    void refuse_notifications() override;

    void put_used(uint16_t id, uint32_t length, uint16_t descriptors);

private:
    struct Place {
        uint16_t at = 0;
        bool wrap = true;
    };
    void advance(Place& place, uint16_t count) const;
    const uint16_t size_;
    const bool event_index_;
    vring_packed_desc* const ring_;
    volatile vring_packed_desc_event* const driver_;
    vring_packed_desc_event* const device_;
    Place next_, used_;
    uint16_t unsignalled_ = 0;  // descriptors
};

// A queue with its memory and its device.
class Machine final : public virtio::QueueOwner {
public:
    explicit Machine(const virtio::QueueShape& shape);

    void notify(uint16_t) override { ++notifications; }
    void fail(std::string_view why) override {
        failure = why;
        health_ = virtio::Health::Broken;
    }
    void stop() { health_ = virtio::Health::Stopped; }

    virtio::Queue& queue() { return *queue_; }
    FakeDevice& device() { return *device_; }
    [[nodiscard]] std::vector<uint8_t> contents() const { return {shared_.get(), shared_.get() + bytes_}; }
    uint8_t* shared() { return shared_.get(); }
    [[nodiscard]] size_t shared_bytes() const { return bytes_; }

    int notifications = 0;
    std::string failure;

private:
    struct Free {
        void operator()(uint8_t* memory) const { ::operator delete[](memory, std::align_val_t{page_size}); }
    };
    size_t bytes_;
    std::unique_ptr<uint8_t[], Free> shared_;
    std::unique_ptr<virtio::Slot[]> slots_;
    std::unique_ptr<virtio::Queue> queue_;
    std::unique_ptr<FakeDevice> device_;
};

}  // namespace eremite::test
