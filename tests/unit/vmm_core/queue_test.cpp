// The device's side of a split virtqueue against the driver's side of our own kernel.
#include "vmm/virtio/queue.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/random.hpp"
#include "tests/unit/vmm_core/guest.hpp"
#include "vmm/virtio/device.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;
using vmm::virtio::Chain;

void* token(uintptr_t number) { return reinterpret_cast<void*>(number); }

struct QueueTest : ::testing::TestWithParam<virtio::QueueShape> {
    vmm::GuestMemory memory{1 << 20};
    GuestHeap heap{memory};
    DriverQueue driver{heap, GetParam()};
    int interrupts = 0;
    std::optional<vmm::virtio::Queue> device = vmm::virtio::Queue::make(memory, driver.setup(), [this] { ++interrupts; });
    Chain chain;

    void SetUp() override { ASSERT_TRUE(device); }
    void add(std::span<const Segment> readable, std::span<const Segment> writable, uintptr_t number) {
        ASSERT_TRUE(driver->add(readable, writable, token(number)).ok());
        driver->kick();
    }
    // The device has done the request that was popped last.
    void answer(uint32_t written) {
        device->push(chain.head, written);
        device->flush();
    }
};

INSTANTIATE_TEST_SUITE_P(, QueueTest,
                         ::testing::Values(virtio::QueueShape{.size = 8}, virtio::QueueShape{.size = 8, .event_index = true},
                                           virtio::QueueShape{.size = 8, .indirect_segments = 6},
                                           virtio::QueueShape{.size = 8, .indirect_segments = 6, .event_index = true}),
                         [](const auto& info) {
                             return std::string{info.param.indirect_segments != 0 ? "Indirect" : "Direct"} + (info.param.event_index ? "EventIndex" : "Flags");
                         });

TEST_P(QueueTest, RequestGoesThereAndBack) {
    const std::array readable{heap.segment(10), heap.segment(20)}, writable{heap.segment(30), heap.segment(40)};
    EXPECT_FALSE(device->pop(chain));
    add(readable, writable, 7);
    ASSERT_TRUE(device->pop(chain));
    ASSERT_EQ(chain.readable.size(), 2U);
    ASSERT_EQ(chain.writable.size(), 2U);
    EXPECT_EQ(chain.readable_bytes, 30U);
    EXPECT_EQ(chain.writable_bytes, 70U);
    for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(chain.readable[i].iov_base, heap.bytes(readable[i]).data());
        EXPECT_EQ(chain.readable[i].iov_len, readable[i].length);
        EXPECT_EQ(chain.writable[i].iov_base, heap.bytes(writable[i]).data());
        EXPECT_EQ(chain.writable[i].iov_len, writable[i].length);
    }
    EXPECT_FALSE(device->pop(chain));
    EXPECT_FALSE(driver->take());
    answer(55);
    const auto done = driver->take();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->token, token(7));
    EXPECT_EQ(done->written, 55U);
    EXPECT_FALSE(driver->take());
    EXPECT_FALSE(device->broken());
}

TEST_P(QueueTest, RequestsOfOneKindOfMemory) {
    const std::array one{heap.segment(64)};
    add(one, {}, 1);
    ASSERT_TRUE(device->pop(chain));
    EXPECT_EQ(chain.readable_bytes, 64U);
    EXPECT_TRUE(chain.writable.empty());
    answer(0);
    ASSERT_TRUE(driver->take());
    add({}, one, 2);
    ASSERT_TRUE(device->pop(chain));
    EXPECT_TRUE(chain.readable.empty()) << "of the request before";
    EXPECT_EQ(chain.writable_bytes, 64U);
    EXPECT_EQ(chain.readable_bytes, 0U);
}

TEST_P(QueueTest, AnswersInAnyOrder) {
    const std::array one{heap.segment(16)};
    std::array<uint16_t, 3> heads{};
    for (uintptr_t i = 0; i < heads.size(); ++i) add({}, one, i + 1);
    for (uint16_t& head : heads) {
        ASSERT_TRUE(device->pop(chain));
        head = chain.head;
    }
    for (const size_t i : {1U, 2U, 0U}) {
        device->push(heads[i], static_cast<uint32_t>(i));
        const auto done = driver->take();
        ASSERT_TRUE(done);
        EXPECT_EQ(done->token, token(i + 1));
        EXPECT_EQ(done->written, i);
    }
}

TEST_P(QueueTest, PutBackComesAgain) {
    const std::array one{heap.segment(16)}, two{heap.segment(32)};
    add({}, one, 1);
    add({}, two, 2);
    ASSERT_TRUE(device->pop(chain));
    device->unpop();
    ASSERT_TRUE(device->pop(chain));
    EXPECT_EQ(chain.writable_bytes, 16U);
    ASSERT_TRUE(device->pop(chain));
    EXPECT_EQ(chain.writable_bytes, 32U);
}

// Many rounds of random depth: indices of 16 bits and rings of 8 wrap, and nothing is lost or mixed up.
TEST_P(QueueTest, IndicesWrap) {
    Random random{1};
    const std::array segments{heap.segment(8), heap.segment(16), heap.segment(32)};
    uintptr_t added = 0, taken = 0;
    for (int round = 0; round < 70'000; ++round) {
        const uint64_t count = 1 + random.below(8);
        for (uint64_t i = 0; i < count; ++i) {
            const size_t readable = random.below(2);
            const std::span all{segments.data(), 1 + readable};
            if (!driver->add(all.first(readable), all.subspan(readable), token(added + 1)).ok()) break;
            ++added;
        }
        while (device->pop(chain)) device->push(chain.head, static_cast<uint32_t>(chain.writable_bytes));
        device->flush();
        while (const auto done = driver->take()) {
            ASSERT_EQ(done->token, token(++taken));
            ASSERT_TRUE(done->written == 8 || done->written == 16);
        }
        ASSERT_EQ(added, taken);
    }
    EXPECT_GT(added, 65536U * 2);
    EXPECT_FALSE(device->broken());
}

TEST_P(QueueTest, InterruptsOnlyWhereWanted) {
    const std::array one{heap.segment(16)};
    const auto do_one = [&] {
        add({}, one, 1);
        ASSERT_TRUE(device->pop(chain));
        answer(0);
        ASSERT_TRUE(driver->take());
    };
    device->flush();
    EXPECT_EQ(interrupts, 0) << "nothing was used";
    do_one();
    EXPECT_EQ(interrupts, 1);
    driver->disable_interrupts();
    interrupts = 0;
    do_one();
    do_one();
    EXPECT_EQ(interrupts, 0);
    EXPECT_FALSE(driver->enable_interrupts());
    do_one();
    EXPECT_EQ(interrupts, 1);
}

TEST_P(QueueTest, OneInterruptForSeveral) {
    const std::array one{heap.segment(16)};
    EXPECT_FALSE(driver->enable_interrupts());
    for (int i = 0; i < 4; ++i) add({}, one, 1);
    while (device->pop(chain)) device->push(chain.head, 0);
    EXPECT_EQ(interrupts, 0) << "before flush()";
    device->flush();
    device->flush();
    EXPECT_EQ(interrupts, 1);
}

TEST_P(QueueTest, NotificationsOnlyWhereWanted) {
    const std::array one{heap.segment(16)};
    const auto drain = [&] {
        while (device->pop(chain)) answer(0);
        while (driver->take()) {
        }
    };
    EXPECT_FALSE(device->enable_notifications());
    add({}, one, 1);
    EXPECT_EQ(driver.notifications, 1);
    device->disable_notifications();
    drain();
    add({}, one, 2);
    add({}, one, 3);
    EXPECT_EQ(driver.notifications, 1);
    EXPECT_TRUE(device->enable_notifications()) << "what came meanwhile is not told";
    drain();
    EXPECT_FALSE(device->enable_notifications());
    add({}, one, 4);
    EXPECT_EQ(driver.notifications, 2);
}

TEST_P(QueueTest, GoesOnWhereASnapshotWas) {
    const std::array one{heap.segment(16)};
    for (int i = 0; i < 5; ++i) {
        add({}, one, 1);
        ASSERT_TRUE(device->pop(chain));
        answer(0);
        ASSERT_TRUE(driver->take());
    }
    add({}, one, 2);
    const auto position = device->position();
    EXPECT_EQ(position.available, 5);
    EXPECT_EQ(position.used, 5);
    auto other = vmm::virtio::Queue::make(memory, driver.setup(), [] {});
    ASSERT_TRUE(other);
    other->set_position(position);
    ASSERT_TRUE(other->pop(chain));
    other->push(chain.head, 9);
    const auto done = driver->take();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->token, token(2));
    EXPECT_EQ(done->written, 9U);
    EXPECT_FALSE(other->pop(chain));
}

TEST(QueuePieces, CopiesSkipAndEnd) {
    std::array<char, 4> first{'a', 'b', 'c', 'd'};
    std::array<char, 3> second{'e', 'f', 'g'};
    const std::array<iovec, 2> pieces{{{first.data(), first.size()}, {second.data(), second.size()}}};
    const auto from = [&](size_t skip, size_t count) {
        std::string text(count, '.');
        text.resize(vmm::virtio::copy_from(pieces, skip, std::as_writable_bytes(std::span{text})));
        return text;
    };
    EXPECT_EQ(from(0, 7), "abcdefg");
    EXPECT_EQ(from(0, 100), "abcdefg");
    EXPECT_EQ(from(3, 2), "de");
    EXPECT_EQ(from(4, 2), "ef");
    EXPECT_EQ(from(6, 5), "g");
    EXPECT_EQ(from(7, 5), "");
    EXPECT_EQ(from(SIZE_MAX, 5), "");
    EXPECT_EQ(from(2, 0), "");
    const std::string_view text = "XYZ";
    EXPECT_EQ(vmm::virtio::copy_to(pieces, 2, std::as_bytes(std::span{text})), 3U);
    EXPECT_EQ(from(0, 7), "abXYZfg");
    EXPECT_EQ(vmm::virtio::copy_to(pieces, 6, std::as_bytes(std::span{text})), 1U);
    EXPECT_EQ(from(0, 7), "abXYZfX");
}

}  // namespace
}  // namespace eremite::test
