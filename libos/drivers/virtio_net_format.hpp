#pragma once
// What a network device and its driver say to each other (virtio 1.2 section 5.1), as the Linux headers have it.
#include <cstdint>

#include <linux/virtio_types.h>

#include <linux/if_ether.h>
// A field of a structure there has the name of a C++ keyword.
#define class class_
#include <linux/virtio_net.h>
#undef class

namespace eremite::drivers {

// Of virtio 1.3, where older headers end: datagrams that are joined, or are to be cut (sections 5.1.3 and 5.1.6).
inline constexpr unsigned net_feature_guest_uso4 = 54, net_feature_guest_uso6 = 55, net_feature_host_uso = 56;
inline constexpr uint8_t net_gso_udp_l4 = 5;

// Of an Ethernet frame; a device's own header comes in front.
inline constexpr uint32_t ethernet_header = 14;

}  // namespace eremite::drivers
