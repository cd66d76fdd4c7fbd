#pragma once
// The device on which a host talks to itself: what is sent is received in the next batch, without links, checksums or cuts.
#include "netstack/phy/device.hpp"

namespace eremite::net {

class LoopbackDevice final : public Device {
public:
    static constexpr size_t most_queued = 1024;

    LoopbackDevice()
        : Device{{.link = LinkType::Ip, .mtu = 65535, .transmit_checksum = true, .receive_checksum = true, .loopback = true,
                  .tcp4_segmentation = 65000, .tcp6_segmentation = 65000, .udp_segmentation = 65000}} {}
    [[nodiscard]] bool transmit(Packet& packet) override {
        if (queue_.count() == most_queued) return false;
        queue_.push(std::move(packet));
        return true;
    }
    // What was sent: each packet is to be received once. Null when there is nothing.
    [[nodiscard]] Packet take() { return queue_.pop(); }
    [[nodiscard]] bool empty() const { return queue_.empty(); }
    [[nodiscard]] size_t count() const { return queue_.count(); }

private:
    PacketQueue queue_{};
};

}  // namespace eremite::net
