// The device behind its transport, with a thread of its own.
#include <gtest/gtest.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <poll.h>

#include <array>
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

// The driver, by registers alone.
class Driver final : public virtio::QueueOwner {
public:
    Driver(vmm::GuestMemory& memory, vmm::virtio::MmioTransport& transport, int interrupt)
        : memory_{memory}, registers_{transport}, interrupt_{interrupt} {}

    // Section 3.1.1; false: the device does not agree.
    [[nodiscard]] bool start() {
        constexpr uint32_t found = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER, agreed = found | VIRTIO_CONFIG_S_FEATURES_OK;
        registers_.write(VIRTIO_MMIO_STATUS, found);
        registers_.write(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
        registers_.write(VIRTIO_MMIO_DRIVER_FEATURES, 1U << (VIRTIO_F_VERSION_1 - 32));
        registers_.write(VIRTIO_MMIO_STATUS, agreed);
        if ((registers_.read(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) == 0) return false;
        for (uint16_t i = 0; i < 2; ++i) make_queue(i);
        registers_.write(VIRTIO_MMIO_STATUS, agreed | VIRTIO_CONFIG_S_DRIVER_OK);
        return true;
    }
    void reset() { registers_.write(VIRTIO_MMIO_STATUS, 0); }
    [[nodiscard]] uint32_t status() { return registers_.read(VIRTIO_MMIO_STATUS); }
    // A buffer for what comes, and a frame of 60 bytes that begins with `mark`.
    void give_buffer() {
        const virtio::Segment room[] = {{PhysicalAddress{0x8000}, 2048}};
        ASSERT_TRUE(queues_[0]->add({}, room, this).ok());
        queues_[0]->kick();
    }
    void send(uint8_t mark) {
        while (queues_[1]->take()) {}
        // One for each descriptor, so that nothing is written that the device may still read.
        const uint64_t address = 0x9000 + 0x100 * (sent_++ % queue_size);
        const virtio::Segment frame[] = {{PhysicalAddress{address}, vmm::net::header_size + 60}};
        const auto bytes = memory_.piece(address + vmm::net::header_size, 60);
        for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(mark + i * 3);
        ASSERT_TRUE(queues_[1]->add(frame, {}, this).ok());
        queues_[1]->kick();
    }
    // Waits for a frame; its bytes.
    [[nodiscard]] Bytes receive() {
        for (;;) {
            if (const auto done = queues_[0]->take()) {
                const auto came = memory_.piece(0x8000 + vmm::net::header_size, done->written - vmm::net::header_size);
                Bytes bytes(came.size());
                std::memcpy(bytes.data(), came.data(), came.size());
                return bytes;
            }
            pollfd waiting{interrupt_, POLLIN, 0};
            if (::poll(&waiting, 1, -1) != 1) return {};
            (void)vmm::take_event(interrupt_);
            registers_.write(VIRTIO_MMIO_INTERRUPT_ACK, registers_.read(VIRTIO_MMIO_INTERRUPT_STATUS));
        }
    }

    void notify(uint16_t queue) override { registers_.write(VIRTIO_MMIO_QUEUE_NOTIFY, queue); }
    void fail(std::string_view) override { health_ = virtio::Health::Broken; }

private:
    static constexpr uint16_t queue_size = 16;
    void make_queue(uint16_t i) {
        constexpr virtio::QueueShape shape{.size = queue_size};
        const auto layout = virtio::layout_of(shape);
        const uint64_t address = 0x1000 * (i + 1U);
        const auto area = memory_.piece(address, layout.bytes);
        std::fill(area.begin(), area.end(), std::byte{0});
        slots_[i].assign(shape.size, {});
        queues_[i] = std::make_unique<virtio::SplitQueue>(shape, virtio::QueueMemory{area.data(), PhysicalAddress{address}, slots_[i]}, *this, i);
        registers_.write(VIRTIO_MMIO_QUEUE_SEL, i);
        EXPECT_GE(registers_.read(VIRTIO_MMIO_QUEUE_NUM_MAX), 256U);
        registers_.write(VIRTIO_MMIO_QUEUE_NUM, shape.size);
        registers_.write(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<uint32_t>(queues_[i]->descriptors().value));
        registers_.write(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<uint32_t>(queues_[i]->driver_area().value));
        registers_.write(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<uint32_t>(queues_[i]->device_area().value));
        registers_.write(VIRTIO_MMIO_QUEUE_READY, 1);
    }

    vmm::GuestMemory& memory_;
    Registers registers_;
    const int interrupt_;
    size_t sent_ = 0;
    std::array<std::vector<virtio::Slot>, 2> slots_;
    std::array<std::unique_ptr<virtio::SplitQueue>, 2> queues_;
};

Bytes marked(uint8_t mark) {
    Bytes bytes(60);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(mark + i * 3);
    return bytes;
}

struct Started {
    Started() {
        transport.attach(std::make_unique<vmm::net::NetDevice>(transport.host(), std::make_unique<Echo>(), vmm::net::Settings{}));
        transport.run();
    }
    vmm::GuestMemory memory{1 << 20};
    const vmm::UniqueFd interrupt = vmm::make_event();
    vmm::virtio::MmioTransport transport{memory, interrupt.get()};
    Driver driver{memory, transport, interrupt.get()};
};

TEST(NetMmio, SaysWhatItIs) {
    Started started;
    Registers registers{started.transport};
    EXPECT_EQ(registers.read(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_NET});
    uint8_t first_of_mac = 0xff;
    started.transport.read(VIRTIO_MMIO_CONFIG, std::as_writable_bytes(std::span{&first_of_mac, 1}));
    EXPECT_EQ(first_of_mac & 3, 2);
}

TEST(NetMmio, FramesGoOutAndComeBack) {
    Started started;
    ASSERT_TRUE(started.driver.start());
    for (uint8_t i = 0; i < 100; ++i) {
        started.driver.give_buffer();
        started.driver.send(i);
        EXPECT_EQ(started.driver.receive(), marked(i));
    }
}

TEST(NetMmio, ResetsWhileTheThreadWorks) {
    Started started;
    for (uint8_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(started.driver.start());
        started.driver.give_buffer();
        for (int n = 0; n < 10; ++n) started.driver.send(i);
        started.driver.reset();
        EXPECT_EQ(started.driver.status(), 0U);
    }
    ASSERT_TRUE(started.driver.start());
    started.driver.give_buffer();
    started.driver.send(7);
    // Echoes of before may come first.
    Bytes came;
    while ((came = started.driver.receive()) != marked(7)) started.driver.give_buffer();
    EXPECT_EQ(came, marked(7));
}

}  // namespace
}  // namespace eremite::test
