#pragma once
// The MMIO transport of a virtio device (virtio 1.2 section 4.2): 4 KiB of registers that CPUs access, a descriptor that a driver's notifications
// come through, and one for interrupts. Accesses of any width at any offset are harmless.
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "vmm/bus.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::virtio {

class MmioTransport final : public Registers, private Host {
public:
    static constexpr uint64_t size = 0x1000;
    static constexpr uint32_t notify_register = 0x050;
    static constexpr size_t most_queues = 64;
    // How often a device tells the user that its driver broke the protocol.
    static constexpr unsigned most_complaints = 4;

    // `interrupt`: an event descriptor whose events are an edge each on the device's interrupt line; it stays the caller's.
    MmioTransport(const GuestMemory& memory, int interrupt);
    MmioTransport(const MmioTransport&) = delete;
    MmioTransport& operator=(const MmioTransport&) = delete;
    ~MmioTransport();

    // To be called once, with a device that was made with host().
    void attach(std::unique_ptr<Device> device);
    [[nodiscard]] Host& host() { return *this; }
    [[nodiscard]] Device& device() { return *device_; }
    // Starts the device's thread; the destructor ends it.
    void run();

    void read(uint64_t offset, std::span<std::byte> data) override;
    void write(uint64_t offset, std::span<const std::byte> data) override;

    // For a snapshot. The lock is the device's; no processor accesses registers meanwhile. restore() comes before run(), in the place of a driver.
    [[nodiscard]] std::mutex& device_lock() { return lock_; }
    // Whether the driver has not acknowledged its last interrupt yet.
    [[nodiscard]] bool interrupts() const { return interrupt_status_.load() != 0; }
    void save(StateWriter& state);
    void restore(StateReader& state);

    // An event there is as good as a write of the queue's number to notify_register.
    [[nodiscard]] size_t queue_count() const { return queues_.size(); }
    [[nodiscard]] int notification(size_t queue) const { return queues_[queue].notification.get(); }

private:
    struct QueueRegisters {
        QueueSetup setup;
        bool ready = false;
        std::optional<Queue> queue;
        UniqueFd notification;
    };

    EventLoop& loop() override { return loop_; }
    std::mutex& lock() override { return lock_; }
    void configuration_changed() override;
    void needs_reset(std::string_view why) override;

    [[nodiscard]] uint32_t read_register(uint32_t offset) const;
    void write_register(uint32_t offset, uint32_t value);
    void write_status(uint32_t value);
    void write_queue(QueueRegisters& queue, uint32_t offset, uint32_t value);
    [[nodiscard]] uint64_t offered() const;
    [[nodiscard]] bool works() const;
    void start();
    [[nodiscard]] const char* start_queues(std::vector<Queue*>& ready);
    void reset();
    void interrupt(uint32_t cause);

    const GuestMemory& memory_;
    const int interrupt_;
    EventLoop loop_;
    std::mutex lock_;
    std::unique_ptr<Device> device_;
    std::vector<QueueRegisters> queues_;
    uint32_t status_ = 0, offered_half_ = 0, accepted_half_ = 0, selected_queue_ = 0;
    uint64_t accepted_ = 0;
    bool started_ = false;  // the device, and not stopped since
    unsigned complaints_ = 0;
    // Section 4.2.2: changes whenever the configuration does.
    uint32_t generation_ = 0;
    // Read and written by CPUs while a device works, so without the lock.
    std::atomic<uint32_t> interrupt_status_{0};
    std::thread thread_;
};

}  // namespace eremite::vmm::virtio
