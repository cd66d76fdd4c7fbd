// A capture file, read back.
#include "netstack/phy/pcapng.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "netstack/wire/checksum.hpp"
#include "tests/unit/netstack/network.hpp"

namespace eremite::test {
namespace {

struct Captured {
    std::string interface;
    uint64_t time;
    uint32_t direction;
    Bytes bytes;
};

class File final : public net::PcapngWriter::Output {
public:
    void write(std::span<const uint8_t> bytes) override { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void hand_over() override { complete_ = bytes_.size(); }
    uint64_t time() override { return clock += 1'000'000'007; }
    std::string_view name_of(const net::Interface& interface, std::span<char> memory) override {
        const std::string name = "net" + std::to_string(interface.index());
        return {memory.data(), name.copy(memory.data(), memory.size())};
    }

    // What a reader finds; it checks the structure on the way.
    std::vector<Captured> read() const {
        std::vector<Captured> packets;
        std::vector<std::string> names;
        EXPECT_EQ(complete_, bytes_.size());
        for (size_t at = 0; at < complete_;) {
            const uint32_t type = number(at), length = number(at + 4);
            if (length < 12 || length % 4 != 0 || at + length > complete_ || number(at + length - 4) != length) {
                ADD_FAILURE() << "block of type " << type << " and length " << length << " at " << at;
                break;
            }
            if (at == 0) {
                EXPECT_EQ(type, 0x0a0d0d0au);
                EXPECT_EQ(number(8), 0x1a2b3c4du);
                EXPECT_EQ(number(12), 1u) << "version";
            } else if (type == 1) {
                EXPECT_EQ(number(at + 8), 1u) << "Ethernet";
                EXPECT_EQ(number(at + 12), net::PcapngWriter::snap_length);
                EXPECT_EQ(options(at + 16, at + length - 4)[9], std::string("\x09"));
                names.push_back(options(at + 16, at + length - 4)[2]);
            } else if (type == 6) {
                const uint32_t captured = number(at + 20);
                EXPECT_EQ(number(at + 24), captured);
                Captured packet{names.at(number(at + 8)), uint64_t{number(at + 12)} << 32 | number(at + 16), 0, {}};
                const size_t end = at + 28 + (captured + 3) / 4 * 4;
                packet.bytes.assign(bytes_.begin() + static_cast<long>(at) + 28, bytes_.begin() + static_cast<long>(at) + 28 + captured);
                std::memcpy(&packet.direction, options(end, at + length - 4)[2].data(), 4);
                packets.push_back(packet);
            } else {
                ADD_FAILURE() << "block type " << type;
            }
            at += length;
        }
        return packets;
    }
    uint64_t clock = 1'700'000'000'000'000'000;

private:
    uint32_t number(size_t at) const {
        uint32_t value = 0;
        std::memcpy(&value, &bytes_.at(at), sizeof value);
        return value;
    }
    std::map<uint16_t, std::string> options(size_t at, size_t end) const {
        std::map<uint16_t, std::string> found;
        while (at + 4 <= end && number(at) != 0) {
            const auto code = static_cast<uint16_t>(number(at)), length = static_cast<uint16_t>(number(at) >> 16);
            found[code].assign(reinterpret_cast<const char*>(&bytes_[at + 4]), length);
            at += 4 + (length + 3u) / 4 * 4;
        }
        EXPECT_EQ(at + 4, end) << "the end of the options";
        return found;
    }
    Bytes bytes_;
    size_t complete_ = 0;
};

struct Recorded {
    Recorded() { writer.start(); }
    File file;
    net::PcapngWriter writer{file};
};

bool ends_with(const Bytes& bytes, std::string_view end) {
    return bytes.size() >= end.size() && std::memcmp(bytes.data() + bytes.size() - end.size(), end.data(), end.size()) == 0;
}

// Whether the UDP checksum of a frame with an IPv4 header of 20 bytes holds.
bool udp_checksum_holds(const Bytes& frame) {
    net::ChecksumSum sum;
    const auto address = [&](size_t at) { return net::Ipv4Address{uint32_t{frame[at]} << 24 | uint32_t{frame[at + 1]} << 16 | uint32_t{frame[at + 2]} << 8 | frame[at + 3]}; };
    sum.add_pseudo_header(address(26), address(30), 17, static_cast<uint32_t>(frame.size() - 34));
    sum.add(std::span{frame}.subspan(34));
    return sum.checksum() == 0;
}

TEST(Pcapng, BothDirectionsAndTheLoopback) {
    Recorded recorded;
    net::Capabilities offloads;
    offloads.transmit_checksum = offloads.receive_checksum = true;
    Network network{{}, {.capabilities = offloads, .capture = &recorded.writer}, {.capabilities = offloads}};
    Events events;
    net::UdpSocket here{network.a.stack.udp(), events}, there{network.b.stack.udp(), events};
    ASSERT_TRUE(here.bind({net::any_v4(), 1000}).ok());
    ASSERT_TRUE(there.bind({net::any_v4(), 2000}).ok());
    const auto send = [&](net::UdpSocket& from, std::string_view text, const net::Endpoint& to) {
        const Bytes bytes{text.begin(), text.end()};
        Source source{bytes};
        ASSERT_TRUE(from.send(source, bytes.size(), &to).ok());
        network.settle();
    };
    send(here, "out it goes", {network.b4, 2000});
    send(there, "and back", {network.a4, 1000});
    send(here, "to ourselves", {net::Ipv4Address::of(127, 0, 0, 1), 1000});
    uint64_t before = 1'700'000'000'000'000'000;
    std::map<std::string, int> seen;
    for (const Captured& packet : recorded.file.read()) {
        EXPECT_EQ(packet.time, before + 1'000'000'007) << "in order, in nanoseconds";
        before = packet.time;
        if (packet.bytes[12] == 8 && packet.bytes[13] == 6) ++seen["arp " + std::to_string(packet.direction)];
        for (const std::string_view text : {"out it goes", "and back", "to ourselves"}) {
            if (!ends_with(packet.bytes, text)) continue;
            EXPECT_TRUE(udp_checksum_holds(packet.bytes)) << text;
            ++seen[std::string{text} + " " + packet.interface + " " + std::to_string(packet.direction)];
        }
    }
    EXPECT_EQ(seen["out it goes net2 2"], 1);
    EXPECT_EQ(seen["and back net2 1"], 1);
    EXPECT_EQ(seen["to ourselves net1 1"], 1);
    EXPECT_GT(seen["arp 1"], 0);
    EXPECT_GT(seen["arp 2"], 0);
}

TEST(Pcapng, FragmentsOfEveryLength) {
    Recorded recorded;
    Network network;
    const uint32_t index = network.a.interface->index();
    for (size_t size = 1; size < 70; ++size) {
        net::Packet packet = net::Packet::allocate(network.a.memory.pool);
        ASSERT_TRUE(packet);
        Bytes expected;
        for (size_t i = 0; i < size; ++i) expected.push_back(static_cast<uint8_t>(i + 1));
        for (size_t i = 0; i < size; i += 7) {
            net::Packet piece = net::Packet::allocate(network.a.memory.pool);
            ASSERT_TRUE(piece.append_copy(std::span{expected}.subspan(i, std::min<size_t>(7, size - i))));
            packet.append(std::move(piece));
        }
        // A field that lies across two pieces, and one that does not lie within.
        packet.offload() = {.checksum_start = 2, .checksum_offset = 4, .checksum = net::ChecksumState::Partial};
        recorded.writer.packet(*network.a.interface, packet, net::Direction::Out);
        recorded.writer.flush();
        const Captured last = recorded.file.read().back();
        EXPECT_EQ(last.interface, "net" + std::to_string(index));
        ASSERT_EQ(last.bytes.size(), size);
        if (size >= 8) {
            const uint16_t sum = net::checksum_of(std::span{expected}.subspan(2));
            std::memcpy(&expected[6], &sum, sizeof sum);
        }
        EXPECT_EQ(last.bytes, expected);
    }
}

}  // namespace
}  // namespace eremite::test
