#pragma once
// The virtio entropy device (virtio 1.2 section 5.4): random numbers of the host's kernel.
#include <linux/virtio_ids.h>

#include <array>
#include <string>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::entropy {

class EntropyDevice final : public virtio::Device {
public:
    // A request gets no more than this, in bytes (section 5.4.6.1: it may be less than it has room for).
    static constexpr size_t most_bytes = 65536;

    EntropyDevice(virtio::Host& host, std::string name);
    ~EntropyDevice() override;

    [[nodiscard]] uint32_t type() const override { return VIRTIO_ID_RNG; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void notified(uint16_t queue) override;

private:
    static constexpr std::array<uint16_t, 1> sizes{64};

    // Random bytes in the chain's memory; how many. 0: the host has none.
    [[nodiscard]] uint32_t fill();

    virtio::Host& host_;
    const std::string name_;
    virtio::Queue* queue_ = nullptr;  // null: stopped
    virtio::Chain chain_;
    UniqueFd again_;  // for more than is done at once
};

}  // namespace eremite::vmm::entropy
