#pragma once
// What a network device and its driver say to each other (virtio 1.2 section 5.1), as the Linux headers have it.
#include <array>
#include <cstddef>
#include <cstdint>

#include <linux/if_ether.h>
#include <linux/virtio_types.h>
// A field of a structure there has the name of a C++ keyword.
#define class class_
#include <linux/virtio_net.h>
#undef class

namespace eremite::vmm::net {

using MacAddress = std::array<uint8_t, ETH_ALEN>;

// Of virtio 1.3, where older headers end: datagrams that are joined, or are to be cut (sections 5.1.3 and 5.1.6).
inline constexpr unsigned feature_guest_uso4 = 54, feature_guest_uso6 = 55, feature_host_uso = 56;
inline constexpr uint8_t gso_udp_l4 = 5;

[[nodiscard]] constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
[[nodiscard]] constexpr bool has(uint64_t features, unsigned feature) { return (features & bit(feature)) != 0; }

// What a network can spare the driver: checksums and cutting of what it sends, and of what it receives checking and joining.
inline constexpr uint64_t send_offloads = bit(VIRTIO_NET_F_CSUM) | bit(VIRTIO_NET_F_HOST_TSO4) | bit(VIRTIO_NET_F_HOST_TSO6) |
                                          bit(VIRTIO_NET_F_HOST_ECN) | bit(VIRTIO_NET_F_HOST_UFO) | bit(feature_host_uso);
inline constexpr uint64_t receive_offloads = bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_GUEST_TSO4) | bit(VIRTIO_NET_F_GUEST_TSO6) |
                                             bit(VIRTIO_NET_F_GUEST_ECN) | bit(VIRTIO_NET_F_GUEST_UFO) | bit(feature_guest_uso4) |
                                             bit(feature_guest_uso6);

// In front of each frame (section 5.1.6). Its fields are little-endian, as the host is.
using Header = virtio_net_hdr_v1;
inline constexpr size_t header_size = sizeof(Header);
static_assert(header_size == 12);
// Of a frame with its Ethernet header and two VLAN tags: IP packets have a length of 16 bits, and that of version 6 does not count its header.
inline constexpr size_t longest_frame = 65535 + 40 + ETH_HLEN + 2 * 4;

}  // namespace eremite::vmm::net
