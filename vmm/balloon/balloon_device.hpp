#pragma once
// The virtio memory balloon (virtio 1.2 section 5.5): the guest gives pages that it can do without back to the host, as many as the host asks for,
// and, where it reports free pages, all that it does not use. It has them again as soon as it touches them.
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include <array>
#include <string>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::balloon {

class BalloonDevice final : public virtio::Device {
public:
    static constexpr uint64_t page = uint64_t{1} << VIRTIO_BALLOON_PFN_SHIFT;
    // Pages of one request.
    static constexpr size_t most_pages = 16384;

    BalloonDevice(virtio::Host& host, const GuestMemory& memory, std::string name);
    ~BalloonDevice() override;

    // Asks the guest to give up so many pages, no more than it has; it may be slow, or not able to. Any thread; takes the device's lock.
    void set_target(uint64_t pages);
    // How many it says that it gave up. Any thread; takes the device's lock.
    [[nodiscard]] uint32_t given() const;

    [[nodiscard]] uint32_t type() const override { return VIRTIO_ID_BALLOON; }
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] uint64_t features() const override;
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return sizes; }
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override;
    void write_configuration(uint32_t offset, std::span<const std::byte> from) override;
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void notified(uint16_t queue) override;

private:
    // Section 5.5.2. Queues of features that were not offered are not counted, which is how drivers have it.
    enum QueueIndex : uint16_t { inflate_queue, deflate_queue, reporting_queue, queue_count };
    static constexpr std::array<uint16_t, queue_count> sizes{128, 128, 128};

    // Null, or what is wrong with the request.
    [[nodiscard]] const char* handle(uint16_t queue);
    [[nodiscard]] const char* take_pages(bool give_back);
    void give_back(std::span<std::byte> pages);

    virtio::Host& host_;
    const GuestMemory& memory_;
    const std::string name_;
    std::array<virtio::Queue*, queue_count> queues_{};  // null: stopped, or not set up
    virtio::Chain chain_;
    virtio_balloon_config configuration_{};
    int last_error_ = 0;  // that the user was told of
    UniqueFd again_;      // for more than is done at once
};

}  // namespace eremite::vmm::balloon
