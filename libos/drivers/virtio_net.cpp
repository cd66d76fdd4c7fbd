#include "libos/drivers/virtio_net.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <optional>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/drivers/virtio_net_control.hpp"
#include "libos/drivers/virtio_net_format.hpp"
#include "libos/drivers/virtio_net_pair.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"

namespace eremite::drivers {

namespace {

constexpr uint64_t feature(unsigned number) { return uint64_t{1} << number; }
constexpr uint64_t joining_features = feature(VIRTIO_NET_F_GUEST_TSO4) | feature(VIRTIO_NET_F_GUEST_TSO6) | feature(VIRTIO_NET_F_GUEST_ECN) |
                                      feature(VIRTIO_NET_F_GUEST_UFO) | feature(net_feature_guest_uso4) | feature(net_feature_guest_uso6);
constexpr uint64_t control_features = feature(VIRTIO_NET_F_CTRL_VQ) | feature(VIRTIO_NET_F_MQ) | feature(VIRTIO_NET_F_GUEST_ANNOUNCE);
constexpr uint64_t wanted_features = joining_features | control_features | feature(VIRTIO_NET_F_CSUM) | feature(VIRTIO_NET_F_GUEST_CSUM) |
                                     feature(VIRTIO_NET_F_MTU) | feature(VIRTIO_NET_F_MAC) | feature(VIRTIO_NET_F_HOST_TSO4) |
                                     feature(VIRTIO_NET_F_HOST_TSO6) | feature(VIRTIO_NET_F_HOST_ECN) | feature(VIRTIO_NET_F_HOST_UFO) |
                                     feature(net_feature_host_uso) | feature(VIRTIO_NET_F_MRG_RXBUF) | feature(VIRTIO_NET_F_STATUS);
// RFC 894
constexpr uint16_t usual_mtu = 1500;
constexpr uint32_t longest_payload = 65535 - 60 - 60;  // of a segment to be cut, behind the longest headers of IP and TCP
// A device may have more (up to 0x8000), but the control queue comes behind them all, and to get there takes memory.
constexpr uint16_t most_device_pairs = 512;

class VirtioNet final : public network::Card {
public:
    explicit VirtioNet(virtio::Transport& transport) : transport_{transport} {}

    // Asks what the device is like.
    [[nodiscard]] Result<void> prepare() {
        TRY(negotiate());
        features_ = device_->features();
        device_pairs_ = offered_pairs();
        return {};
    }
    [[nodiscard]] size_t most_pairs() const override;
    [[nodiscard]] Result<void> make_pairs(size_t count) override;
    [[nodiscard]] network::Nic& pair(size_t index) override { return *pairs_[index]; }
    void start(std::span<const User> users) override;

private:
    // Asks for everything anew, some time after the device failed.
    struct RestartTimer : sched::Timer {
        explicit RestartTimer(VirtioNet& owner) : Timer{[](Timer& timer) { static_cast<RestartTimer&>(timer).card.restart(); }}, card{owner} {}
        VirtioNet& card;
    };

    [[nodiscard]] std::span<VirtioNetPair* const> pairs() const { return std::span{pairs_}.first(count_); }
    [[nodiscard]] Result<void> negotiate();
    [[nodiscard]] uint16_t offered_pairs();
    [[nodiscard]] Result<void> make_objects(size_t count);
    void delete_objects();
    [[nodiscard]] Result<void> bring_up();
    void look_after_failure();
    void one_went_down();
    void start_pause();
    void restart();
    [[nodiscard]] net::Capabilities describe();

    virtio::Transport& transport_;
    std::optional<virtio::Device> device_;
    VirtioNetControl control_;
    uint64_t features_ = 0;
    uint16_t device_pairs_ = 1;  // that the device has, whether we use them or not
    bool fresh_ = true;          // nothing was done with the device since it was negotiated
    size_t count_ = 0;
    std::array<VirtioNetPair*, arch::max_cpus> pairs_{};
    std::atomic<size_t> pairs_up_{0};
    Duration pause_ = Duration::seconds(1);
    RestartTimer restart_timer_{*this};
};

Result<void> VirtioNet::negotiate() {
    virtio::Device& device = device_.emplace(transport_);
    TRY(device.negotiate(wanted_features));
    uint64_t unusable = 0;
    // What was joined is longer than a buffer.
    if (!device.has(VIRTIO_NET_F_MRG_RXBUF)) unusable |= joining_features;
    // Section 5.1.5: where the control queue is.
    const uint16_t pairs = offered_pairs();
    if (!device.has(VIRTIO_NET_F_CTRL_VQ) || pairs == 0 || pairs > most_device_pairs) unusable |= control_features;
    return (device.features() & unusable) == 0 ? Result<void>{} : device.negotiate(wanted_features & ~unusable);
}

uint16_t VirtioNet::offered_pairs() {
    return device_->has(VIRTIO_NET_F_MQ) ? device_->read_configuration<uint16_t>(offsetof(virtio_net_config, max_virtqueue_pairs)) : uint16_t{1};
}

size_t VirtioNet::most_pairs() const {
    // Where one interrupt is for all queues, one CPU takes everything in; another queue would only make its batches smaller.
    const size_t interrupts = std::max<size_t>(transport_.interrupt_count(), 2) - 1;  // without that of the configuration
    return std::min({size_t{device_pairs_}, interrupts, size_t{arch::max_cpus}});
}

net::Capabilities VirtioNet::describe() {
    net::Capabilities c;
    for (size_t i = 0; i < c.mac.bytes.size(); ++i)
        c.mac.bytes[i] = device_->has(VIRTIO_NET_F_MAC) ? device_->read_configuration<uint8_t>(static_cast<uint32_t>(offsetof(virtio_net_config, mac) + i)) : 0;
    c.mtu = usual_mtu;
    if (device_->has(VIRTIO_NET_F_MTU)) {
        constexpr uint16_t least = 576, most = 65535 - ethernet_header;
        c.mtu = std::clamp(device_->read_configuration<uint16_t>(offsetof(virtio_net_config, mtu)), least, most);
    }
    if (!device_->has(VIRTIO_NET_F_MRG_RXBUF)) {
        constexpr size_t room = net::PacketPool::small_capacity - sizeof(virtio_net_hdr_mrg_rxbuf) - ethernet_header;
        c.mtu = std::min<uint16_t>(c.mtu, room);
    }
    c.transmit_checksum = device_->has(VIRTIO_NET_F_CSUM);
    c.receive_checksum = device_->has(VIRTIO_NET_F_GUEST_CSUM);
    c.tcp4_segmentation = device_->has(VIRTIO_NET_F_HOST_TSO4) ? longest_payload : 0;
    c.tcp6_segmentation = device_->has(VIRTIO_NET_F_HOST_TSO6) ? longest_payload : 0;
    c.udp_segmentation = device_->has(net_feature_host_uso) && c.transmit_checksum ? longest_payload : 0;
    c.udp_fragmentation = device_->has(VIRTIO_NET_F_HOST_UFO) && c.transmit_checksum;
    c.receive_segmentation = device_->has(VIRTIO_NET_F_GUEST_TSO4) || device_->has(VIRTIO_NET_F_GUEST_TSO6);
    c.most_fragments = VirtioNetPair::most_fragments;
    return c;
}

Result<void> VirtioNet::make_objects(size_t count) {
    const net::Capabilities capabilities = describe();
    const virtio::Callback went_down{[](void* self) { static_cast<VirtioNet*>(self)->one_went_down(); }, this};
    for (; count_ < count; ++count_) {
        pairs_[count_] = new (std::nothrow) VirtioNetPair{capabilities, count_, went_down};
        if (!pairs_[count_]) return Error{ENOMEM};
    }
    return {};
}

void VirtioNet::delete_objects() {
    while (count_ > 0) delete pairs_[--count_];
}

Result<void> VirtioNet::make_pairs(size_t count) {
    if (!std::exchange(fresh_, false)) TRY(negotiate());
    Result<void> made = make_objects(count);
    if (made.ok()) made = bring_up();
    if (made.ok()) return made;
    device_.reset();
    control_.forget();
    delete_objects();
    return made;
}

// After the negotiation, as far as packets can be sent. Received ones have no room yet.
Result<void> VirtioNet::bring_up() {
    // Section 5.1.6.1: a device of the old kind leaves the last field out unless buffers are merged.
    const bool long_header = device_->has(VIRTIO_F_VERSION_1) || device_->has(VIRTIO_NET_F_MRG_RXBUF);
    const size_t header_size = long_header ? sizeof(virtio_net_hdr_mrg_rxbuf) : sizeof(virtio_net_hdr);
    const bool announces = device_->has(VIRTIO_NET_F_GUEST_ANNOUNCE);
    for (VirtioNetPair* pair : pairs()) TRY(pair->make_queues(*device_, header_size, announces && pair == pairs_[0] ? &control_ : nullptr));
    if (announces || count_ > 1) TRY(control_.start(*device_, static_cast<uint16_t>(2 * device_pairs_)));
    const auto changed = [](void* self) {
        for (VirtioNetPair* pair : static_cast<VirtioNet*>(self)->pairs()) pair->configuration_changed();
    };
    device_->on_configuration_change({changed, this});
    device_->start();
    // Section 5.1.6.5.5: at first there is one pair.
    if (count_ == 1) return {};
    const auto used = control_.use_pairs(static_cast<uint16_t>(count_));
    if (!used.ok()) log::warn("virtio-net: {} does not use its {} pairs of queues", transport_.name(), count_);
    return used;
}

void VirtioNet::start(std::span<const User> users) {
    pairs_up_.store(count_);
    for (size_t i = 0; i < count_; ++i) pairs_[i]->start(users[i]);
    look_after_failure();
    log::info("virtio-net: {}, {} ring, {} of {} queue pairs, MTU {}", transport_.name(), pairs_[0]->uses_packed_rings() ? "packed" : "split", count_,
              device_pairs_, pairs_[0]->capabilities().mtu);
}

// Of a device that failed before all pairs could listen, some did not hear.
void VirtioNet::look_after_failure() {
    if (device_->health() == virtio::Health::Working) return;
    for (VirtioNetPair* pair : pairs()) pair->tell_listener();
}

// A device that broke the protocol was stopped. It gets another chance when all pairs have everything back.
void VirtioNet::one_went_down() {
    if (pairs_up_.fetch_sub(1) == 1) start_pause();
}

// Each is longer than the one before.
void VirtioNet::start_pause() {
    constexpr Duration longest_pause = Duration::seconds(60);
    restart_timer_.start(platform::monotonic_now() + pause_);
    pause_ = std::min(Duration{pause_.ns * 2}, longest_pause);
}

void VirtioNet::restart() {
    // Nobody touches it meanwhile, since all pairs are down.
    Result<void> again = negotiate();
    if (again.ok() && (device_->features() != features_ || offered_pairs() != device_pairs_)) again = Error{ENOTSUP};
    if (again.ok()) again = bring_up();
    if (!again.ok()) {
        log::error("virtio-net: the device cannot be started again (error {})", again.code());
        return start_pause();
    }
    log::warn("virtio-net: the device was started again");
    pairs_up_.store(count_);
    for (VirtioNetPair* pair : pairs()) pair->start_again();
    look_after_failure();
}

}  // namespace

Result<network::Card*> claim_virtio_net() {
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_NET));
    auto* const card = new (std::nothrow) VirtioNet{*transport};
    if (!card) return Error{ENOMEM};
    if (const auto prepared = card->prepare(); !prepared.ok()) {
        delete card;
        return prepared.error();
    }
    return card;
}

}  // namespace eremite::drivers
