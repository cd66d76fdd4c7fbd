// A device that breaks the protocol: it is found out, nothing is touched that it must not reach, and requests come back as errors.
#include <gtest/gtest.h>

#include <set>

#include "fake_device.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;

void* token(uintptr_t number) { return reinterpret_cast<void*>(number); }

struct HostileDeviceTest : ::testing::TestWithParam<bool> {
    Machine machine{{.size = 8, .indirect_segments = 4, .packed = GetParam()}};
    virtio::Queue& queue = machine.queue();

    void SetUp() override {
        for (uintptr_t i = 1; i <= 3; ++i) {
            const Segment writable[] = {{PhysicalAddress{0x1000 * i}, 100}, {PhysicalAddress{0x8000 * i}, 100}};
            ASSERT_TRUE(queue.add({}, writable, token(i)).ok());
        }
    }
    void put_used(uint32_t id, uint32_t length) {
        if (GetParam()) dynamic_cast<PackedDevice&>(machine.device()).put_used(static_cast<uint16_t>(id), length, 1);
        else dynamic_cast<SplitDevice&>(machine.device()).put_used(id, length);
    }
    // Everything is refused from here on, and what was under way comes back once the device is stopped.
    void expect_broken(std::set<void*> under_way) {
        EXPECT_FALSE(queue.take());
        EXPECT_NE(machine.failure, "");
        const Segment one[] = {{PhysicalAddress{0x1000}, 1}};
        EXPECT_EQ(queue.add({}, one, nullptr).code(), EIO);
        EXPECT_FALSE(queue.take()) << "the device may still write";
        machine.stop();
        EXPECT_EQ(queue.add({}, one, nullptr).code(), EIO);
        while (const auto done = queue.take()) {
            EXPECT_EQ(done->error, EIO);
            EXPECT_EQ(done->written, 0U);
            EXPECT_EQ(under_way.erase(done->token), 1U);
        }
        EXPECT_TRUE(under_way.empty());
        EXPECT_EQ(queue.in_flight(), 0);
        EXPECT_FALSE(queue.take());
    }
    const std::set<void*> all{token(1), token(2), token(3)};
};

TEST_P(HostileDeviceTest, AnswerOutsideOfTheRing) {
    put_used(8, 0);
    expect_broken(all);
}

TEST_P(HostileDeviceTest, AnswerFarOutside) {
    put_used(GetParam() ? 0xffff : 0xffffffff, 0);
    expect_broken(all);
}

TEST_P(HostileDeviceTest, AnswerToNothing) {
    put_used(5, 0);
    expect_broken(all);
}

TEST_P(HostileDeviceTest, AnswerGivenTwice) {
    const auto request = machine.device().pop();
    machine.device().complete(*request, 1);
    ASSERT_EQ(queue.take()->token, token(1));
    machine.device().complete(*request, 1);
    expect_broken({token(2), token(3)});
}

TEST_P(HostileDeviceTest, MoreWrittenThanThereWasRoomFor) {
    put_used(0, 201);
    expect_broken(all);
}

TEST_P(HostileDeviceTest, WrittenIntoWhatIsOnlyRead) {
    const Segment readable[] = {{PhysicalAddress{0x1000}, 100}};
    ASSERT_TRUE(queue.add(readable, {}, token(4)).ok());
    put_used(3, 1);
    expect_broken({token(1), token(2), token(3), token(4)});
}

TEST_P(HostileDeviceTest, StoppedWithoutMisbehaving) {
    machine.stop();
    const Segment one[] = {{PhysicalAddress{0x1000}, 1}};
    EXPECT_EQ(queue.add({}, one, nullptr).code(), EIO);
    int count = 0;
    while (const auto done = queue.take()) count += done->error == EIO;
    EXPECT_EQ(count, 3);
}

TEST_P(HostileDeviceTest, DescriptorsChangedAfterwardsChangeNothing) {
    const auto first = machine.device().pop();
    // All descriptors and tables become nonsense; the driver has its own notes.
    const size_t rings = virtio::layout_of(queue.shape()).driver_area;
    if (!GetParam()) std::memset(machine.shared(), 0xff, rings);
    std::memset(machine.shared() + virtio::layout_of(queue.shape()).indirect, 0xff, 8 * 4 * 16);
    machine.device().complete(*first, 200);
    const auto done = queue.take();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->token, token(1));
    EXPECT_EQ(done->written, 200U);
    EXPECT_EQ(machine.failure, "");
}

INSTANTIATE_TEST_SUITE_P(Rings, HostileDeviceTest, ::testing::Bool(), [](const auto& info) { return std::string{info.param ? "Packed" : "Split"}; });

TEST(HostileSplitDevice, UsedIndexJumps) {
    for (const uint16_t jump : {2, 9, 0x8000, 0xffff}) {
        Machine machine{{.size = 8}};
        const Segment one[] = {{PhysicalAddress{0x1000}, 1}};
        ASSERT_TRUE(machine.queue().add({}, one, token(1)).ok());
        dynamic_cast<SplitDevice&>(machine.device()).set_used_index(jump);
        EXPECT_FALSE(machine.queue().take());
        EXPECT_NE(machine.failure, "") << jump;
    }
}

TEST(HostileSplitDevice, MiddleOfAChain) {
    Machine machine{{.size = 8}};
    const Segment three[] = {{PhysicalAddress{0x1000}, 1}, {PhysicalAddress{0x2000}, 1}, {PhysicalAddress{0x3000}, 1}};
    ASSERT_TRUE(machine.queue().add({}, three, token(1)).ok());
    dynamic_cast<SplitDevice&>(machine.device()).put_used(1, 0);
    EXPECT_FALSE(machine.queue().take());
    EXPECT_NE(machine.failure, "");
}

TEST(LegacyDevice, LengthIsCut) {
    Machine machine{{.size = 8, .legacy = true}};
    const Segment one[] = {{PhysicalAddress{0x1000}, 10}};
    ASSERT_TRUE(machine.queue().add({}, one, token(1)).ok());
    machine.device().complete(*machine.device().pop(), 4711);
    EXPECT_EQ(machine.queue().take()->written, 10U);
    EXPECT_EQ(machine.failure, "");
}

}  // namespace
}  // namespace eremite::test
