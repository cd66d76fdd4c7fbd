#pragma once
// What the stack asks of the driver of a network interface. The driver hands received packets to Stack::receive(), and calls
// Stack::device_ready() when it can take packets again after it refused one.
#include <cstdint>

#include "netstack/storage/packet.hpp"
#include "netstack/wire/address.hpp"

namespace eremite::net {

enum class LinkType : uint8_t { Ethernet, Ip };  // Ip: packets have no link header, as on the loopback

struct Capabilities {
    LinkType link = LinkType::Ethernet;
    MacAddress mac{};
    uint16_t mtu = 1500;  // of IP packets
    bool transmit_checksum = false;     // completes ChecksumState::Partial
    bool receive_checksum = false;      // may say Verified
    bool receive_segmentation = false;  // joins segments that arrive; where it does not, the interface does
    bool loopback = false;
    uint32_t tcp4_segmentation = 0;     // the longest payload that the device cuts into segments; 0: none
    uint32_t tcp6_segmentation = 0;
    uint32_t udp_segmentation = 0;
    bool udp_fragmentation = false;     // sends datagrams that are longer than the MTU as fragments of IP
    uint16_t most_fragments = 16;       // of one packet
};

class Device {
public:
    explicit Device(const Capabilities& capabilities) : capabilities_{capabilities} {}
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }

    // Takes the packet and returns true; or leaves it and returns false when its queue is full, and says later that it is not.
    [[nodiscard]] virtual bool transmit(Packet& packet) = 0;
    // The end of a batch: what was taken shall go out.
    virtual void flush() {}
    // Frames to this group are wanted, or not any more. Devices without filters pass everything.
    virtual void filter_multicast(const MacAddress&, bool) {}

protected:
    ~Device() = default;
    Capabilities capabilities_;
};

}  // namespace eremite::net
