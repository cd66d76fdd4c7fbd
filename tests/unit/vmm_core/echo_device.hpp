#pragma once
// A device that writes what it reads, and that looks whether its transport keeps the rules.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "vmm/virtio/device.hpp"

namespace eremite::test {

class EchoDevice final : public vmm::virtio::Device {
public:
    static constexpr unsigned own_feature = 5;
    static constexpr uint32_t own_type = 42;

    // `checks_lock`: costs a thread for each call.
    explicit EchoDevice(vmm::virtio::Host& host, bool checks_lock = true) : host_{host}, checks_lock_{checks_lock} {}
    ~EchoDevice() override { require(!started); }

    [[nodiscard]] uint32_t type() const override { return own_type; }
    [[nodiscard]] std::string_view name() const override { return "echo0"; }
    [[nodiscard]] uint64_t features() const override { return uint64_t{1} << own_feature; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override { vmm::virtio::read_structure(configuration, offset, to); }
    void write_configuration(uint32_t offset, std::span<const std::byte> from) override {
        for (size_t i = 0; i < from.size() && offset + i < configuration.size(); ++i) configuration[offset + i] = from[i];
    }
    void start(uint64_t accepted, std::span<vmm::virtio::Queue* const> with) override {
        require(!started && is_locked());
        started = true;
        ++starts;
        features_accepted = accepted;
        queues.assign(with.begin(), with.end());
    }
    void stop() override {
        require(started && is_locked());
        started = false;
        ++stops;
        // Requests under way are forgotten: their memory is the driver's again.
        queues.clear();
        held.clear();
    }
    void notified(uint16_t index) override {
        require(started && is_locked() && index < queues.size() && queues[index] != nullptr);
        ++notifications;
        vmm::virtio::Queue& queue = *queues[index];
        do {
            while (queue.pop(chain_)) {
                if (hold) held.push_back(chain_.head);
                else queue.push(chain_.head, echo());
            }
        } while (queue.enable_notifications());
        queue.flush();
        if (queue.broken()) host_.needs_reset("a queue is broken");
    }

    static constexpr std::array<uint16_t, 2> sizes{16, 8};
    std::array<std::byte, 12> configuration{};
    bool hold = false;
    std::vector<uint16_t> held;
    bool started = false;
    int starts = 0, stops = 0, notifications = 0;
    uint64_t features_accepted = 0;
    std::vector<vmm::virtio::Queue*> queues;

private:
    static void require(bool holds) {
        if (!holds) std::abort();
    }
    // A lock of this thread's own cannot be asked; that nobody else could take it now can.
    [[nodiscard]] bool is_locked() {
        if (!checks_lock_) return true;
        bool locked = true;
        std::thread{[&] {
            if (host_.lock().try_lock()) {
                host_.lock().unlock();
                locked = false;
            }
        }}.join();
        return locked;
    }
    uint32_t echo() {
        uint32_t written = 0;
        std::array<std::byte, 256> piece;
        while (written < chain_.writable_bytes) {
            const size_t count = vmm::virtio::copy_from(chain_.readable, written, piece);
            if (count == 0) break;
            written += static_cast<uint32_t>(vmm::virtio::copy_to(chain_.writable, written, std::span{piece}.first(count)));
        }
        return written;
    }

    vmm::virtio::Host& host_;
    const bool checks_lock_;
    vmm::virtio::Chain chain_;
};

}  // namespace eremite::test
