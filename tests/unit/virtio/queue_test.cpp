// Virtqueues of both kinds against a device that keeps to the rules.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "fake_device.hpp"

namespace eremite {

void panic(std::string_view message) { throw std::logic_error{std::string{message}}; }

}  // namespace eremite

namespace eremite::test {
namespace {

using virtio::Segment;

std::string name_of(const ::testing::TestParamInfo<virtio::QueueShape>& info) {
    const auto& s = info.param;
    return std::string{s.packed ? "Packed" : "Split"} + std::to_string(s.size) + (s.indirect_segments ? "Indirect" : "") +
           (s.event_index ? "EventIndex" : "") + (s.legacy ? "Legacy" : "");
}

Segment segment(uint64_t address, uint32_t length) { return {PhysicalAddress{address}, length}; }
void* token(uintptr_t number) { return reinterpret_cast<void*>(number); }

struct QueueTest : ::testing::TestWithParam<virtio::QueueShape> {
    Machine machine{GetParam()};
    virtio::Queue& queue = machine.queue();
    FakeDevice& device = machine.device();
    const uint16_t size = GetParam().size;

    int add_one(uintptr_t number) {
        const Segment writable[] = {segment(0x1000 * number, 64)};
        return queue.add({}, writable, token(number)).code();
    }
};

TEST_P(QueueTest, RequestGoesThereAndBack) {
    const Segment readable[] = {segment(0x1000, 16), segment(0x2000, 32)}, writable[] = {segment(0x3000, 512), segment(0x4000, 1)};
    if (!queue.has_room(4)) GTEST_SKIP() << "the queue is too short";
    ASSERT_TRUE(queue.add(readable, writable, token(7)).ok());
    EXPECT_EQ(queue.in_flight(), 1);
    EXPECT_FALSE(queue.take());
    const auto request = device.pop();
    ASSERT_TRUE(request);
    ASSERT_EQ(request->readable.size(), 2U);
    ASSERT_EQ(request->writable.size(), 2U);
    EXPECT_EQ(request->readable[1].address.value, 0x2000U);
    EXPECT_EQ(request->readable[1].length, 32U);
    EXPECT_EQ(request->writable[0].address.value, 0x3000U);
    EXPECT_EQ(request->writable[1].length, 1U);
    EXPECT_EQ(request->indirect, GetParam().indirect_segments >= 4);
    EXPECT_FALSE(device.pop());
    device.complete(*request, 513);
    const auto done = queue.take();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->token, token(7));
    EXPECT_EQ(done->written, 513U);
    EXPECT_EQ(done->error, 0);
    EXPECT_EQ(queue.in_flight(), 0);
    EXPECT_FALSE(queue.take());
    EXPECT_EQ(machine.failure, "");
}

TEST_P(QueueTest, FullQueueTakesMoreOnceSomethingCameBack) {
    for (int lap = 0; lap < 5; ++lap) {
        for (uint16_t i = 0; i < size; ++i) ASSERT_EQ(add_one(1 + i), 0);
        EXPECT_EQ(add_one(99), ENOSPC);
        EXPECT_FALSE(queue.has_room(1));
        const auto request = device.pop();
        ASSERT_TRUE(request);
        device.complete(*request, 64);
        EXPECT_EQ(queue.take()->token, token(1));
        EXPECT_EQ(add_one(1 + size), 0);
        for (uint16_t i = 0; i < size; ++i) {
            device.complete(*device.pop(), 64);
            EXPECT_EQ(queue.take()->token, token(2 + i));
        }
    }
}

TEST_P(QueueTest, WhatCannotBeAsked) {
    EXPECT_EQ(queue.add({}, {}, nullptr).code(), EINVAL);
    const Segment empty[] = {segment(0x1000, 0)}, large[] = {segment(0x1000, UINT32_MAX)}, one[] = {segment(0x1000, 1)};
    EXPECT_EQ(queue.add(empty, {}, nullptr).code(), EINVAL);
    EXPECT_EQ(queue.add(one, empty, nullptr).code(), EINVAL);
    EXPECT_EQ(queue.add(large, one, nullptr).code(), EINVAL);
    const std::vector<Segment> many(std::max(size, GetParam().indirect_segments) + 1, segment(0x1000, 1));
    EXPECT_EQ(queue.add(many, {}, nullptr).code(), EINVAL);
    EXPECT_FALSE(device.pop());
    EXPECT_EQ(queue.in_flight(), 0);
    EXPECT_TRUE(queue.add(large, {}, nullptr).ok());
}

TEST_P(QueueTest, ChainAsLongAsTheRing) {
    const std::vector<Segment> all(size, segment(0x1000, 8));
    for (int lap = 0; lap < 3; ++lap) {
        ASSERT_TRUE(queue.add({}, all, token(5)).ok());
        const auto request = device.pop();
        ASSERT_TRUE(request);
        EXPECT_EQ(request->writable.size(), size);
        device.complete(*request, 8);
        EXPECT_EQ(queue.take()->written, 8U);
    }
}

TEST_P(QueueTest, EmptyAnswerAndFullAnswer) {
    for (const uint32_t length : {0U, 64U}) {
        ASSERT_EQ(add_one(1), 0);
        device.complete(*device.pop(), length);
        EXPECT_EQ(queue.take()->written, length);
    }
}

TEST_P(QueueTest, DeviceIsToldOnceForSeveralRequests) {
    device.ask_for_notification();
    queue.kick();
    EXPECT_EQ(machine.notifications, 0) << "nothing was added";
    ASSERT_EQ(add_one(1), 0);
    if (size > 1) {
        ASSERT_EQ(add_one(2), 0);
    }
    queue.kick();
    EXPECT_EQ(machine.notifications, 1);
    queue.kick();
    EXPECT_EQ(machine.notifications, 1);
}

TEST_P(QueueTest, DeviceThatIsBusyIsNotTold) {
    if (size < 2) GTEST_SKIP() << "the queue is too short";
    device.ask_for_notification();
    ASSERT_EQ(add_one(1), 0);
    queue.kick();
    device.refuse_notifications();
    device.complete(*device.pop(), 0);
    ASSERT_EQ(add_one(2), 0);
    queue.kick();
    EXPECT_EQ(machine.notifications, 1);
    device.complete(*device.pop(), 0);
    ASSERT_TRUE(queue.take() && queue.take());
    device.ask_for_notification();
    ASSERT_EQ(add_one(3), 0);
    queue.kick();
    EXPECT_EQ(machine.notifications, 2);
}

TEST_P(QueueTest, InterruptComesOnceUntilAskedForAgain) {
    if (size < 4) GTEST_SKIP() << "the queue is too short";
    for (int lap = 0; lap < 40; ++lap) {
        ASSERT_FALSE(queue.enable_interrupts());
        for (int i = 1; i <= 4; ++i) ASSERT_EQ(add_one(i), 0);
        device.complete(*device.pop(), 0);
        EXPECT_TRUE(device.interrupts()) << lap;
        queue.disable_interrupts();
        device.complete(*device.pop(), 0);
        EXPECT_FALSE(device.interrupts());
        EXPECT_TRUE(queue.take());
        EXPECT_TRUE(queue.enable_interrupts()) << "the second one is there";
        queue.disable_interrupts();
        EXPECT_TRUE(queue.take());
        EXPECT_FALSE(queue.enable_interrupts());
        device.complete(*device.pop(), 0);
        EXPECT_TRUE(device.interrupts());
        queue.disable_interrupts();
        device.complete(*device.pop(), 0);
        EXPECT_FALSE(device.interrupts());
        while (queue.take()) {
        }
    }
}

TEST_P(QueueTest, InterruptForSeveral) {
    if (size < 4) GTEST_SKIP() << "the queue is too short";
    for (int lap = 0; lap < 40; ++lap) {
        queue.disable_interrupts();
        for (int i = 1; i <= 4; ++i) ASSERT_EQ(add_one(i), 0);
        ASSERT_FALSE(queue.enable_interrupts(3));
        int interrupts = 0;
        for (int i = 0; i < 3; ++i) {
            device.complete(*device.pop(), 0);
            if (device.interrupts() && i < 2) ++interrupts;
        }
        if (GetParam().event_index) {
            EXPECT_EQ(interrupts, 0) << "before the third one";
        }
        device.complete(*device.pop(), 0);
        while (queue.take()) {
        }
        // More than there are: the last one that is under way.
        queue.disable_interrupts();
        ASSERT_EQ(add_one(1), 0);
        ASSERT_FALSE(queue.enable_interrupts(100));
        device.complete(*device.pop(), 0);
        EXPECT_TRUE(device.interrupts());
        ASSERT_TRUE(queue.take());
    }
}

// Requests of any form, answered in any order, for many laps, against a model.
TEST_P(QueueTest, RandomTraffic) {
    std::mt19937 random{size + (GetParam().packed ? 1U : 0U)};
    const auto up_to = [&random](uint32_t n) { return random() % (n + 1); };
    struct Expected {
        std::vector<Segment> readable, writable;
        uint32_t written = 0;
    };
    std::map<uintptr_t, Expected> sent;
    std::vector<DeviceRequest> held;
    std::map<uintptr_t, uint32_t> answered;
    uintptr_t next = 1;
    size_t ring_used = 0;
    for (int step = 0; step < 20000; ++step) {
        switch (up_to(3)) {
            case 0:
            case 1: {
                Expected e;
                const auto count = 1 + up_to(std::max<uint32_t>(GetParam().indirect_segments, std::min<uint32_t>(size, 6)));
                for (uint32_t i = 0; i < count; ++i) {
                    // The first one carries the number of the request.
                    const Segment s = segment(i == 0 ? next << 16 : random(), 1 + up_to(4096));
                    (e.writable.empty() && (i == 0 || up_to(1)) ? e.readable : e.writable).push_back(s);
                }
                const bool room = queue.has_room(count);
                const int code = queue.add(e.readable, e.writable, token(next)).code();
                ASSERT_TRUE(code == 0 || code == ENOSPC || (code == EINVAL && count > size)) << code;
                ASSERT_EQ(room, code == 0);
                if (code == 0) sent[next++] = e;
                break;
            }
            case 2:
                if (auto request = device.pop()) {
                    const Expected& e = sent.at(request->readable.at(0).address.value >> 16);
                    ASSERT_EQ(request->readable.size(), e.readable.size());
                    ASSERT_EQ(request->writable.size(), e.writable.size());
                    for (size_t i = 0; i < e.writable.size(); ++i) {
                        ASSERT_EQ(request->writable[i].address, e.writable[i].address);
                        ASSERT_EQ(request->writable[i].length, e.writable[i].length);
                    }
                    ring_used += request->descriptors;
                    ASSERT_LE(ring_used, size);
                    held.push_back(*request);
                }
                if (!held.empty() && up_to(1)) {
                    const size_t i = up_to(static_cast<uint32_t>(held.size() - 1));
                    const auto written = up_to(static_cast<uint32_t>(held[i].writable_bytes()));
                    answered[held[i].readable[0].address.value >> 16] = static_cast<uint32_t>(written);
                    device.complete(held[i], static_cast<uint32_t>(written));
                    held.erase(held.begin() + static_cast<long>(i));
                }
                break;
            default:
                while (const auto done = queue.take()) {
                    const auto number = reinterpret_cast<uintptr_t>(done->token);
                    ASSERT_EQ(answered.count(number), 1U);
                    ASSERT_EQ(done->written, answered[number]);
                    const auto segments = sent.at(number).readable.size() + sent.at(number).writable.size();
                    ring_used -= segments > 1 && segments <= GetParam().indirect_segments ? 1 : segments;
                    answered.erase(number);
                    sent.erase(number);
                }
                ASSERT_EQ(queue.in_flight(), sent.size());
        }
    }
    ASSERT_EQ(machine.failure, "");
    ASSERT_GT(next, 1000U);
}

// No event is lost when both sides sleep whenever they are told that they may.
TEST_P(QueueTest, NobodySleepsForEver) {
    std::mt19937 random{size};
    device.ask_for_notification();
    int to_send = 3000, received = 0;
    bool device_awake = false, driver_awake = true;
    for (int step = 0; received < 3000; ++step) {
        ASSERT_LT(step, 1'000'000) << "stuck";
        if (driver_awake && random() % 2) {
            queue.disable_interrupts();
            while (queue.take()) ++received;
            for (uint32_t n = random() % 4; n > 0 && to_send > 0 && add_one(1) == 0; --n) --to_send;
            const int before = machine.notifications;
            queue.kick();
            device_awake |= machine.notifications != before;
            const bool more = queue.enable_interrupts(static_cast<uint16_t>(1 + random() % 3));
            // With nothing under way nobody would wake the driver.
            driver_awake = more || (to_send > 0 && queue.has_room(1));
        }
        if (device_awake && random() % 2) {
            device.refuse_notifications();
            bool worked = false;
            for (uint32_t n = random() % 4; n > 0; --n) {
                if (const auto request = device.pop()) {
                    device.complete(*request, 0);
                    worked = true;
                }
            }
            driver_awake |= device.interrupts();
            if (!worked) {
                device.ask_for_notification();
                const auto request = device.pop();
                device_awake = request.has_value();
                if (request) device.complete(*request, 0);
                driver_awake |= device.interrupts();
            }
        }
    }
}

constexpr virtio::QueueShape shapes[] = {
    {.size = 8},
    {.size = 256},
    {.size = 1},
    {.size = 16, .event_index = true},
    {.size = 16, .indirect_segments = 8},
    {.size = 64, .indirect_segments = 20, .event_index = true},
    {.size = 16, .legacy = true},
    {.size = 8, .packed = true},
    {.size = 1, .packed = true},
    {.size = 7, .packed = true, .event_index = true},
    {.size = 16, .indirect_segments = 8, .packed = true},
    {.size = 63, .indirect_segments = 20, .packed = true, .event_index = true},
};
INSTANTIATE_TEST_SUITE_P(Shapes, QueueTest, ::testing::ValuesIn(shapes), name_of);

}  // namespace
}  // namespace eremite::test
