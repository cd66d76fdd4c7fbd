#include "vmm/entropy/entropy_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/vmm_core/guest.hpp"

namespace eremite::test {
namespace {

using vmm::entropy::EntropyDevice;
using virtio::Segment;

struct Entropy : ::testing::Test {
    Guest guest;

    void SetUp() override {
        guest.attach([](const vmm::GuestMemory&, vmm::virtio::Host& host) { return std::make_unique<EntropyDevice>(host, "entropy0"); });
        EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_RNG});
        guest.bring_up(0, 1, {.size = 64, .indirect_segments = 4, .event_index = true});
    }
    // All zeros has a chance of one in 2^(8 * bytes).
    [[nodiscard]] bool is_random(const Segment& segment) const { return guest.heap.text(segment) != std::string(segment.length, '\0'); }
};

TEST_F(Entropy, FillsWhatItIsGiven) {
    const Segment first = guest.heap.segment(64), behind = guest.heap.segment(64);
    EXPECT_EQ(guest.call(0, {}, {&first, 1}), 64U);
    EXPECT_TRUE(is_random({first.address, 16}));
    EXPECT_TRUE(is_random({first.address + 48, 16}));
    EXPECT_FALSE(is_random(behind));
    const std::string before = guest.heap.text(first);
    EXPECT_EQ(guest.call(0, {}, {&first, 1}), 64U);
    EXPECT_NE(guest.heap.text(first), before);
}

TEST_F(Entropy, FillsPieces) {
    const std::array pieces{guest.heap.segment(16), guest.heap.segment(32), guest.heap.segment(16)};
    const std::array readable{guest.heap.segment(8)};
    EXPECT_EQ(guest.call(0, readable, pieces), 64U);
    for (const Segment& piece : pieces) EXPECT_TRUE(is_random(piece));
    EXPECT_FALSE(is_random(readable[0]));
}

TEST_F(Entropy, MuchIsGivenInParts) {
    const std::array pieces{guest.heap.segment(EntropyDevice::most_bytes - 100), guest.heap.segment(EntropyDevice::most_bytes)};
    EXPECT_EQ(guest.call(0, {}, pieces), EntropyDevice::most_bytes);
    EXPECT_TRUE(is_random({pieces[1].address, 100}));
    EXPECT_FALSE(is_random({pieces[1].address + 100, 1000}));
}

TEST_F(Entropy, ManyAtOnce) {
    std::vector<Segment> segments;
    for (int i = 0; i < 64; ++i) segments.push_back(guest.heap.segment(32));
    for (Segment& segment : segments) guest.send(0, {}, {&segment, 1}, &segment);
    for (size_t i = 0; i < segments.size(); ++i) EXPECT_EQ(guest.wait(0).written, 32U);
    for (const Segment& segment : segments) EXPECT_TRUE(is_random(segment));
}

TEST_F(Entropy, NoRoomNeedsAReset) {
    const Segment segment = guest.heap.segment(8);
    guest.send(0, {&segment, 1}, {});
    guest.wait_for_needs_reset();
    guest.reset();
    guest.bring_up(0, 1);
    EXPECT_EQ(guest.call(0, {}, {&segment, 1}), 8U);
}

}  // namespace
}  // namespace eremite::test
