// Bringing a device up, its interrupts, and its end.
#include "libos/drivers/virtio/device.hpp"

#include <gtest/gtest.h>

#include "fake_transport.hpp"
#include "libos/mm/page_allocator.hpp"

namespace eremite::test {
namespace {

using virtio::Device;
using virtio::Segment;

constexpr uint64_t bit(unsigned feature) { return uint64_t{1} << feature; }
constexpr uint64_t version_1 = bit(VIRTIO_F_VERSION_1);
void* token(uintptr_t number) { return reinterpret_cast<void*>(number); }
constexpr Segment one[] = {{{0x1000}, 64}};

struct DeviceTest : ::testing::Test {
    FakeTransport transport;
    std::optional<Device> device{transport};
    int calls = 0, changes = 0;
    virtio::Callback count_calls{[](void* self) { ++static_cast<DeviceTest*>(self)->calls; }, this};
    virtio::Callback count_changes{[](void* self) { ++static_cast<DeviceTest*>(self)->changes; }, this};
    const uint64_t free_pages = mm::page_allocator().free_pages();

    void TearDown() override {
        transport.never_resets = false;
        device.reset();
        EXPECT_EQ(mm::page_allocator().free_pages(), free_pages);
        EXPECT_EQ(vectors_in_use(), 0U);
        EXPECT_FALSE(expire_timers()) << "a timer is left";
    }
    virtio::Queue& start(uint16_t index = 0, unsigned cpu = 0) {
        auto queue = device->start_queue(index, {.size = 8, .indirect_segments = 4, .cpu = cpu, .ready = count_calls});
        if (!queue.ok()) throw std::runtime_error{"start_queue: " + std::to_string(queue.code())};
        return *queue.value();
    }
    // Puts a device into service that has one queue.
    virtio::Queue& bring_up() {
        EXPECT_TRUE(device->negotiate().ok());
        virtio::Queue& queue = start();
        device->on_configuration_change(count_changes);
        device->start();
        return queue;
    }
};

TEST_F(DeviceTest, StepsOfASection) {
    bring_up();
    EXPECT_EQ(transport.statuses, (std::vector<uint8_t>{0, 1, 3, 11, 15}));
    EXPECT_EQ(transport.accepted, version_1);
    device.reset();
    EXPECT_EQ(transport.current_status, 0);
}

TEST_F(DeviceTest, StepsOfALegacyDevice) {
    transport.is_legacy = true;
    transport.features = bit(5) | bit(VIRTIO_RING_F_INDIRECT_DESC);
    ASSERT_TRUE(device->negotiate(bit(5) | bit(6)).ok());
    const virtio::Queue& queue = start();
    device->start();
    EXPECT_EQ(transport.statuses, (std::vector<uint8_t>{0, 1, 3, 7}));
    EXPECT_EQ(transport.accepted, transport.features);
    EXPECT_TRUE(queue.shape().legacy);
    EXPECT_EQ((queue.device_area().value - queue.descriptors().value) % page_size, 0U);
}

TEST_F(DeviceTest, FeaturesThatBothHave) {
    transport.features = version_1 | bit(3) | bit(4) | bit(VIRTIO_F_ACCESS_PLATFORM) | bit(VIRTIO_F_RING_PACKED) | bit(VIRTIO_RING_F_EVENT_IDX) |
                         bit(VIRTIO_F_IN_ORDER) | bit(VIRTIO_F_RING_RESET) | bit(VIRTIO_F_SR_IOV);
    ASSERT_TRUE(device->negotiate(bit(3) | bit(9)).ok());
    EXPECT_EQ(transport.accepted, version_1 | bit(3) | bit(VIRTIO_F_ACCESS_PLATFORM) | bit(VIRTIO_F_RING_PACKED) | bit(VIRTIO_RING_F_EVENT_IDX));
    EXPECT_TRUE(device->has(3));
    EXPECT_FALSE(device->has(4));
    EXPECT_FALSE(device->has(9));
    const virtio::Queue& queue = start();
    EXPECT_TRUE(queue.shape().packed && queue.shape().event_index);
    EXPECT_EQ(queue.shape().indirect_segments, 0);
}

TEST_F(DeviceTest, FeaturesThatAreRequired) {
    EXPECT_EQ(device->negotiate(0, bit(7)).code(), ENOTSUP);
    EXPECT_EQ(transport.current_status, VIRTIO_CONFIG_S_FAILED);
    transport.features |= bit(7);
    EXPECT_TRUE(device->negotiate(0, bit(7)).ok());
    EXPECT_TRUE(device->has(7));
    transport.features = bit(7);
    EXPECT_EQ(device->negotiate(0, bit(7)).code(), ENOTSUP) << "a modern device without version 1";
}

TEST_F(DeviceTest, DeviceThatDoesNotAgree) {
    transport.refuses_features = true;
    EXPECT_EQ(device->negotiate().code(), ENOTSUP);
    EXPECT_EQ(transport.current_status, VIRTIO_CONFIG_S_FAILED);
}

TEST_F(DeviceTest, DeviceThatDoesNotReset) {
    transport.never_resets = true;
    transport.current_status = 7;
    EXPECT_EQ(device->negotiate().code(), EIO);
}

TEST_F(DeviceTest, SizesOfQueues) {
    ASSERT_TRUE(device->negotiate().ok());
    transport.queue_limits = {4, 100, 0, 1};
    EXPECT_EQ(start(0).shape().size, 4);
    EXPECT_EQ(start(1).shape().size, 8);
    EXPECT_EQ(device->start_queue(2, {}).code(), ENODEV);
    EXPECT_EQ(start(3).shape().size, 1);
    EXPECT_EQ(device->start_queue(4, {}).code(), ENODEV);
    EXPECT_EQ(device->start_queue(0, {}).code(), EBUSY);
    transport.refuses_queues = true;
    transport.queue_limits.resize(6, 8);
    EXPECT_EQ(device->start_queue(5, {}).code(), EIO);
}

TEST_F(DeviceTest, SizesThatADeviceFixes) {
    transport.is_legacy = transport.is_fixed_size = true;
    transport.queue_limits = {64, 100};
    ASSERT_TRUE(device->negotiate().ok());
    EXPECT_EQ(start(0).shape().size, 64);
    EXPECT_EQ(device->start_queue(1, {}).code(), EIO) << "not a power of two";
}

TEST_F(DeviceTest, AnyRoundedSizeOfASplitRing) {
    transport.queue_limits = {7};
    ASSERT_TRUE(device->negotiate().ok());
    EXPECT_EQ(start().shape().size, 4);
    transport.features |= bit(VIRTIO_F_RING_PACKED);
    device.emplace(transport);
    ASSERT_TRUE(device->negotiate().ok());
    EXPECT_EQ(start().shape().size, 7);
}

TEST_F(DeviceTest, RequestsAndInterrupts) {
    virtio::Queue& queue = bring_up();
    ASSERT_TRUE(queue.add({}, one, token(1)).ok());
    queue.kick();
    EXPECT_EQ(transport.notified, std::vector<uint16_t>{0});
    FakeDevice& behind = *transport.queues.at(0).device;
    behind.complete(*behind.pop(), 10);
    EXPECT_EQ(transport.queues.at(0).interrupt, 1);
    raise(transport.connected.at(1));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(queue.take()->written, 10U);
    EXPECT_EQ(changes, 0);
    transport.events = {true, true};
    raise(transport.connected.at(0));
    EXPECT_EQ(changes, 1);
    EXPECT_EQ(calls, 1) << "entry 0 is that of the configuration only";
}

TEST_F(DeviceTest, EachQueueInterruptsItsCpu) {
    transport.queue_limits = {8, 8, 8, 8};
    transport.interrupts = 3;  // for the configuration and two queues
    ASSERT_TRUE(device->negotiate().ok());
    for (uint16_t i = 0; i < 4; ++i) start(i, i);
    device->start();
    EXPECT_EQ(transport.queues.at(0).interrupt, 1);
    EXPECT_EQ(transport.queues.at(1).interrupt, 2);
    EXPECT_EQ(transport.queues.at(2).interrupt, 1);
    EXPECT_EQ(transport.queues.at(3).interrupt, 2);
    ASSERT_EQ(transport.connected.size(), 3U);
    EXPECT_EQ(transport.connected.at(1).first, 0U);
    EXPECT_EQ(transport.connected.at(2).first, 1U);
    raise(transport.connected.at(1));
    EXPECT_EQ(calls, 2) << "two queues share it";
}

TEST_F(DeviceTest, OneInterruptForAll) {
    transport.interrupts = 1;
    virtio::Queue& queue = bring_up();
    EXPECT_EQ(transport.queues.at(queue.index()).interrupt, 0);
    EXPECT_EQ(transport.connected.size(), 1U);
    transport.events = {true, true};
    raise(transport.connected.at(0));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(changes, 1);
    transport.events = {false, false};
    raise(transport.connected.at(0));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(changes, 1);
}

TEST_F(DeviceTest, WithoutInterruptsItIsPolled) {
    transport.interrupts = 0;
    bring_up();
    EXPECT_EQ(transport.queues.at(0).interrupt, virtio::no_interrupt);
    EXPECT_EQ(vectors_in_use(), 0U);
    EXPECT_TRUE(expire_timers());
    EXPECT_TRUE(expire_timers(1'000'000));
    EXPECT_EQ(calls, 2);
}

TEST_F(DeviceTest, NoInterruptIsLeft) {
    transport.queue_limits.assign(10, 8);
    transport.interrupts = 12;
    ASSERT_TRUE(device->negotiate().ok());
    int started = 0;
    for (uint16_t i = 0; i < 10; ++i) {
        const auto queue = device->start_queue(i, {});
        if (queue.ok()) ++started;
        else EXPECT_EQ(queue.code(), ENOSPC);
    }
    EXPECT_EQ(started, 6);
    EXPECT_TRUE(device->start_queue(9, {.cpu = 1}).ok());
}

TEST_F(DeviceTest, MisbehaviourStopsTheDevice) {
    virtio::Queue& queue = bring_up();
    for (uintptr_t i = 1; i <= 3; ++i) ASSERT_TRUE(queue.add({}, one, token(i)).ok());
    dynamic_cast<SplitDevice&>(*transport.queues.at(0).device).put_used(7, 0);
    const int before = errors_logged;
    EXPECT_FALSE(queue.take());
    EXPECT_EQ(device->health(), virtio::Health::Stopped);
    EXPECT_EQ(transport.current_status, 0);
    EXPECT_EQ(errors_logged, before + 1);
    EXPECT_EQ(calls, 0) << "the queue's user may hold its lock";
    expire_timers();
    EXPECT_EQ(calls, 1);
    for (uintptr_t i = 1; i <= 3; ++i) EXPECT_EQ(queue.take()->error, EIO);
    EXPECT_FALSE(queue.take());
    EXPECT_EQ(queue.add({}, one, token(4)).code(), EIO);
    // Once is enough.
    device->fail("again");
    EXPECT_EQ(errors_logged, before + 1);
}

TEST_F(DeviceTest, DeviceThatDoesNotStopKeepsItsMemory) {
    virtio::Queue& queue = bring_up();
    ASSERT_TRUE(queue.add({}, one, token(1)).ok());
    transport.never_resets = true;
    device->fail("a test");
    EXPECT_EQ(device->health(), virtio::Health::Broken);
    expire_timers();
    EXPECT_FALSE(queue.take()) << "the device may still write";
}

TEST_F(DeviceTest, DeviceThatNeedsAReset) {
    virtio::Queue& queue = bring_up();
    ASSERT_TRUE(queue.add({}, one, token(1)).ok());
    transport.current_status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    transport.events = {false, true};
    raise(transport.connected.at(0));
    EXPECT_EQ(changes, 0);
    expire_timers();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(changes, 1) << "its user hears of the end";
    EXPECT_EQ(queue.take()->error, EIO);
}

TEST_F(DeviceTest, Configuration) {
    transport.configuration = {1, 2, 3, 4, 5, 6, 7, 8};
    ASSERT_TRUE(device->negotiate().ok());
    EXPECT_EQ(device->read_configuration<uint8_t>(1), 2);
    EXPECT_EQ(device->read_configuration<uint16_t>(2), 0x0403);
    EXPECT_EQ(device->read_configuration<uint32_t>(4), 0x08070605U);
    EXPECT_EQ(device->read_configuration<uint64_t>(0), 0x0807060504030201U);
    EXPECT_EQ(device->read_configuration<uint32_t>(6), 0U) << "beyond the end";
    device->write_configuration<uint16_t>(0, 0xabcd);
    EXPECT_EQ(device->read_configuration<uint16_t>(0), 0xabcd);
}

TEST_F(DeviceTest, ConfigurationThatChangesMeanwhile) {
    transport.configuration.assign(8, 1);
    ASSERT_TRUE(device->negotiate().ok());
    // Between both halves of the first reading.
    int reads = 0;
    transport.on_configuration_read = [&] {
        if (++reads > 1) return;
        transport.configuration.assign(8, 2);
        ++transport.generation;
    };
    EXPECT_EQ(device->read_configuration<uint64_t>(0), 0x0202020202020202U);
    transport.on_configuration_read = [&] { ++transport.generation; };
    EXPECT_EQ(device->read_configuration<uint64_t>(0), 0x0202020202020202U) << "one that never rests is read all the same";
}

}  // namespace
}  // namespace eremite::test
