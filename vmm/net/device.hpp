#pragma once
// The network device (virtio 1.2 section 5.1).
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vmm/net/channel.hpp"
#include "vmm/net/control.hpp"
#include "vmm/net/format.hpp"
#include "vmm/net/pair.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::vmm::net {

struct Settings {
    std::string name = "net0";       // for messages
    std::optional<MacAddress> mac{};   // random if there is none
    std::optional<uint16_t> mtu{};     // in bytes, 68 or more; none: the driver's own
};

// An address of those that anybody may give, other each time.
[[nodiscard]] MacAddress random_mac();

class NetDevice final : public virtio::Device {
public:
    static constexpr size_t most_pairs = 16;

    // Has a pair of queues for each channel of the backend, up to most_pairs. Throws Error: settings that cannot be.
    NetDevice(virtio::Host& host, std::unique_ptr<Backend> backend, const Settings& settings);
    NetDevice(const NetDevice&) = delete;
    NetDevice& operator=(const NetDevice&) = delete;
    ~NetDevice() override;

    [[nodiscard]] uint32_t type() const override;
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] uint64_t features() const override { return features_; }
    [[nodiscard]] std::span<const uint16_t> queue_sizes() const override { return queue_sizes_; }
    void read_configuration(uint32_t offset, std::span<std::byte> to) const override { virtio::read_structure(configuration_, offset, to); }
    void start(uint64_t features, std::span<virtio::Queue* const> queues) override;
    void stop() override;
    void list_needs(sandbox::Needs& needs) const override { backend_->list_needs(needs); }
    void notified(uint16_t queue) override;
    void save(StateWriter& state) const override;
    void restore(StateReader& state) override;

private:
    [[nodiscard]] bool use_pairs(size_t count);
    void run_control();
    void link_gone();

    virtio::Host& host_;
    const std::string name_;
    const std::unique_ptr<Backend> backend_;
    uint64_t features_ = 0;
    virtio_net_config configuration_{};
    std::vector<uint16_t> queue_sizes_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    UniqueFd control_again_;
    // While the driver is ready.
    bool started_ = false;
    size_t used_pairs_ = 0;
    size_t control_index_ = 0;
    std::optional<Control> control_;
};

}  // namespace eremite::vmm::net
