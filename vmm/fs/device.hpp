#pragma once
// The file system device (virtio 1.2 section 5.11): shares a folder of the host with the guest, which mounts it by its tag.
#include <linux/virtio_fs.h>

#include <array>
#include <string>

#include "vmm/fs/server.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::fs {

class Device final : public virtio::Device {
public:
    static constexpr size_t longest_tag = sizeof(virtio_fs_config::tag);

    // `tag`: 1 to 36 bytes. `read_only`: whatever would change something fails with EROFS. The process is allowed as many open files as it may
    // ask for. Throws vmm::Error: the folder cannot be shared, or the tag is no tag.
    Device(virtio::Host& host, std::string_view tag, const std::string& folder, bool read_only);
    ~Device();

    [[nodiscard]] uint32_t type() const override;
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override;
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override { virtio::read_structure(configuration_, offset, to); }
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void list_needs(sandbox::Needs& needs) const override { server_.list_needs(needs); }
    void notified(uint16_t queue) override;
    // A request that is there would be done again by each copy of the machine.
    void finish() override;
    void save(StateWriter& state) const override { server_.save(state); }
    void restore(StateReader& state) override { server_.restore(state); }

private:
    // Of section 5.11.2: the first is for what must not wait behind requests.
    static constexpr size_t queue_count = 2;

    void serve(size_t index);

    virtio::Host& host_;
    Server server_;
    const std::string name_;
    virtio_fs_config configuration_{};
    std::array<virtio::Queue*, queue_count> queues_{};
    virtio::Chain chain_;
    // There is more to do than was done at once.
    UniqueFd more_;
};

}  // namespace eremite::vmm::fs
