#include "libos/drivers/virtio_net_pair.hpp"

#include <array>
#include <utility>

#include "libos/arch/smp.hpp"

namespace eremite::drivers {

namespace {

using net::Buffer;
using net::ChecksumState;
using net::Fragment;
using net::Packet;
using net::PacketPool;
using net::Segmentation;

constexpr uint16_t queue_size = 256;
constexpr uint16_t most_segments = VirtioNetPair::most_fragments + 1;
constexpr size_t most_room = size_t{1} << 20;  // for what comes, in bytes

// False: it cannot be true of this packet.
bool read_header(const virtio_net_hdr& header, Packet& packet) {
    net::Offload& offload = packet.offload();
    offload = {};
    if ((header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        if (size_t{header.csum_start} + header.csum_offset + sizeof(uint16_t) > packet.length()) return false;
        offload.checksum = ChecksumState::Partial;
        offload.checksum_start = header.csum_start;
        offload.checksum_offset = header.csum_offset;
    } else if ((header.flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
        offload.checksum = ChecksumState::Verified;
    }
    switch (header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
        // A datagram that nobody has cut into fragments yet is as good as one that was put together.
        case VIRTIO_NET_HDR_GSO_UDP:
        case VIRTIO_NET_HDR_GSO_NONE: return true;
        case VIRTIO_NET_HDR_GSO_TCPV4: offload.segmentation = Segmentation::Tcp4; break;
        case VIRTIO_NET_HDR_GSO_TCPV6: offload.segmentation = Segmentation::Tcp6; break;
        case net_gso_udp_l4: offload.segmentation = Segmentation::Udp; break;
        default: return false;
    }
    offload.segment_size = header.gso_size;
    offload.header_length = header.hdr_len;
    return header.gso_size != 0;
}

uint8_t kind_of(Segmentation segmentation) {
    switch (segmentation) {
        case Segmentation::None: break;
        case Segmentation::Tcp4: return VIRTIO_NET_HDR_GSO_TCPV4;
        case Segmentation::Tcp6: return VIRTIO_NET_HDR_GSO_TCPV6;
        case Segmentation::Udp: return net_gso_udp_l4;
        case Segmentation::Fragments: return VIRTIO_NET_HDR_GSO_UDP;
    }
    return VIRTIO_NET_HDR_GSO_NONE;
}

}  // namespace

Result<void> VirtioNetPair::make_queues(virtio::Device& device, size_t header_size, VirtioNetControl* control) {
    device_ = &device;
    control_ = control;
    header_size_ = header_size;
    merges_buffers_ = device.has(VIRTIO_NET_F_MRG_RXBUF);
    const bool online = (arch::online_cpus() >> index_ & 1) != 0;
    const unsigned cpu = online ? static_cast<unsigned>(index_) : 0;
    const virtio::Callback ready{[](void* self) { static_cast<VirtioNetPair*>(self)->tell_listener(); }, this};
    const auto first = static_cast<uint16_t>(2 * index_);
    receive_queue_ = TRY(device.start_queue(first, {.size = queue_size, .cpu = cpu, .ready = ready}));
    const auto second = static_cast<uint16_t>(first + 1);
    // Where all queues share an interrupt, once is enough.
    const virtio::Callback sent = device.transport().interrupt_count() > 1 ? ready : virtio::Callback{};
    send_queue_ = TRY(device.start_queue(second, {.size = queue_size, .indirect_segments = most_segments, .cpu = cpu, .ready = sent}));
    return {};
}

void VirtioNetPair::start(const network::Card::User& user) {
    const sync::Guard guard{user.listener->lock()};
    pool_ = user.pool;
    listener_.store(user.listener, std::memory_order_release);
    begin();
}

void VirtioNetPair::start_again() {
    const sync::Guard guard{listener_.load(std::memory_order_relaxed)->lock()};
    refused_ = shall_announce_ = false;
    room_given_ = 0;
    configuration_changed_.store(true);
    begin();
}

void VirtioNetPair::begin() {
    down_ = false;
    send_queue_->disable_interrupts();
    refill();
}

bool VirtioNetPair::poll(Receiver& receiver, size_t most) {
    if (down_) return false;
    reclaim();
    for (size_t left = most; left > 0; --left) {
        const auto done = receive_queue_->take();
        if (!done) {
            if (device_->health() == virtio::Health::Stopped && receive_queue_->in_flight() == 0 && send_queue_->in_flight() == 0) {
                down_ = true;
                went_down_();
                return false;
            }
            refill();
            return false;
        }
        if (Packet packet = accept(*done)) receiver.receive(std::move(packet));
        // Before the device runs dry.
        if (receive_queue_->in_flight() < filled_ / 2) refill();
    }
    return true;
}

bool VirtioNetPair::transmit(Packet& packet) {
    if (down_) {
        packet.reset();
        return true;
    }
    if (!send_queue_->has_room(most_segments)) {
        reclaim();
        if (!send_queue_->has_room(most_segments)) {
            refused_ = true;
            // What is done meanwhile was maybe not told.
            if (send_queue_->enable_interrupts(send_queue_->shape().size / 4)) reclaim();
            if (!send_queue_->has_room(most_segments)) return false;
            refused_ = false;
        }
    }
    const net::Offload offload = packet.offload();
    uint8_t* const header = packet.push_front(static_cast<uint32_t>(header_size_));
    // Without memory for a header it is lost, as on any busy link.
    if (!header) {
        packet.reset();
        return true;
    }
    write_header(header, offload);
    std::array<virtio::Segment, most_segments> segments;
    size_t count = 0;
    for (Fragment* f = packet.head(); f; f = f->next) {
        if (f->length == 0) continue;
        if (count == segments.size()) {
            packet.reset();
            return true;
        }
        segments[count++] = {physical_of_direct_map(VirtualAddress{f->data}), f->length};
    }
    Fragment* const head = packet.leak();
    if (!send_queue_->add(std::span{segments}.first(count), {}, head).ok()) Packet::adopt(head).reset();
    return true;
}

void VirtioNetPair::flush() {
    if (down_) return;
    send_queue_->kick();
    reclaim();
}

bool VirtioNetPair::has_room_again() {
    if (down_ || !refused_ || !send_queue_->has_room(most_segments)) return false;
    refused_ = false;
    return true;
}

bool VirtioNetPair::sending() {
    if (down_) return false;
    reclaim();
    return send_queue_->in_flight() != 0;
}

void VirtioNetPair::look_at_status() {
    if (!configuration_changed_.load(std::memory_order_relaxed) || !configuration_changed_.exchange(false)) return;
    // A machine that goes on from a snapshot has another address.
    for (size_t i = 0; device_->has(VIRTIO_NET_F_MAC) && i < capabilities_.mac.bytes.size(); ++i)
        capabilities_.mac.bytes[i] = device_->read_configuration<uint8_t>(static_cast<uint32_t>(offsetof(virtio_net_config, mac) + i));
    if (!device_->has(VIRTIO_NET_F_STATUS)) return;
    const auto status = device_->read_configuration<uint16_t>(offsetof(virtio_net_config, status));
    link_up_ = (status & VIRTIO_NET_S_LINK_UP) != 0;
    shall_announce_ |= control_ && (status & VIRTIO_NET_S_ANNOUNCE) != 0;
}

bool VirtioNetPair::link_up() {
    if (down_) return false;
    look_at_status();
    return link_up_;
}

// Section 5.1.6.5.4
bool VirtioNetPair::shall_announce() {
    if (down_) return false;
    look_at_status();
    // Without a link nobody would hear it.
    if (!link_up_ || !std::exchange(shall_announce_, false)) return false;
    control_->acknowledge_announcement();
    return true;
}

// Gives the device buffers for what comes: large ones while it joins segments, since each costs the same.
void VirtioNetPair::refill() {
    const bool large = merges_buffers_ && average_size_ > PacketPool::small_capacity * 2;
    bool added = false;
    while (receive_queue_->has_room(1) && room_given_ < most_room) {
        Buffer* buffer = pool_->allocate_buffer(large);
        if (!buffer && large) buffer = pool_->allocate_buffer(false);
        if (!buffer) break;
        const virtio::Segment room[] = {{physical_of_direct_map(VirtualAddress{buffer->start}), buffer->capacity}};
        if (!receive_queue_->add({}, room, buffer).ok()) {
            pool_->release_reference(*buffer);
            break;
        }
        room_given_ += buffer->capacity;
        added = true;
    }
    if (added) receive_queue_->kick();
    filled_ = receive_queue_->in_flight();
}

// Takes back what the device has sent.
void VirtioNetPair::reclaim() {
    while (const auto done = send_queue_->take()) Packet::adopt(static_cast<Fragment*>(done->token)).reset();
}

// A packet of one buffer; null, and the buffer is given back: it makes no sense, or there is no memory.
Packet VirtioNetPair::over(const virtio::Completion& done, size_t skip) {
    auto& buffer = *static_cast<Buffer*>(done.token);
    room_given_ -= buffer.capacity;
    if (done.error == 0 && done.written > skip)
        if (Packet packet = Packet::over(*pool_, buffer, buffer.start + skip, static_cast<uint32_t>(done.written - skip))) return packet;
    pool_->release_reference(buffer);
    return {};
}

// Section 5.1.6.4: a packet may go on in further buffers, which the device has finished all together.
Packet VirtioNetPair::accept(const virtio::Completion& done) {
    virtio_net_hdr_mrg_rxbuf header{};
    if (done.error == 0 && done.written >= header_size_) __builtin_memcpy(&header, static_cast<Buffer*>(done.token)->start, header_size_);
    Packet packet = over(done, header_size_);
    const unsigned buffers = merges_buffers_ ? header.num_buffers : 1;
    for (unsigned i = 1; i < buffers; ++i) {
        const auto further = receive_queue_->take();
        if (!further) {
            device_->fail("a packet is not complete");
            return {};
        }
        Packet rest = over(*further, 0);
        if (packet && rest) packet.append(std::move(rest));
        else packet.reset();
    }
    if (packet && !read_header(header.hdr, packet)) packet.reset();
    if (packet) average_size_ += (static_cast<int64_t>(packet.length()) - average_size_) / 8;
    return packet;
}

void VirtioNetPair::write_header(uint8_t* at, const net::Offload& offload) const {
    virtio_net_hdr_mrg_rxbuf header{};
    if (offload.checksum == ChecksumState::Partial) {
        header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header.hdr.csum_start = offload.checksum_start;
        header.hdr.csum_offset = offload.checksum_offset;
    }
    if (offload.segmentation != Segmentation::None) {
        header.hdr.gso_type = kind_of(offload.segmentation);
        if (offload.ecn && device_->has(VIRTIO_NET_F_HOST_ECN)) header.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
        header.hdr.gso_size = offload.segment_size;
        header.hdr.hdr_len = offload.header_length;
    }
    __builtin_memcpy(at, &header, header_size_);
}

}  // namespace eremite::drivers
