#include "vmm/balloon/balloon_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/vmm_core/guest.hpp"

namespace eremite::test {
namespace {

using virtio::Segment;
using vmm::balloon::BalloonDevice;

constexpr uint64_t page = BalloonDevice::page;

struct Balloon : ::testing::Test {
    Guest guest;
    BalloonDevice* device = nullptr;
    uint64_t first = 0;  // of some pages that have something in them
    static constexpr size_t page_count = 16;

    void SetUp() override {
        guest.attach([this](const vmm::GuestMemory& memory, vmm::virtio::Host& host) {
            auto made = std::make_unique<BalloonDevice>(host, memory, "balloon0");
            device = made.get();
            return made;
        });
        guest.bring_up(feature_bit(VIRTIO_BALLOON_F_REPORTING), 3);
        first = guest.heap.allocate(page_count * page, page);
        const auto bytes = guest.heap.bytes(first, page_count * page);
        std::fill(bytes.begin(), bytes.end(), std::byte{0x55});
    }
    // Which of the pages are still there, as letters.
    std::string pages() {
        std::string all;
        for (size_t i = 0; i < page_count; ++i) {
            const auto bytes = guest.heap.bytes(first + i * page, page);
            const bool full = std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0x55}; });
            const bool empty = std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
            all += full ? 'x' : empty ? '.' : '?';
        }
        return all;
    }
    Segment numbers(const std::vector<uint32_t>& what) {
        const Segment segment = guest.heap.segment(what.size() * sizeof(uint32_t));
        std::memcpy(guest.heap.bytes(segment).data(), what.data(), segment.length);
        return segment;
    }
    uint32_t number(size_t index) const { return static_cast<uint32_t>(first / page + index); }
    void call(uint16_t queue, const std::vector<uint32_t>& what) {
        const Segment segment = numbers(what);
        EXPECT_EQ(guest.call(queue, {&segment, 1}, {}), 0U);
    }
    void expect_refused(uint16_t queue, const Segment& segment) {
        guest.send(queue, {&segment, 1}, {});
        guest.wait_for_needs_reset();
        EXPECT_EQ(pages(), "xxxxxxxxxxxxxxxx");
        guest.reset();
        guest.bring_up(0, 2);
    }
};

TEST_F(Balloon, SaysWhatItIs) {
    EXPECT_EQ(guest.get(VIRTIO_MMIO_DEVICE_ID), uint32_t{VIRTIO_ID_BALLOON});
    EXPECT_EQ(guest.offered() & 0xff, feature_bit(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) | feature_bit(VIRTIO_BALLOON_F_REPORTING));
    EXPECT_EQ(guest.configuration<uint32_t>(0), 0U);
}

TEST_F(Balloon, InflatesAndDeflates) {
    call(0, {number(1), number(2), number(3), number(7), number(5), number(4)});
    EXPECT_EQ(pages(), "x.....x.xxxxxxxx");
    call(1, {number(1), number(2)});
    guest.heap.bytes(first + page, 1)[0] = std::byte{1};  // it is there again
    EXPECT_EQ(pages(), "x?....x.xxxxxxxx");
}

TEST_F(Balloon, MemoryGoesToTheHost) {
    constexpr size_t size = 8 << 20;
    const uint64_t large = guest.heap.allocate(size, page);
    const auto bytes = guest.heap.bytes(large, size);
    std::fill(bytes.begin(), bytes.end(), std::byte{1});
    guest.memory.open_page_map();
    const uint64_t before = guest.memory.resident();
    std::vector<uint32_t> all;
    for (uint64_t at = large; at < large + size; at += page) all.push_back(static_cast<uint32_t>(at / page));
    call(0, all);
    // Large pages at both ends may stay.
    EXPECT_LE(guest.memory.resident(), before - (uint64_t{4} << 20));
}

TEST_F(Balloon, NumbersInPieces) {
    std::array pieces{guest.heap.segment(3), guest.heap.segment(4), guest.heap.segment(1)};
    const std::array<uint32_t, 2> wanted{number(3), number(9)};
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), wanted.data(), 8);
    guest.heap.write(pieces[0], bytes.substr(0, 3));
    guest.heap.write(pieces[1], bytes.substr(3, 4));
    guest.heap.write(pieces[2], bytes.substr(7, 1));
    (void)guest.call(0, pieces, {});
    EXPECT_EQ(pages(), "xxx.xxxxx.xxxxxx");
}

TEST_F(Balloon, DeflatingTakesNothing) {
    call(1, {number(1), number(2)});
    EXPECT_EQ(pages(), "xxxxxxxxxxxxxxxx");
}

TEST_F(Balloon, PagesOutsideOfMemory) {
    const auto end = static_cast<uint32_t>(guest.memory.size() / page);
    for (const uint32_t wrong : {end, uint32_t{0xffffffff}, uint32_t{0x100000}}) expect_refused(0, numbers({wrong}));
    expect_refused(1, numbers({end}));
}

TEST_F(Balloon, WrongLengths) {
    expect_refused(0, guest.heap.segment(5));
    expect_refused(0, guest.heap.segment((BalloonDevice::most_pages + 1) * sizeof(uint32_t)));
}

TEST_F(Balloon, ReportsOfFreePages) {
    const std::array free{Segment{PhysicalAddress{first}, 2 * page}, Segment{PhysicalAddress{first + 8 * page}, 4 * page}};
    EXPECT_EQ(guest.call(2, {}, free), 0U);
    EXPECT_EQ(pages(), "..xxxxxx....xxxx");
}

TEST_F(Balloon, ReportsOfPartsOfPages) {
    const std::array free{Segment{PhysicalAddress{first + 1}, 3 * page}, Segment{PhysicalAddress{first + 8 * page + 100}, 200},
                          Segment{PhysicalAddress{first + 12 * page}, page - 1}};
    EXPECT_EQ(guest.call(2, {}, free), 0U);
    EXPECT_EQ(pages(), "x..xxxxxxxxxxxxx");
}

TEST_F(Balloon, Target) {
    device->set_target(100);
    EXPECT_EQ(guest.wait_for_interrupt(), uint32_t{VIRTIO_MMIO_INT_CONFIG});
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_balloon_config, num_pages)), 100U);
    guest.set(VIRTIO_MMIO_CONFIG + offsetof(virtio_balloon_config, actual), 60);
    EXPECT_EQ(device->given(), 60U);
    device->set_target(UINT64_MAX);
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_balloon_config, num_pages)), guest.memory.size() / page);
    guest.set(VIRTIO_MMIO_CONFIG + offsetof(virtio_balloon_config, num_pages), 7);
    EXPECT_EQ(guest.configuration<uint32_t>(offsetof(virtio_balloon_config, num_pages)), guest.memory.size() / page) << "that is the host's";
    guest.reset();
    EXPECT_EQ(device->given(), 0U);
}

}  // namespace
}  // namespace eremite::test
