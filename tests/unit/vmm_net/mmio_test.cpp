// The device behind its transport, with a thread of its own: what a driver's first registers and a frame each way say.
#include <gtest/gtest.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <poll.h>

#include <cstring>

#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite::test {
namespace {

// Gives each frame back to who sent it.
class Echo final : public vmm::net::Backend, private vmm::net::Channel {
public:
    [[nodiscard]] size_t channel_count() const override { return 1; }
    [[nodiscard]] Channel& channel(size_t) override { return *this; }
    [[nodiscard]] uint64_t offloads() const override { return 0; }
    void negotiate(uint64_t) override {}
    [[nodiscard]] bool use(size_t) override { return true; }

private:
    void attach(vmm::virtio::Host&, Listener& listener) override { listener_ = &listener; }
    void watch(bool readable, bool) override { readable_ = readable; }
    size_t receive(std::span<const iovec> pieces) override { return frames_.receive(pieces); }
    Sent send(std::span<const iovec> pieces) override {
        const Sent sent = frames_.send(pieces);
        frames_.incoming.push_back(frames_.sent.back());
        return sent;
    }
    void flush() override {
        if (std::exchange(readable_, false) && !frames_.incoming.empty()) listener_->readable();
    }
    FakeChannel frames_;
    Listener* listener_ = nullptr;
    bool readable_ = false;
};

class Registers {
public:
    explicit Registers(vmm::virtio::MmioTransport& transport) : transport_{transport} {}
    uint32_t read(uint64_t offset) {
        uint32_t value = 0;
        transport_.read(offset, std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
    void write(uint64_t offset, uint32_t value) { transport_.write(offset, std::as_bytes(std::span{&value, 1})); }

private:
    vmm::virtio::MmioTransport& transport_;
};

struct Side final : virtio::QueueOwner {
    void notify(uint16_t queue) override { registers->write(VIRTIO_MMIO_QUEUE_NOTIFY, queue); }
    void fail(std::string_view) override { health_ = virtio::Health::Broken; }
    Registers* registers = nullptr;
};

TEST(NetMmio, AFrameGoesOutAndComesBack) {
    vmm::GuestMemory memory{1 << 20};
    const vmm::UniqueFd interrupt = vmm::make_event();
    vmm::virtio::MmioTransport transport{memory, interrupt.get()};
    transport.attach(std::make_unique<vmm::net::NetDevice>(transport.host(), std::make_unique<Echo>(), vmm::net::Settings{}));
    transport.run();
    Registers registers{transport};
    EXPECT_EQ(registers.read(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_NET});
    uint8_t first_of_mac = 0xff;
    transport.read(VIRTIO_MMIO_CONFIG, std::as_writable_bytes(std::span{&first_of_mac, 1}));
    EXPECT_EQ(first_of_mac & 3, 2);

    registers.write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    registers.write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    registers.write(VIRTIO_MMIO_DRIVER_FEATURES, 1U << (VIRTIO_F_VERSION_1 - 32));
    registers.write(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    ASSERT_NE(registers.read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK, 0U);

    Side owner;
    owner.registers = &registers;
    constexpr virtio::QueueShape shape{.size = 16};
    const auto layout = virtio::layout_of(shape);
    std::vector<std::vector<virtio::Slot>> slots;
    std::vector<std::unique_ptr<virtio::SplitQueue>> queues;
    for (uint16_t i = 0; i < 2; ++i) {
        const uint64_t address = 0x1000 * (i + 1U);
        const virtio::QueueMemory piece{memory.piece(address, layout.bytes).data(), PhysicalAddress{address}, slots.emplace_back(shape.size)};
        const virtio::SplitQueue& queue = *queues.emplace_back(std::make_unique<virtio::SplitQueue>(shape, piece, owner, i));
        registers.write(VIRTIO_MMIO_QUEUE_SEL, i);
        EXPECT_GE(registers.read(VIRTIO_MMIO_QUEUE_NUM_MAX), 256U);
        registers.write(VIRTIO_MMIO_QUEUE_NUM, shape.size);
        registers.write(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<uint32_t>(queue.descriptors().value));
        registers.write(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<uint32_t>(queue.driver_area().value));
        registers.write(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<uint32_t>(queue.device_area().value));
        registers.write(VIRTIO_MMIO_QUEUE_READY, 1);
    }
    registers.write(VIRTIO_MMIO_STATUS,
                    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);

    const virtio::Segment room[] = {{PhysicalAddress{0x8000}, 2048}}, frame[] = {{PhysicalAddress{0x9000}, 72}};
    ASSERT_TRUE(queues[0]->add({}, room, &owner).ok());
    queues[0]->kick();
    const auto bytes = memory.piece(0x9000 + vmm::net::header_size, 60);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 3);
    ASSERT_TRUE(queues[1]->add(frame, {}, &owner).ok());
    queues[1]->kick();
    std::optional<virtio::Completion> done;
    while (!(done = queues[0]->take())) {
        pollfd waiting{interrupt.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&waiting, 1, -1), 1);
        (void)vmm::take_event(interrupt.get());
        registers.write(VIRTIO_MMIO_INTERRUPT_ACK, registers.read(VIRTIO_MMIO_INTERRUPT_STATUS));
    }
    EXPECT_EQ(done->written, 72U);
    const auto came = memory.piece(0x8000 + vmm::net::header_size, 60);
    EXPECT_EQ(std::memcmp(came.data(), bytes.data(), 60), 0);
    // A reset with the thread at work.
    registers.write(VIRTIO_MMIO_STATUS, 0);
    EXPECT_EQ(registers.read(VIRTIO_MMIO_STATUS), 0U);
}

}  // namespace
}  // namespace eremite::test
