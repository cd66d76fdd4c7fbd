// The receive ring of the RTL8139, with what a device should write there and with what it should not.
#include "libos/drivers/rtl8139_ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace eremite::drivers {
namespace {

using Next = Rtl8139Ring::Next;

class Rtl8139RingTest : public testing::Test {
protected:
    void write_header(uint32_t offset, uint16_t status, uint16_t length) {
        const uint32_t header = status | uint32_t{length} << 16;
        std::memcpy(memory.data() + offset, &header, sizeof header);
    }
    // As the device does. Returns where the next one stands.
    uint32_t write_frame(uint32_t offset, uint16_t length, uint8_t value) {
        write_header(offset, 1, static_cast<uint16_t>(length + 4));
        std::memset(memory.data() + offset + 4, value, length);
        return (offset + 4 + length + 4 + 3) / 4 * 4 % Rtl8139Ring::size;
    }

    // Of exactly that size, so that the sanitizer sees what is read behind it.
    std::vector<uint8_t> memory = std::vector<uint8_t>(Rtl8139Ring::bytes);
    Rtl8139Ring ring{memory.data()};
    Rtl8139Ring::Frame frame{};
};

TEST_F(Rtl8139RingTest, FramesComeInOrderAndTheRingGoesRound) {
    uint32_t offset = 0;
    // Three times round, with lengths that leave gaps.
    for (unsigned i = 0; i < 300; ++i) {
        const auto length = static_cast<uint16_t>(60 + i * 97 % 1455);
        const uint32_t next = write_frame(offset, length, static_cast<uint8_t>(i));
        ASSERT_EQ(ring.next(frame), Next::Frame);
        EXPECT_EQ(frame.data, memory.data() + offset + 4);
        ASSERT_EQ(frame.length, length);
        for (uint32_t at = 0; at < length; ++at) ASSERT_EQ(frame.data[at], static_cast<uint8_t>(i));
        offset = next;
        EXPECT_EQ(ring.read_pointer(), static_cast<uint16_t>(offset - 16));
    }
}

TEST_F(Rtl8139RingTest, AnUnfinishedFrameStays) {
    write_header(0, 0, 0xfff0);
    EXPECT_EQ(ring.next(frame), Next::Unfinished);
    write_frame(0, 60, 1);
    EXPECT_EQ(ring.next(frame), Next::Frame);
}

TEST_F(Rtl8139RingTest, ImpossibleFramesAreRefused) {
    for (const uint16_t length : {0, 1, 4, 17, 1523, 2048, 0x7fff, 0xffef, 0xffff}) {
        write_header(0, 1, length);
        EXPECT_EQ(ring.next(frame), Next::Broken) << length;
        EXPECT_EQ(ring.read_pointer(), static_cast<uint16_t>(-16)) << length;
    }
    write_header(0, 0, 64);  // not received well
    EXPECT_EQ(ring.next(frame), Next::Broken);
}

TEST_F(Rtl8139RingTest, NoContentLeadsOutOfTheRing) {
    std::mt19937 random{1};
    for (unsigned i = 0; i < 20'000; ++i) {
        const auto offset = static_cast<uint16_t>(ring.read_pointer() + 16);
        ASSERT_LT(offset, Rtl8139Ring::size);
        write_header(offset, static_cast<uint16_t>(random()), static_cast<uint16_t>(random() % 2 == 0 ? random() : random() % 1600));
        switch (ring.next(frame)) {
            case Next::Frame:
                ASSERT_GE(frame.data, memory.data());
                ASSERT_LE(frame.data + frame.length, memory.data() + memory.size());
                break;
            case Next::Unfinished: break;
            case Next::Broken: ring.restart(); break;
        }
    }
}

}  // namespace
}  // namespace eremite::drivers
