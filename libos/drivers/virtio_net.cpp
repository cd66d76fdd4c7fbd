#include "libos/drivers/virtio_net.hpp"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_types.h>

#include <linux/if_ether.h>
// A field of a structure there has the name of a C++ keyword.
#define class class_
#include <linux/virtio_net.h>
#undef class

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <optional>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"
#include "netstack/storage/pool.hpp"

namespace eremite::drivers {

namespace {

using net::Buffer;
using net::ChecksumState;
using net::Fragment;
using net::Packet;
using net::PacketPool;
using net::Segmentation;

constexpr uint64_t feature(unsigned number) { return uint64_t{1} << number; }
constexpr uint64_t wanted_features = feature(VIRTIO_NET_F_CSUM) | feature(VIRTIO_NET_F_GUEST_CSUM) | feature(VIRTIO_NET_F_MTU) |
                                     feature(VIRTIO_NET_F_MAC) | feature(VIRTIO_NET_F_GUEST_TSO4) | feature(VIRTIO_NET_F_GUEST_TSO6) |
                                     feature(VIRTIO_NET_F_GUEST_ECN) | feature(VIRTIO_NET_F_HOST_TSO4) | feature(VIRTIO_NET_F_HOST_TSO6) |
                                     feature(VIRTIO_NET_F_HOST_ECN) | feature(VIRTIO_NET_F_MRG_RXBUF) | feature(VIRTIO_NET_F_STATUS);
constexpr uint16_t queue_size = 256;
constexpr uint16_t most_fragments = 17;  // of data; a header that found no room in front is one more
constexpr uint16_t most_segments = most_fragments + 1;
constexpr size_t most_room = size_t{1} << 20;  // for what comes, in bytes
constexpr uint32_t ethernet_header = 14;
// RFC 894; a device's own header comes in front.
constexpr uint16_t usual_mtu = 1500;
constexpr uint32_t longest_payload = 65535 - 60 - 60;  // of a segment to be cut, behind the longest headers of IP and TCP

class VirtioNet final : public network::Nic {
public:
    explicit VirtioNet(virtio::Transport& transport) : Nic{{}}, transport_{transport} {}

    Result<void> prepare() {
        TRY(bring_up());
        features_ = device_->features();
        describe();
        return {};
    }
    void start(Listener& listener, PacketPool& pool) override {
        listener_ = &listener;
        pool_ = &pool;
        begin();
        log::info("virtio-net: {}, {} ring, MTU {}", transport_.name(), receive_queue_->shape().packed ? "packed" : "split", capabilities_.mtu);
    }

    [[nodiscard]] bool poll(Receiver& receiver, size_t most) override {
        if (down_) return false;
        reclaim();
        for (size_t left = most; left > 0; --left) {
            const auto done = receive_queue_->take();
            if (!done) {
                if (device_->health() == virtio::Health::Stopped && receive_queue_->in_flight() == 0 && send_queue_->in_flight() == 0) {
                    go_down();
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

    [[nodiscard]] bool watch() override { return !down_ && receive_queue_->enable_interrupts(); }

    [[nodiscard]] bool transmit(Packet& packet) override {
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

    void flush() override {
        if (down_) return;
        send_queue_->kick();
        reclaim();
    }

    [[nodiscard]] bool has_room_again() override {
        if (down_ || !refused_ || !send_queue_->has_room(most_segments)) return false;
        refused_ = false;
        return true;
    }

    [[nodiscard]] bool sending() override {
        if (down_) return false;
        reclaim();
        return send_queue_->in_flight() != 0;
    }

    [[nodiscard]] bool link_up() override {
        if (down_) return false;
        if (device_->has(VIRTIO_NET_F_STATUS) && configuration_changed_.load(std::memory_order_relaxed) && configuration_changed_.exchange(false))
            link_up_ = (device_->read_configuration<uint16_t>(offsetof(virtio_net_config, status)) & VIRTIO_NET_S_LINK_UP) != 0;
        return link_up_;
    }
    [[nodiscard]] std::string_view driver() const override { return "virtio-net"; }

private:
    // Asks for everything anew, some time after the device failed.
    struct RestartTimer : sched::Timer {
        explicit RestartTimer(VirtioNet& owner) : Timer{[](Timer& timer) { static_cast<RestartTimer&>(timer).nic.restart(); }}, nic{owner} {}
        VirtioNet& nic;
    };

    Result<void> bring_up() {
        virtio::Device& device = device_.emplace(transport_);
        TRY(device.negotiate(wanted_features));
        // Section 5.1.6.1: a device of the old kind leaves the last field out unless buffers are merged.
        const bool long_header = device_->has(VIRTIO_F_VERSION_1) || device_->has(VIRTIO_NET_F_MRG_RXBUF);
        header_size_ = long_header ? sizeof(virtio_net_hdr_mrg_rxbuf) : sizeof(virtio_net_hdr);
        // Segments that were joined are longer than a buffer.
        if (!device_->has(VIRTIO_NET_F_MRG_RXBUF) && joins_segments()) {
            constexpr uint64_t joining = feature(VIRTIO_NET_F_GUEST_TSO4) | feature(VIRTIO_NET_F_GUEST_TSO6) | feature(VIRTIO_NET_F_GUEST_ECN);
            TRY(device_->negotiate(wanted_features & ~joining));
        }
        receive_queue_ = TRY(device_->start_queue(0, {.size = queue_size, .cpu = arch::cpu_index(), .ready = {attention, this}}));
        send_queue_ = TRY(device_->start_queue(1, {.size = queue_size, .indirect_segments = most_segments, .cpu = arch::cpu_index(), .ready = {attention, this}}));
        device_->on_configuration_change({[](void* self) {
                                              static_cast<VirtioNet*>(self)->configuration_changed_.store(true);
                                              attention(self);
                                          },
                                          this});
        return {};
    }


    // A device that broke the protocol was stopped, and has given everything back: it gets another chance, each time after a longer pause.
    void go_down() {
        down_ = true;
        constexpr Duration longest_pause = Duration::seconds(60);
        restart_timer_.start(platform::monotonic_now() + pause_);
        pause_ = std::min(Duration{pause_.ns * 2}, longest_pause);
    }
    void restart() {
        // Nobody touches it meanwhile, since it is down.
        device_.reset();
        const auto again = bring_up();
        const sync::Guard guard{listener_->lock()};
        if (!again.ok() || device_->features() != features_) {
            log::error("virtio-net: the device cannot be started again (error {})", again.ok() ? ENOTSUP : again.code());
            return go_down();
        }
        log::warn("virtio-net: the device was started again");
        down_ = false;
        refused_ = false;
        room_given_ = 0;
        configuration_changed_.store(true);
        begin();
    }
    void begin() {
        send_queue_->disable_interrupts();
        refill();
        device_->start();
        receive_queue_->kick();
    }

    static void attention(void* self) {
        auto& nic = *static_cast<VirtioNet*>(self);
        nic.listener_->attention(nic);
    }

    [[nodiscard]] bool joins_segments() const { return device_->has(VIRTIO_NET_F_GUEST_TSO4) || device_->has(VIRTIO_NET_F_GUEST_TSO6); }

    void describe() {
        net::Capabilities& c = capabilities_;
        for (size_t i = 0; i < c.mac.bytes.size(); ++i)
            c.mac.bytes[i] = device_->has(VIRTIO_NET_F_MAC) ? device_->read_configuration<uint8_t>(static_cast<uint32_t>(offsetof(virtio_net_config, mac) + i)) : 0;
        c.mtu = usual_mtu;
        if (device_->has(VIRTIO_NET_F_MTU)) {
            constexpr uint16_t least = 576, most = 65535 - ethernet_header;
            c.mtu = std::clamp(device_->read_configuration<uint16_t>(offsetof(virtio_net_config, mtu)), least, most);
        }
        if (!device_->has(VIRTIO_NET_F_MRG_RXBUF))
            c.mtu = static_cast<uint16_t>(std::min<size_t>(c.mtu, PacketPool::small_capacity - header_size_ - ethernet_header));
        c.transmit_checksum = device_->has(VIRTIO_NET_F_CSUM);
        c.receive_checksum = device_->has(VIRTIO_NET_F_GUEST_CSUM);
        c.tcp4_segmentation = device_->has(VIRTIO_NET_F_HOST_TSO4) ? longest_payload : 0;
        c.tcp6_segmentation = device_->has(VIRTIO_NET_F_HOST_TSO6) ? longest_payload : 0;
        c.receive_segmentation = joins_segments();
        c.most_fragments = most_fragments;
    }

    // Gives the device buffers for what comes: large ones while it joins segments, since each costs the same.
    void refill() {
        const bool large = device_->has(VIRTIO_NET_F_MRG_RXBUF) && average_size_ > PacketPool::small_capacity * 2;
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
    void reclaim() {
        while (const auto done = send_queue_->take()) Packet::adopt(static_cast<Fragment*>(done->token)).reset();
    }

    // A packet of one buffer; null, and the buffer is given back: it makes no sense, or there is no memory.
    Packet over(const virtio::Completion& done, size_t skip) {
        auto& buffer = *static_cast<Buffer*>(done.token);
        room_given_ -= buffer.capacity;
        if (done.error == 0 && done.written > skip)
            if (Packet packet = Packet::over(*pool_, buffer, buffer.start + skip, static_cast<uint32_t>(done.written - skip))) return packet;
        pool_->release_reference(buffer);
        return {};
    }

    // Section 5.1.6.4: a packet may go on in further buffers, which the device has finished all together.
    Packet accept(const virtio::Completion& done) {
        virtio_net_hdr_mrg_rxbuf header{};
        if (done.error == 0 && done.written >= header_size_) __builtin_memcpy(&header, static_cast<Buffer*>(done.token)->start, header_size_);
        Packet packet = over(done, header_size_);
        const unsigned buffers = device_->has(VIRTIO_NET_F_MRG_RXBUF) ? header.num_buffers : 1;
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

    // False: it cannot be true of this packet.
    static bool read_header(const virtio_net_hdr& header, Packet& packet) {
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
            case VIRTIO_NET_HDR_GSO_NONE: return true;
            case VIRTIO_NET_HDR_GSO_TCPV4: offload.segmentation = Segmentation::Tcp4; break;
            case VIRTIO_NET_HDR_GSO_TCPV6: offload.segmentation = Segmentation::Tcp6; break;
            default: return false;
        }
        offload.segment_size = header.gso_size;
        offload.header_length = header.hdr_len;
        return header.gso_size != 0;
    }

    void write_header(uint8_t* at, const net::Offload& offload) const {
        virtio_net_hdr_mrg_rxbuf header{};
        if (offload.checksum == ChecksumState::Partial) {
            header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
            header.hdr.csum_start = offload.checksum_start;
            header.hdr.csum_offset = offload.checksum_offset;
        }
        if (offload.segmentation != Segmentation::None) {
            header.hdr.gso_type = offload.segmentation == Segmentation::Tcp6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
            if (offload.ecn && device_->has(VIRTIO_NET_F_HOST_ECN)) header.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
            header.hdr.gso_size = offload.segment_size;
            header.hdr.hdr_len = offload.header_length;
        }
        __builtin_memcpy(at, &header, header_size_);
    }

    virtio::Transport& transport_;
    std::optional<virtio::Device> device_;
    uint64_t features_ = 0;
    size_t header_size_ = 0;
    virtio::Queue* receive_queue_ = nullptr;
    virtio::Queue* send_queue_ = nullptr;
    Listener* listener_ = nullptr;
    PacketPool* pool_ = nullptr;
    size_t room_given_ = 0;     // to the device, for what comes
    size_t filled_ = 0;         // buffers in the receive queue when it was filled last
    int64_t average_size_ = 0;  // of the last packets that came
    bool refused_ = false;  // a packet, for want of room
    bool link_up_ = true;
    bool down_ = false;     // the device failed, and nobody may touch it
    Duration pause_ = Duration::seconds(1);
    RestartTimer restart_timer_{*this};
    std::atomic<bool> configuration_changed_{true};  // since it was read
};

}  // namespace

Result<network::Nic*> claim_virtio_net() {
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_NET));
    auto* const nic = new (std::nothrow) VirtioNet{*transport};
    if (!nic) return Error{ENOMEM};
    if (const auto prepared = nic->prepare(); !prepared.ok()) {
        delete nic;
        return prepared.error();
    }
    return nic;
}

}  // namespace eremite::drivers
