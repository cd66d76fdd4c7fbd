// Registers of a virtio device, and what its driver does in and out of order.
#include "vmm/virtio/mmio.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/unit/vmm_core/echo_device.hpp"
#include "tests/unit/vmm_core/guest.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;

constexpr uint64_t all_transport_features = version_1 | feature_bit(VIRTIO_RING_F_EVENT_IDX) | feature_bit(VIRTIO_RING_F_INDIRECT_DESC);

struct MmioTest : ::testing::Test {
    Guest guest;
    EchoDevice* device = nullptr;

    void attach(bool threaded) {
        guest.attach([this](const vmm::GuestMemory&, vmm::virtio::Host& host) {
            auto made = std::make_unique<EchoDevice>(host);
            device = made.get();
            return made;
        }, threaded);
    }
    void SetUp() override { attach(false); }
    uint32_t status() { return guest.get(VIRTIO_MMIO_STATUS); }
    bool needs_reset() { return (status() & VIRTIO_CONFIG_S_NEEDS_RESET) != 0; }
    // A request of the text and room for its echo.
    struct Request {
        Segment text, room;
    };
    Request request(std::string_view text) {
        const Request made{guest.heap.segment(text.size()), guest.heap.segment(text.size())};
        guest.heap.write(made.text, text);
        return made;
    }
    void expect_echo(std::string_view text, uint16_t queue = 0) {
        const Request made = request(text);
        EXPECT_EQ(guest.call(queue, {&made.text, 1}, {&made.room, 1}), text.size());
        EXPECT_EQ(guest.heap.text(made.room), text);
    }
};

struct ThreadedMmioTest : MmioTest {
    void SetUp() override { attach(true); }
};

TEST_F(MmioTest, SaysWhatItIs) {
    EXPECT_EQ(guest.get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976U);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_VERSION), 2U);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_ID), EchoDevice::own_type);
    EXPECT_EQ(status(), 0U);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
    EXPECT_EQ(guest.transport().queue_count(), 2U);
    for (const auto& [queue, size] : std::vector<std::pair<uint32_t, uint32_t>>{{0, 16}, {1, 8}, {2, 0}, {UINT32_MAX, 0}}) {
        guest.set(VIRTIO_MMIO_QUEUE_SEL, queue);
        EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_NUM_MAX), size) << queue;
    }
}

TEST_F(MmioTest, OffersFeaturesInHalves) {
    EXPECT_EQ(guest.offered(), all_transport_features | feature_bit(EchoDevice::own_feature));
    for (const uint32_t half : {2U, 32U, UINT32_MAX}) {
        guest.set(VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
        EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_FEATURES), 0U) << half;
    }
}

TEST_F(MmioTest, AgreesOnWhatItOffersOnly) {
    EXPECT_TRUE(guest.negotiate());
    EXPECT_TRUE(guest.negotiate(guest.offered()));
    EXPECT_FALSE(guest.negotiate(feature_bit(6)));
    EXPECT_FALSE(guest.negotiate(feature_bit(63)));
    EXPECT_TRUE(guest.negotiate(feature_bit(EchoDevice::own_feature))) << "what was wrong before is forgotten by a reset";
}

TEST_F(MmioTest, DoesNotAgreeWithoutVersion1) {
    guest.set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    guest.set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    EXPECT_EQ(status(), uint32_t{VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER});
}

TEST_F(MmioTest, FeaturesAreFixedOnceAgreed) {
    ASSERT_TRUE(guest.negotiate(feature_bit(EchoDevice::own_feature)));
    guest.set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    guest.set(VIRTIO_MMIO_DRIVER_FEATURES, 0);
    guest.add_queue(0);
    guest.start();
    EXPECT_EQ(device->features_accepted, version_1 | feature_bit(EchoDevice::own_feature));
}

TEST_F(MmioTest, EchoesInBothQueues) {
    guest.bring_up(0, 2, {.size = 8});
    ASSERT_TRUE(device->started);
    expect_echo("hello");
    expect_echo("world", 1);
    expect_echo("again");
}

TEST_F(MmioTest, IndirectAndEventIndex) {
    guest.bring_up(0, 1, {.size = 8, .indirect_segments = 4, .event_index = true});
    for (int i = 0; i < 100; ++i) expect_echo("number " + std::to_string(i));
}

TEST_F(ThreadedMmioTest, EchoesInAThread) {
    guest.bring_up(0, 2, {.size = 8, .indirect_segments = 4, .event_index = true});
    for (int i = 0; i < 1000; ++i) expect_echo("number " + std::to_string(i), i % 2);
}

TEST_F(MmioTest, NotifiedByItsDescriptor) {
    guest.bring_up(0, 2);
    guest.queue(1).on_notify = [this](uint16_t queue) { vmm::signal_event(guest.transport().notification(queue)); };
    expect_echo("by an event", 1);
}

TEST_F(MmioTest, QueuesThatAreNotSetUp) {
    ASSERT_TRUE(guest.negotiate());
    guest.add_queue(1, {.size = 8});
    guest.start();
    ASSERT_EQ(device->queues.size(), 2U);
    EXPECT_EQ(device->queues[0], nullptr);
    EXPECT_NE(device->queues[1], nullptr);
    for (const uint32_t queue : {0U, 2U, 63U, UINT32_MAX}) guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, queue);
    guest.settle();
    EXPECT_EQ(device->notifications, 0);
}

TEST_F(MmioTest, NothingBeforeTheDriverIsReady) {
    ASSERT_TRUE(guest.negotiate());
    guest.add_queue(0);
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    EXPECT_EQ(device->starts, 0);
    EXPECT_EQ(device->notifications, 0);
}

TEST_F(MmioTest, StartWithoutFeatures) {
    guest.set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
    EXPECT_TRUE(needs_reset());
    EXPECT_EQ(device->starts, 0);
    EXPECT_EQ(guest.wait_for_interrupt(), uint32_t{VIRTIO_MMIO_INT_CONFIG});
    guest.reset();
    EXPECT_EQ(device->stops, 0);
    EXPECT_EQ(status(), 0U);
    guest.bring_up(0, 2);
    expect_echo("works after all", 1);
}

TEST_F(MmioTest, AllStepsAtOnce) {
    for (const uint32_t half : {0U, 1U}) {
        guest.set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
        guest.set(VIRTIO_MMIO_DRIVER_FEATURES, half);
    }
    guest.set(VIRTIO_MMIO_STATUS, 0xff);
    EXPECT_TRUE(device->started);
    EXPECT_FALSE(needs_reset()) << "that bit is the device's";
}

TEST_F(MmioTest, StartsOnce) {
    guest.bring_up(0, 1);
    guest.set(VIRTIO_MMIO_STATUS, status());
    guest.set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
    EXPECT_EQ(device->starts, 1);
    guest.reset();
    guest.reset();
    EXPECT_EQ(device->stops, 1);
}

TEST_F(MmioTest, QueueOutsideOfMemory) {
    ASSERT_TRUE(guest.negotiate());
    guest.add_queue(0);
    guest.tell_queue(1, {8, guest.memory.size(), 0x1000, 0x2000, false});
    guest.start();
    EXPECT_TRUE(needs_reset());
    EXPECT_EQ(device->starts, 0);
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    EXPECT_EQ(device->notifications, 0);
    guest.reset();
    EXPECT_EQ(device->stops, 0);
    EXPECT_FALSE(needs_reset());
}

TEST_F(MmioTest, ADriverCannotFillTheLog) {
    testing::internal::CaptureStderr();
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(guest.negotiate());
        guest.tell_queue(1, {16, 0x1000, 0x2000, 0x3000, false});
        guest.start();
        EXPECT_TRUE(needs_reset());
        guest.reset();
    }
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), vmm::virtio::MmioTransport::most_complaints) << log;
    EXPECT_NE(log.find("not told again\n"), std::string::npos) << log;
}

TEST_F(MmioTest, QueueLargerThanOffered) {
    ASSERT_TRUE(guest.negotiate());
    guest.tell_queue(1, {16, 0x1000, 0x2000, 0x3000, false});
    guest.start();
    EXPECT_TRUE(needs_reset());
}

TEST_F(MmioTest, SizesAreNotCutToSixteenBits) {
    ASSERT_TRUE(guest.negotiate());
    guest.set(VIRTIO_MMIO_QUEUE_SEL, 0);
    guest.set(VIRTIO_MMIO_QUEUE_NUM, 0x10008);
    guest.set(VIRTIO_MMIO_QUEUE_READY, 1);
    guest.start();
    EXPECT_TRUE(needs_reset());
}

TEST_F(MmioTest, QueueThatIsReadyStaysAsItIs) {
    ASSERT_TRUE(guest.negotiate());
    guest.add_queue(0);
    for (uint32_t reg = VIRTIO_MMIO_QUEUE_NUM; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH; reg += 4)
        if (reg != VIRTIO_MMIO_QUEUE_READY && reg != VIRTIO_MMIO_QUEUE_NOTIFY && reg != VIRTIO_MMIO_STATUS && reg != VIRTIO_MMIO_INTERRUPT_ACK) guest.set(reg, 1);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 1U);
    guest.start();
    // Nor does a queue that the device works with go away.
    guest.set(VIRTIO_MMIO_QUEUE_READY, 0);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 1U);
    expect_echo("still there");
}

TEST_F(MmioTest, QueueCanBeTakenBackBeforeTheStart) {
    ASSERT_TRUE(guest.negotiate());
    guest.tell_queue(0, {8, UINT64_MAX, 0, 0, false});
    guest.set(VIRTIO_MMIO_QUEUE_READY, 0);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 0U);
    guest.add_queue(0);
    guest.start();
    expect_echo("by the second setup");
}

TEST_F(MmioTest, ResetWhileRequestsAreUnderWay) {
    device->hold = true;
    guest.bring_up(0, 1);
    const Request made = request("held");
    guest.send(0, {&made.text, 1}, {&made.room, 1});
    guest.settle();
    ASSERT_EQ(device->held.size(), 1U);
    guest.reset();
    EXPECT_FALSE(device->started);
    EXPECT_EQ(status(), 0U);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), 0U);
    guest.set(VIRTIO_MMIO_QUEUE_SEL, 0);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_QUEUE_READY), 0U);
    EXPECT_EQ(guest.heap.text(made.room), std::string(4, '\0'));
    device->hold = false;
    guest.bring_up(0, 1);
    expect_echo("new queues, from the start");
}

TEST_F(ThreadedMmioTest, ResetAtAnyTime) {
    for (int i = 0; i < 200; ++i) {
        guest.heap = GuestHeap{guest.memory};
        const auto all = guest.heap.bytes(4096, 1 << 16);
        std::fill(all.begin(), all.end(), std::byte{0});
        guest.bring_up(0, 2, {.size = 8});
        for (uint16_t n = 0; n < 8; ++n) {
            const Request made = request("some text");
            guest.send(n % 2, {&made.text, 1}, {&made.room, 1});
        }
        guest.reset();
        const std::lock_guard guard{guest.transport().host().lock()};
        ASSERT_FALSE(device->started);
    }
    EXPECT_EQ(device->stops, 200);
}

TEST_F(ThreadedMmioTest, EndsWithRequestsUnderWay) {
    device->hold = true;
    guest.bring_up(0, 1);
    const Request made = request("held");
    guest.send(0, {&made.text, 1}, {&made.room, 1});
    guest.end();  // the device looks whether it was stopped
}

TEST_F(MmioTest, BrokenQueueNeedsAReset) {
    guest.bring_up(0, 1);
    auto* const entry = guest.memory.piece(guest.queue(0).setup().driver_area + 2, 2).data();
    const uint16_t far = 1000;
    std::memcpy(entry, &far, sizeof far);
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    EXPECT_TRUE(needs_reset());
    EXPECT_EQ(guest.wait_for_interrupt(), uint32_t{VIRTIO_MMIO_INT_CONFIG});
    // Nothing of it works until then.
    const int before = device->notifications;
    guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    guest.settle();
    EXPECT_EQ(device->notifications, before);
    guest.reset();
    guest.bring_up(0, 1);
    expect_echo("and now it does");
}

TEST_F(MmioTest, InterruptsHaveACauseUntilAcknowledged) {
    guest.bring_up(0, 1);
    EXPECT_FALSE(guest.interrupted());
    const Request made = request("x");
    guest.send(0, {&made.text, 1}, {&made.room, 1});
    guest.settle();
    EXPECT_TRUE(guest.interrupted());
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), uint32_t{VIRTIO_MMIO_INT_VRING});
    {
        const std::lock_guard guard{guest.transport().host().lock()};
        guest.transport().host().configuration_changed();
    }
    EXPECT_TRUE(guest.interrupted());
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), uint32_t{VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG});
    guest.set(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), uint32_t{VIRTIO_MMIO_INT_CONFIG});
    guest.set(VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_INTERRUPT_STATUS), 0U);
}

TEST_F(MmioTest, ConfigurationHasGenerations) {
    const uint32_t before = guest.get(VIRTIO_MMIO_CONFIG_GENERATION);
    EXPECT_EQ(guest.get(VIRTIO_MMIO_CONFIG_GENERATION), before);
    {
        const std::lock_guard guard{guest.transport().host().lock()};
        guest.transport().host().configuration_changed();
    }
    EXPECT_FALSE(guest.interrupted()) << "without a driver";
    EXPECT_NE(guest.get(VIRTIO_MMIO_CONFIG_GENERATION), before);
}

TEST_F(MmioTest, ConfigurationByAnyWidth) {
    for (size_t i = 0; i < device->configuration.size(); ++i) device->configuration[i] = static_cast<std::byte>(i + 1);
    EXPECT_EQ(guest.configuration<uint8_t>(3), 4);
    EXPECT_EQ(guest.configuration<uint16_t>(3), 0x0504);
    EXPECT_EQ(guest.configuration<uint32_t>(8), 0x0c0b0a09U);
    EXPECT_EQ(guest.configuration<uint64_t>(8), 0x0c0b0a09U) << "zeros behind its end";
    EXPECT_EQ(guest.configuration<uint32_t>(11), 12U);
    EXPECT_EQ(guest.configuration<uint32_t>(12), 0U);
    EXPECT_EQ(guest.configuration<uint32_t>(0xefc), 0U);
    guest.set(VIRTIO_MMIO_CONFIG + 10, 0xaabbccdd);
    EXPECT_EQ(guest.configuration<uint32_t>(8), 0xccdd0a09U);
}

// Reads of the wrong width or place are 0, and writes are nothing.
TEST_F(MmioTest, AnyWidthAnywhere) {
    std::array<std::byte, 64> bytes;
    for (uint64_t offset = 0; offset < 0x1100; ++offset) {
        for (const size_t width : {0U, 1U, 2U, 3U, 4U, 8U, 64U}) {
            bytes.fill(std::byte{0xff});
            guest.transport().read(offset, std::span{bytes}.first(width));
            const bool is_register = width == 4 && offset % 4 == 0;
            if (offset >= VIRTIO_MMIO_CONFIG || is_register) continue;
            for (size_t i = 0; i < width; ++i) ASSERT_EQ(bytes[i], std::byte{0}) << offset << ", " << width;
        }
    }
    bytes.fill(std::byte{0xff});
    for (uint64_t offset = 0; offset < 0x1100; ++offset)
        for (const size_t width : {0U, 1U, 2U, 3U, 8U, 64U}) guest.transport().write(offset, std::span{bytes}.first(width));
    for (uint64_t offset = 0; offset < VIRTIO_MMIO_CONFIG; ++offset)
        if (offset % 4 != 0) guest.transport().write(offset, std::span{bytes}.first(4));
    for (const uint64_t offset : {uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
        guest.transport().write(offset, std::span{bytes}.first(4));
        guest.transport().read(offset, bytes);
        EXPECT_EQ(bytes[0], std::byte{0}) << offset;
        bytes.fill(std::byte{0xff});
    }
    EXPECT_EQ(status(), 0U);
    EXPECT_EQ(device->starts, 0);
    for (const std::byte byte : device->configuration) EXPECT_EQ(byte, std::byte{0xff});
    guest.bring_up(0, 2);
    expect_echo("and it works");
}

// CPUs access a device at the same time, and a driver of theirs may do so out of order.
TEST_F(ThreadedMmioTest, ManyThreadsAtOnce) {
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n) {
        threads.emplace_back([this, n] {
            for (int i = 0; i < 2000; ++i) {
                if (n == 0 && i % 50 == 0) guest.set(VIRTIO_MMIO_STATUS, 0);
                if (n == 1 && i % 50 == 25) guest.set(VIRTIO_MMIO_STATUS, 0xff);
                if (n == 2) guest.tell_queue(static_cast<uint16_t>(i % 3), {8, 0x1000, 0x2000, 0x3000, false});
                if (n == 3) guest.set(VIRTIO_MMIO_QUEUE_NOTIFY, static_cast<uint32_t>(i % 3));
                for (uint32_t reg = 0; reg < VIRTIO_MMIO_CONFIG; reg += 4) (void)guest.get(reg);
                if (n == 1) {
                    guest.set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
                    guest.set(VIRTIO_MMIO_DRIVER_FEATURES, 1);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    guest.reset();
    const std::lock_guard guard{guest.transport().host().lock()};
    EXPECT_FALSE(device->started);
    EXPECT_EQ(device->starts, device->stops);
}

}  // namespace
}  // namespace eremite::test
