#include "vmm/net/device.hpp"

#include <linux/virtio_ids.h>
#include <sys/random.h>

#include <algorithm>

#include "vmm/error.hpp"

namespace eremite::vmm::net {

namespace {

// A driver gives large or small buffers for what comes: with 1024 small ones the largest batch finds room.
constexpr uint16_t queue_size = 1024, control_queue_size = 64;
// RFC 791: what each link has to take.
constexpr uint16_t least_mtu = 68;
// Bits of the first byte of an address.
constexpr uint8_t group = 1, local = 2;

}  // namespace

MacAddress random_mac() {
    MacAddress mac;
    if (::getrandom(mac.data(), mac.size(), 0) != static_cast<ssize_t>(mac.size())) throw system_error("getrandom");
    mac[0] = static_cast<uint8_t>((mac[0] & ~group) | local);
    return mac;
}

NetDevice::NetDevice(virtio::Host& host, std::unique_ptr<Backend> backend, const Settings& settings)
    : host_{host}, name_{settings.name}, backend_{std::move(backend)}, control_again_{make_event()} {
    const size_t count = std::min(backend_->channel_count(), most_pairs);
    const uint64_t offloads = backend_->offloads() & (send_offloads | receive_offloads);
    features_ = offloads | bit(VIRTIO_NET_F_MAC) | bit(VIRTIO_NET_F_STATUS) | bit(VIRTIO_NET_F_MRG_RXBUF);
    const MacAddress mac = settings.mac ? *settings.mac : random_mac();
    if ((mac[0] & group) != 0) throw Error{"a network device's MAC address cannot be one of a group: its first byte is even"};
    std::copy(mac.begin(), mac.end(), configuration_.mac);
    configuration_.status = VIRTIO_NET_S_LINK_UP;
    if (settings.mtu) {
        if (*settings.mtu < least_mtu) throw Error{"an MTU of " + std::to_string(*settings.mtu) + " bytes is too little for IP"};
        features_ |= bit(VIRTIO_NET_F_MTU);
        configuration_.mtu = *settings.mtu;
    }
    queue_sizes_.assign(2 * count, queue_size);
    if (count > 1) {
        features_ |= bit(VIRTIO_NET_F_MQ) | bit(VIRTIO_NET_F_CTRL_VQ);
        configuration_.max_virtqueue_pairs = static_cast<uint16_t>(count);
        queue_sizes_.push_back(control_queue_size);
    }
    for (size_t i = 0; i < count; ++i) pairs_.push_back(std::make_unique<Pair>(host_, backend_->channel(i), [this] { link_gone(); }));
    host_.loop().add_event(control_again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        run_control();
    });
}

NetDevice::~NetDevice() { host_.loop().remove(control_again_.get()); }

uint32_t NetDevice::type() const { return VIRTIO_ID_NET; }

void NetDevice::start(uint64_t features, std::span<virtio::Queue* const> queues) {
    const auto queue = [queues](size_t index) { return index < queues.size() ? queues[index] : nullptr; };
    started_ = true;
    backend_->negotiate(features);
    for (size_t i = 0; i < pairs_.size(); ++i) pairs_[i]->start(features, queue(2 * i), queue(2 * i + 1));
    // Section 5.1.2: without several pairs the control queue comes behind the first one.
    const size_t most = has(features, VIRTIO_NET_F_MQ) ? pairs_.size() : 1;
    control_index_ = 2 * most;
    virtio::Queue* const control = queue(control_index_);
    if (has(features, VIRTIO_NET_F_CTRL_VQ) && control)
        control_.emplace(*control, [this, most](uint16_t pairs) { return pairs <= most && use_pairs(pairs); });
    // Section 5.1.6.5.5: at first there is one.
    (void)use_pairs(1);
}

void NetDevice::stop() {
    started_ = false;
    control_.reset();
    for (const auto& pair : pairs_) pair->stop();
    backend_->negotiate(0);
}

bool NetDevice::use_pairs(size_t count) {
    if (count == 0 || count > pairs_.size() || !backend_->use(count)) return false;
    for (size_t i = 0; i < pairs_.size(); ++i) pairs_[i]->use(i < count);
    used_pairs_ = count;
    return true;
}

// The network itself is another one after a restore, and so is the address.
void NetDevice::save(StateWriter& state) const { state.add<uint64_t>(used_pairs_); }

void NetDevice::restore(StateReader& state) {
    const auto pairs = state.take<uint64_t>();
    // Behind those that the driver agreed on stands the control queue.
    if (pairs > control_index_ / 2 || !use_pairs(pairs)) throw Error{"the snapshot is of a machine with more queues of its network device than there are now"};
    host_.configuration_changed();
}

void NetDevice::notified(uint16_t queue) {
    if (!started_) return;
    if (control_ && queue == control_index_) return run_control();
    const size_t pair = queue / 2U;
    if (pair >= pairs_.size()) return;
    if (queue % 2 == 0) pairs_[pair]->receive_notified();
    else pairs_[pair]->send_notified();
}

void NetDevice::run_control() {
    if (!control_) return;
    const Outcome outcome = control_->run();
    if (outcome == Outcome::More) signal_event(control_again_.get());
    if (outcome != Outcome::Broken) return;
    control_.reset();
    host_.needs_reset("the control queue is broken");
}

void NetDevice::link_gone() {
    if ((configuration_.status & VIRTIO_NET_S_LINK_UP) == 0) return;
    configuration_.status = 0;
    host_.configuration_changed();
}

}  // namespace eremite::vmm::net
