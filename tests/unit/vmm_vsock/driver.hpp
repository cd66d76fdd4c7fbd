#pragma once
// A guest with a socket device: our kernel's endpoint, with queues in the guest's memory as our driver has them.
#include <csignal>

#include "host.hpp"
#include "tests/unit/vmm_core/guest.hpp"
#include "tests/unit/vsock/machines.hpp"
#include "vmm/vsock/device.hpp"

namespace eremite::test {

class VsockGuest {
public:
    static constexpr size_t receive_count = 8, receive_bytes = 4096, transmit_count = 8, transmit_bytes = sizeof(Header) + virtio::vsock::most_data;

    explicit VsockGuest(const std::string& path, const vmm::vsock::Settings& settings = {}) : machine{settings.cid} {
        guest.attach(
            [&](const vmm::GuestMemory&, vmm::virtio::Host& host) {
                auto made = std::make_unique<vmm::vsock::VsockDevice>(host, "vsock", path, settings);
                device = made.get();
                return made;
            },
            false);
        for (size_t i = 0; i < receive_count; ++i) receive_segments.push_back(guest.heap.segment(receive_bytes));
        for (size_t i = 0; i < transmit_count; ++i) transmit_segments.push_back(guest.heap.segment(transmit_bytes));
    }
    void bring_up(bool with_buffers = true) {
        free_segments = {transmit_segments.begin(), transmit_segments.end()};
        guest.bring_up(0, virtio::vsock::queue_count);
        if (with_buffers) offer_all();
    }
    void offer_all() {
        for (virtio::Segment& segment : receive_segments) guest.send(virtio::vsock::receive_queue, {}, {&segment, 1}, &segment);
    }
    // Sends these bytes as a packet, whatever they are. Requires: there is a free segment.
    void send_raw(std::span<const std::byte> bytes) {
        virtio::Segment segment = free_segments.back();
        free_segments.pop_back();
        std::memcpy(guest.heap.bytes(segment).data(), bytes.data(), bytes.size());
        auto& whole = *in_flight.emplace_back(std::make_unique<virtio::Segment>(segment));
        segment.length = static_cast<uint32_t>(bytes.size());
        guest.send(virtio::vsock::transmit_queue, {&segment, 1}, {}, &whole);
    }
    void send_header(const Header& header) { send_raw(std::as_bytes(std::span{&header, 1})); }

    // The packets that came since.
    std::vector<std::vector<uint8_t>> take_packets() {
        std::vector<std::vector<uint8_t>> packets;
        while (const auto done = guest.queue(virtio::vsock::receive_queue)->take()) {
            auto& segment = *static_cast<virtio::Segment*>(done->token);
            const auto bytes = guest.heap.bytes(segment).first(done->written);
            std::vector<uint8_t>& packet = packets.emplace_back(bytes.size());
            std::memcpy(packet.data(), bytes.data(), bytes.size());
            guest.send(virtio::vsock::receive_queue, {}, {&segment, 1}, &segment);
        }
        return packets;
    }
    // Lets guest and device do what there is to do.
    void run() {
        for (int quiet = 0; quiet < 4; ++quiet) {
            guest.settle();
            while (const auto done = guest.queue(virtio::vsock::transmit_queue)->take()) {
                free_segments.push_back(*static_cast<virtio::Segment*>(done->token));
                std::erase_if(in_flight, [&](const auto& segment) { return segment.get() == done->token; });
                quiet = 0;
            }
            for (const auto& packet : take_packets()) {
                Header header;
                ASSERT_GE(packet.size(), sizeof header);
                std::memcpy(&header, packet.data(), sizeof header);
                machine.endpoint.receive(header, std::span{packet}.subspan(sizeof header));
                quiet = 0;
            }
            while (!free_segments.empty() && !machine.wire.packets.empty()) {
                const auto packet = machine.wire.take();
                send_raw(std::as_bytes(packet->bytes()));
                quiet = 0;
            }
        }
    }

    Guest guest{uint64_t{8} << 20};
    vmm::vsock::VsockDevice* device = nullptr;
    TestMachine machine;
    std::vector<virtio::Segment> receive_segments, transmit_segments, free_segments;
    std::vector<std::unique_ptr<virtio::Segment>> in_flight;
};

struct VsockTest : ::testing::Test {
    static constexpr uint32_t port_number = 1024;

    static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

    HostFolder folder;
    const std::string path = folder.name("vsock");

    // The host connects to a port of the guest.
    [[nodiscard]] vmm::UniqueFd greet(uint32_t port = port_number) const {
        vmm::UniqueFd socket = connect_unix(path);
        say(socket, "CONNECT " + std::to_string(port) + "\n");
        return socket;
    }
};

}  // namespace eremite::test
