#pragma once
// A virtio device as its driver has it (virtio 1.2 chapter 3): brought up in steps, with queues that interrupt chosen CPUs. A device
// that breaks the protocol or says that it needs a reset is stopped for good: its queues then give all requests back with EIO.
#include <atomic>
#include <cstddef>
#include <type_traits>

#include "base/vector.hpp"
#include "libos/drivers/interrupts.hpp"
#include "libos/drivers/virtio/transport.hpp"
#include "libos/sched/timer.hpp"
#include "virtio/queue.hpp"

namespace eremite::virtio {

// Called without a lock, in an interrupt or in the kernel's timer; must not wait.
struct Callback {
    void (*function)(void* context) = nullptr;
    void* context = nullptr;
    void operator()() const {
        if (function) function(context);
    }
};

struct QueueOptions {
    uint16_t size = 256;             // descriptors at most
    uint16_t indirect_segments = 0;  // of a request that shall take one descriptor, if the device can do that
    unsigned cpu = 0;                // that is interrupted, if the device has enough interrupts; it must be online
    Callback ready{};                // requests are done, or the device was stopped: take() and enable_interrupts()
    bool interrupts = true;          // false: its user looks for what is done
};

// Lives as long as its queues are used. Set up by one CPU; its queues may then be used by several, each by one at a time.
class Device final : public QueueOwner {
public:
    explicit Device(Transport& transport);
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    // Stops the device. Requires: no lock is held that a callback takes.
    ~Device();

    // First step: resets the device and agrees on features, of those `wanted` as many as it has. ENOTSUP: it lacks one that is
    // `required`, or does not agree; EIO: it does not answer.
    [[nodiscard]] Result<void> negotiate(uint64_t wanted = 0, uint64_t required = 0);
    [[nodiscard]] uint64_t features() const { return features_; }
    [[nodiscard]] bool has(unsigned feature) const { return features_ >> feature & 1; }

    // Second step, for each queue. ENODEV: there is no such queue; EIO: the device refuses it; ENOSPC: no interrupt is left; ENOMEM.
    [[nodiscard]] Result<Queue*> start_queue(uint16_t index, const QueueOptions& options);
    void on_configuration_change(Callback changed) { configuration_changed_ = changed; }

    // Third step: the device begins.
    void start();

    // A field of the configuration. Not torn by a change, if the device can tell of changes.
    template <typename T>
        requires std::is_integral_v<T>
    [[nodiscard]] T read_configuration(uint32_t offset) {
        return static_cast<T>(read_field(offset, sizeof(T)));
    }
    template <typename T>
        requires(std::is_integral_v<T> && sizeof(T) <= 4)
    void write_configuration(uint32_t offset, T value) {
        transport_.write_configuration(offset, sizeof(T), static_cast<uint32_t>(value));
    }

    [[nodiscard]] Transport& transport() { return transport_; }
    // QueueOwner
    void notify(uint16_t queue) override { transport_.notify(queue); }
    void fail(std::string_view why) override;

private:
    // A queue with its memory.
    struct OwnedQueue {
        Queue* queue = nullptr;
        Slot* slots = nullptr;
        PhysicalAddress memory{};
        unsigned order = 0;
        Callback ready{};
    };
    // An interrupt of the transport. Entry 0 is that of the configuration; the queues share the others in turn.
    struct Entry {
        Device* device;
        uint16_t number;
        unsigned cpu;
        unsigned vector;
        drivers::Interrupt interrupt;
    };
    // Calls the queues' users where no interrupt does that: after a failure, and again and again if the device has no interrupts.
    struct TellTimer : sched::Timer {
        explicit TellTimer(Device& owner);
        Device& device;
    };

    [[nodiscard]] Result<void> reset();
    [[nodiscard]] uint64_t read_field(uint32_t offset, unsigned width);
    [[nodiscard]] Result<OwnedQueue> make_queue(uint16_t index, const QueueOptions& options);
    static void destroy(OwnedQueue& owned);
    [[nodiscard]] uint16_t entry_for(uint16_t queue) const;
    [[nodiscard]] Result<void> connect(uint16_t entry, unsigned cpu);
    void interrupted(const Entry& entry);
    void look_at_configuration();
    void tell_all_queues();

    Transport& transport_;
    uint64_t features_ = 0;
    Vector<OwnedQueue> queues_;
    Vector<Entry*> entries_;
    Callback configuration_changed_{};
    std::atomic<bool> started_{false};  // before, interrupts mean nothing, whatever the device does
    TellTimer tell_timer_;
};

}  // namespace eremite::virtio
