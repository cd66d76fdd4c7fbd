#include "vmm/net/header.hpp"

namespace eremite::vmm::net {

namespace {

// The feature that frames of such a type take.
std::optional<unsigned> feature_of(uint8_t gso_type) {
    switch (gso_type) {
        case VIRTIO_NET_HDR_GSO_TCPV4: return VIRTIO_NET_F_HOST_TSO4;
        case VIRTIO_NET_HDR_GSO_TCPV6: return VIRTIO_NET_F_HOST_TSO6;
        case VIRTIO_NET_HDR_GSO_UDP: return VIRTIO_NET_F_HOST_UFO;
        case gso_udp_l4: return feature_host_uso;
        default: return std::nullopt;
    }
}

}  // namespace

std::optional<Header> check_header(const Header& header, size_t length, uint64_t features) {
    if (length < ETH_HLEN || length > longest_frame) return std::nullopt;
    // Section 5.1.6.2.2: other flags are ignored.
    Header checked{};
    checked.flags = header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (checked.flags != 0) {
        if (!has(features, VIRTIO_NET_F_CSUM)) return std::nullopt;
        if (header.csum_start < ETH_HLEN || size_t{header.csum_start} + header.csum_offset + sizeof(uint16_t) > length) return std::nullopt;
        checked.csum_start = header.csum_start;
        checked.csum_offset = header.csum_offset;
    }
    const auto type = static_cast<uint8_t>(header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN);
    if (type == VIRTIO_NET_HDR_GSO_NONE) return checked;
    const auto needed = feature_of(type);
    // What is cut has new checksums.
    if (!needed || !has(features, *needed) || checked.flags == 0) return std::nullopt;
    if (header.gso_type != type && !has(features, VIRTIO_NET_F_HOST_ECN)) return std::nullopt;
    if (header.gso_size == 0 || header.hdr_len > length) return std::nullopt;
    checked.gso_type = header.gso_type;
    checked.gso_size = header.gso_size;
    checked.hdr_len = header.hdr_len;
    return checked;
}

}  // namespace eremite::vmm::net
