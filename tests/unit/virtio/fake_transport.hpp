#pragma once
// A virtio device behind a transport of its own, for tests of what is above.
#include <linux/virtio_config.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "fake_device.hpp"
#include "libos/drivers/virtio/transport.hpp"

namespace eremite::test {

class FakeTransport final : public virtio::Transport {
public:
    // What the device is like.
    bool is_legacy = false, is_fixed_size = false, refuses_features = false, refuses_queues = false, never_resets = false;
    uint64_t features = uint64_t{1} << VIRTIO_F_VERSION_1;
    std::vector<uint16_t> queue_limits{256};
    uint16_t interrupts = 4;
    std::vector<uint8_t> configuration;
    std::function<void()> on_configuration_read;
    std::function<void(uint16_t)> on_notify;

    // What the driver did.
    struct Started {
        uint16_t interrupt;
        std::unique_ptr<FakeDevice> device;
    };
    uint8_t current_status = 0;
    std::vector<uint8_t> statuses;
    uint64_t accepted = 0;
    std::map<uint16_t, Started> queues;
    std::map<uint16_t, std::pair<unsigned, unsigned>> connected;  // entry: CPU, vector
    std::vector<uint16_t> notified;
    uint32_t generation = 0;
    Events events{true, false};

    [[nodiscard]] std::string_view name() const override { return "fake"; }
    [[nodiscard]] uint32_t device_type() override { return 4; }
    [[nodiscard]] bool legacy() const override { return is_legacy; }
    [[nodiscard]] uint8_t status() override { return current_status; }
    void set_status(uint8_t status) override;
    [[nodiscard]] uint64_t offered_features() override { return features; }
    void accept_features(uint64_t wanted) override { accepted = wanted; }
    [[nodiscard]] uint16_t queue_limit(uint16_t index) override { return index < queue_limits.size() ? queue_limits[index] : uint16_t{0}; }
    [[nodiscard]] bool has_fixed_queue_size() const override { return is_fixed_size; }
    [[nodiscard]] Result<void> start_queue(const virtio::Queue& queue, uint16_t interrupt) override;
    void notify(uint16_t index) override {
        notified.push_back(index);
        if (on_notify) on_notify(index);
    }
    [[nodiscard]] uint32_t read_configuration(uint32_t offset, unsigned width) override;
    void write_configuration(uint32_t offset, unsigned width, uint32_t value) override { std::memcpy(configuration.data() + offset, &value, width); }
    [[nodiscard]] uint32_t configuration_generation() override { return generation; }
    [[nodiscard]] uint16_t interrupt_count() const override { return interrupts; }
    [[nodiscard]] Result<void> connect_interrupt(uint16_t entry, unsigned cpu, unsigned vector) override {
        connected[entry] = {cpu, vector};
        return {};
    }
    void disconnect_interrupt(uint16_t entry) override { connected.erase(entry); }
    [[nodiscard]] Events acknowledge(uint16_t) override { return events; }
};

// Raises an interrupt that a transport was connected to.
void raise(std::pair<unsigned, unsigned> cpu_and_vector);
// Lets the kernel's timers expire that are due. Whether others run on.
bool expire_timers(int64_t now = 0);
// How many times error messages were written.
extern int errors_logged;
// As if there were no drivers, for tests of those that live for good.
void forget_interrupts();
// Vectors that are in use.
size_t vectors_in_use();

}  // namespace eremite::test
