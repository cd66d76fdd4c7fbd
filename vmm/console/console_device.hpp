#pragma once
// The virtio console (virtio 1.2 section 5.3) with its first port: bytes of the guest's to a descriptor, which may be slow, and from one. What the
// guest writes comes back to it when the descriptor has it, and not before, so that a slow reader slows the guest, and nothing is kept here.
#include <linux/virtio_ids.h>

#include <array>
#include <string>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::console {

class ConsoleDevice final : public virtio::Device {
public:
    // Either may be none; what is written to none is gone. They are made non-blocking, as whoever shares their open files will see. Requires: the
    // process ignores SIGPIPE, if a pipe or socket is among them. Throws Error.
    ConsoleDevice(virtio::Host& host, std::string name, UniqueFd output, UniqueFd input = {});
    ~ConsoleDevice() override;

    [[nodiscard]] uint32_t type() const override { return VIRTIO_ID_CONSOLE; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void notified(uint16_t queue) override;
    void save(StateWriter& state) const override;
    void restore(StateReader& state) override;

private:
    // Section 5.3.2.
    enum QueueIndex : uint16_t { receive_queue, transmit_queue, queue_count };
    static constexpr std::array<uint16_t, queue_count> sizes{64, 64};

    // One of the two descriptors.
    struct End {
        UniqueFd file;
        bool waits = false;  // for an event, since the last try
        bool watched = false;
    };
    void watch(End& end, uint32_t events);
    void close(End& end, const char* what, int error);

    // These return whether there was too much to be done at once.
    [[nodiscard]] bool transmit();
    [[nodiscard]] bool receive();
    // Writes a part of the chain. False: the rest has to wait.
    [[nodiscard]] bool write_some();
    void work();

    virtio::Host& host_;
    const std::string name_;
    End output_, input_;
    UniqueFd again_;
    std::array<virtio::Queue*, queue_count> queues_{};  // null: stopped, or not set up
    virtio::Chain sending_, receiving_;
    bool sends_ = false;  // `sending_` is under way, and `sent_` bytes of it are written
    size_t sent_ = 0;
    size_t skipped_ = 0;  // of the next chain: they were sent before the snapshot
};

}  // namespace eremite::vmm::console
