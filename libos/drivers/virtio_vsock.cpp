#include "libos/drivers/virtio_vsock.hpp"

#include <linux/virtio_ids.h>

#include <array>
#include <cstring>
#include <new>

#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/drivers/virtio/device.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::drivers {

namespace {

using namespace virtio::vsock;
using socket::vsock::Endpoint;
using socket::vsock::Packet;

constexpr uint16_t receive_buffers = 32, transmit_size = 128, event_buffers = 4;
constexpr unsigned buffer_order = 1;  // 8 KiB
constexpr uint32_t buffer_bytes = page_size << buffer_order;
// Answers to what the host sends wait for room to go out. A host that takes none is not listened to meanwhile (section 5.10.6.4).
constexpr size_t most_waiting = 256;

class VsockDevice final : public socket::vsock::Link {
public:
    VsockDevice(virtio::Transport& transport, Endpoint& endpoint, sync::Spinlock& lock) : device_{transport}, endpoint_{endpoint}, lock_{lock} {}

    Result<void> start() {
        TRY(device_.negotiate());
        const unsigned cpu = arch::cpu_index();
        const virtio::Callback ready{[](void* self) { static_cast<VsockDevice*>(self)->look(); }, this};
        // Where all queues share an interrupt, once is enough.
        const virtio::Callback other = device_.transport().interrupt_count() > 1 ? ready : virtio::Callback{};
        receive_queue_ = TRY(device_.start_queue(receive_queue, {.size = receive_buffers, .cpu = cpu, .ready = ready}));
        transmit_queue_ = TRY(device_.start_queue(transmit_queue, {.size = transmit_size, .cpu = cpu, .ready = other}));
        event_queue_ = TRY(device_.start_queue(event_queue, {.size = event_buffers, .cpu = cpu, .ready = other}));
        TRY(attach());
        for (unsigned i = 0; i < receive_buffers && receive_queue_->has_room(1); ++i) {
            // SAFETY: the block is ours for good.
            TRY(offer(direct_map(TRY(mm::page_allocator().allocate(buffer_order))).as<uint8_t>()));
        }
        for (virtio_vsock_event& event : events_)
            if (event_queue_->has_room(1)) TRY(offer(event));
        device_.start();
        receive_queue_->kick();
        event_queue_->kick();
        log::info("virtio-vsock: {}, number {}", device_.transport().name(), endpoint_.cid());
        return {};
    }

    // Requires: the lock.
    void send(std::unique_ptr<Packet> packet) override {
        // What is sent to a device that does not work is lost, as the streams are.
        if (device_.health() != virtio::Health::Working) return;
        reclaim();
        waiting_.push_back(*packet.release());
        ++waiting_count_;
        hand_over();
    }

    // It could not be started: it is stopped, and stays here, since interrupts may be under way.
    void give_up() {
        endpoint_.attach(nullptr, 0);
        device_.fail("it cannot be started");
    }

private:
    // All of these require the lock.
    Result<void> attach() {
        const auto cid = device_.read_configuration<uint64_t>(offsetof(virtio_vsock_config, guest_cid));
        // Section 5.10.4: smaller ones have a meaning, and so has the largest; the upper half is 0.
        if (cid <= VMADDR_CID_HOST || cid >= VMADDR_CID_ANY) return Error{EIO};
        endpoint_.attach(this, static_cast<uint32_t>(cid));
        return {};
    }
    Result<void> offer(uint8_t* buffer) {
        const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{buffer}), buffer_bytes}};
        return receive_queue_->add({}, segment, buffer);
    }
    Result<void> offer(virtio_vsock_event& event) {
        const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{&event}), sizeof event}};
        return event_queue_->add({}, segment, &event);
    }

    void hand_over() {
        while (Packet* const packet = waiting_.front()) {
            if (!transmit_queue_->has_room(1)) break;
            const auto bytes = packet->bytes();
            const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{bytes.data()}), static_cast<uint32_t>(bytes.size())}};
            if (!transmit_queue_->add(segment, {}, packet).ok()) break;
            packet->unlink();
            --waiting_count_;
        }
        transmit_queue_->kick();
    }
    void reclaim() {
        while (const auto done = transmit_queue_->take()) delete static_cast<Packet*>(done->token);
    }

    void look() {
        const sync::Guard guard{lock_};
        if (device_.health() != virtio::Health::Working) return end();
        do {
            reclaim();
            hand_over();
        } while (transmit_queue_->enable_interrupts(static_cast<uint16_t>(transmit_queue_->in_flight() / 2 + 1)));
        // What has happened to all streams comes before what new ones bring.
        do take_events();
        while (event_queue_->enable_interrupts());
        do receive();
        while (waiting_count_ < most_waiting && receive_queue_->enable_interrupts());
    }

    void receive() {
        while (waiting_count_ < most_waiting) {
            const auto done = receive_queue_->take();
            if (!done) break;
            auto* const buffer = static_cast<uint8_t*>(done->token);
            const std::span<const uint8_t> bytes{buffer, done->written};
            Header header;
            if (done->error == 0 && bytes.size() >= sizeof header) {
                std::memcpy(&header, bytes.data(), sizeof header);
                endpoint_.receive(header, bytes.subspan(sizeof header));
            }
            if (!offer(buffer).ok()) return mm::page_allocator().free(physical_of_direct_map(VirtualAddress{buffer}), buffer_order);
        }
        receive_queue_->kick();
    }

    void take_events() {
        while (const auto done = event_queue_->take()) {
            auto& event = *static_cast<virtio_vsock_event*>(done->token);
            // Section 5.10.6.7: there may be another number, too.
            if (done->written == sizeof event && event.id == VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) {
                endpoint_.reset_all();
                if (!attach().ok()) device_.fail("it has no number");
            }
            (void)offer(event);  // the device does not work any more, or there is room
        }
        event_queue_->kick();
    }

    void end() {
        endpoint_.reset_all();
        while (Packet* const packet = waiting_.pop_front()) delete packet;
        waiting_count_ = 0;
        if (transmit_queue_) reclaim();
        while (const auto done = receive_queue_->take()) mm::page_allocator().free(physical_of_direct_map(VirtualAddress{done->token}), buffer_order);
    }

    virtio::Device device_;
    Endpoint& endpoint_;
    sync::Spinlock& lock_;
    virtio::Queue *receive_queue_ = nullptr, *transmit_queue_ = nullptr, *event_queue_ = nullptr;
    List<Packet> waiting_;  // for room in the queue
    size_t waiting_count_ = 0;
    std::array<virtio_vsock_event, event_buffers> events_{};
};

}  // namespace

void start_virtio_vsock(Endpoint& endpoint, sync::Spinlock& lock) {
    const auto transport = virtio::claim(VIRTIO_ID_VSOCK);
    if (!transport.ok()) return;
    auto* const device = new (std::nothrow) VsockDevice{*transport.value(), endpoint, lock};
    if (!device) return;
    if (const auto started = device->start(); !started.ok()) {
        log::error("virtio-vsock: {} cannot be started (error {})", transport.value()->name(), started.code());
        device->give_up();
    }
}

}  // namespace eremite::drivers
