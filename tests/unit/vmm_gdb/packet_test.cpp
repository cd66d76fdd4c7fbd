#include "vmm/gdb/packet.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "vmm/gdb/hex.hpp"

namespace eremite::vmm::gdb {
namespace {

using Event = PacketReader::Event;

// All events but None.
std::vector<Event> events_of(PacketReader& reader, std::string_view bytes) {
    std::vector<Event> events;
    for (const char byte : bytes)
        if (const Event event = reader.take(byte); event != Event::None) events.push_back(event);
    return events;
}

TEST(Packet, ChecksumIsTheSumOfThePayload) {
    EXPECT_EQ(packet_of(""), "$#00");
    EXPECT_EQ(packet_of("OK"), "$OK#9a");
}

TEST(Packet, IsReadAsItWasWritten) {
    std::string all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
    PacketReader reader;
    EXPECT_EQ(events_of(reader, packet_of(all)), std::vector{Event::Packet});
    EXPECT_EQ(reader.payload(), all);
}

TEST(Packet, WrongChecksumIsDamage) {
    PacketReader reader;
    EXPECT_EQ(events_of(reader, "$OK#9b"), std::vector{Event::Damaged});
    EXPECT_EQ(events_of(reader, "$OK#zz"), std::vector{Event::Damaged});
    EXPECT_EQ(events_of(reader, "$OK#9A"), std::vector{Event::Packet});
}

TEST(Packet, BytesBetweenPacketsCount) {
    PacketReader reader;
    EXPECT_EQ(events_of(reader, "++x\x03-$#00#00"), (std::vector{Event::Interrupt, Event::Repeat, Event::Packet}));
}

TEST(Packet, InterruptWithinAPacketIsData) {
    PacketReader reader;
    EXPECT_EQ(events_of(reader, packet_of("\x03")), std::vector{Event::Packet});
    EXPECT_EQ(reader.payload(), "\x03");
}

TEST(Packet, OneThatLostItsEndIsForgotten) {
    PacketReader reader;
    EXPECT_EQ(events_of(reader, "$lost$OK#9a"), std::vector{Event::Packet});
    EXPECT_EQ(reader.payload(), "OK");
}

TEST(Packet, LongerThanAgreedIsDamage) {
    PacketReader reader;
    EXPECT_EQ(events_of(reader, packet_of(std::string(PacketReader::longest, 'a'))), std::vector{Event::Packet});
    EXPECT_EQ(events_of(reader, packet_of(std::string(PacketReader::longest + 1, 'a'))), std::vector{Event::Damaged});
    EXPECT_EQ(events_of(reader, packet_of("OK")), std::vector{Event::Packet});
}

TEST(Hex, NumbersAreTakenFromTheFront) {
    std::string_view text = "1fG";
    EXPECT_EQ(take_number(text), 0x1fU);
    EXPECT_EQ(text, "G");
    EXPECT_EQ(take_number(text), std::nullopt);
    std::string_view large = "ffffffffffffffff,", too_large = "10000000000000000";
    EXPECT_EQ(take_number(large), UINT64_MAX);
    EXPECT_EQ(take_number(too_large), std::nullopt);
}

TEST(Hex, BytesMustBeAsMany) {
    std::byte bytes[2]{};
    EXPECT_TRUE(bytes_of("0aFf", bytes));
    EXPECT_EQ(hex_of(bytes), "0aff");
    EXPECT_FALSE(bytes_of("0aF", bytes));
    EXPECT_FALSE(bytes_of("0aff00", bytes));
    EXPECT_FALSE(bytes_of("0ax0", bytes));
}

}  // namespace
}  // namespace eremite::vmm::gdb
