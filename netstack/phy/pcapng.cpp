#include "netstack/phy/pcapng.hpp"

#include <algorithm>

#include "netstack/wire/checksum.hpp"

namespace eremite::net {

namespace {

// Sections 4.1 to 4.3: every block has its length at both ends, and parts of blocks begin at multiples of four bytes.
enum class BlockType : uint32_t { InterfaceDescription = 1, EnhancedPacket = 6, SectionHeader = 0x0a0d'0d0a };
constexpr uint16_t link_type_ethernet = 1;

struct SectionHeader {
    BlockType type = BlockType::SectionHeader;
    uint32_t length = sizeof(SectionHeader);
    uint32_t byte_order = 0x1a2b'3c4d;
    uint16_t major = 1, minor = 0;
    uint32_t section_length[2] = {~0u, ~0u};  // not known
    uint32_t length_again = sizeof(SectionHeader);
};

struct Option {
    uint16_t code, length;
};
constexpr uint16_t option_name = 2, option_resolution = 9, option_flags = 2;

struct InterfaceDescription {
    BlockType type = BlockType::InterfaceDescription;
    uint32_t length;
    uint16_t link = link_type_ethernet;
    uint16_t reserved = 0;
    uint32_t snap_length = PcapngWriter::snap_length;
    Option resolution{option_resolution, 1};
    uint32_t digits = 9;  // time stamps count nanoseconds
    Option name{option_name, 0};
};

struct EnhancedPacket {
    BlockType type = BlockType::EnhancedPacket;
    uint32_t length;
    uint32_t interface;
    uint32_t time_high, time_low;
    uint32_t captured, original;
};

// What follows a packet's bytes.
struct PacketEnd {
    Option flags{option_flags, sizeof(uint32_t)};
    uint32_t direction;
    Option end{0, 0};
    uint32_t length;
};

constexpr uint32_t padding(size_t size) { return static_cast<uint32_t>(-size & 3); }

}  // namespace

void PcapngWriter::start() { put(SectionHeader{}); }

void PcapngWriter::describe(const Interface& interface) {
    char memory[32];
    const std::string_view name = output_.name_of(interface, memory);
    const uint32_t fill = padding(name.size());
    const uint32_t length = static_cast<uint32_t>(sizeof(InterfaceDescription) + name.size() + fill + sizeof(Option) + sizeof length);
    InterfaceDescription block{.length = length};
    block.name.length = static_cast<uint16_t>(name.size());
    constexpr uint32_t zeros = 0;
    put(block);
    // SAFETY: characters are bytes.
    output_.write({reinterpret_cast<const uint8_t*>(name.data()), name.size()});
    output_.write({reinterpret_cast<const uint8_t*>(&zeros), fill});
    put(Option{0, 0});
    put(length);
    numbers_[interface.index()] = ++described_;
}

void PcapngWriter::put(const Packet& packet, size_t from, size_t to) {
    size_t at = 0;
    for (const Fragment* f = packet.head(); f && at < to; at += f->length, f = f->next) {
        const size_t begin = std::max(from, at), end = std::min(to, at + f->length);
        if (begin < end) output_.write(f->bytes().subspan(begin - at, end - begin));
    }
}

void PcapngWriter::packet(const Interface& interface, const Packet& packet, Direction direction) {
    if (numbers_[interface.index()] == 0) describe(interface);
    const bool ethernet = interface.capabilities().link == LinkType::Ethernet;
    const size_t header = ethernet ? 0 : sizeof(EthernetHeader);
    const size_t original = packet.length(), kept = std::min<size_t>(original, snap_length - header), captured = header + kept;
    const uint32_t fill = padding(captured);
    const auto length = static_cast<uint32_t>(sizeof(EnhancedPacket) + captured + fill + sizeof(PacketEnd));
    const uint64_t time = output_.time();
    put(EnhancedPacket{.length = length,
                       .interface = numbers_[interface.index()] - 1u,
                       .time_high = static_cast<uint32_t>(time >> 32),
                       .time_low = static_cast<uint32_t>(time),
                       .captured = static_cast<uint32_t>(captured),
                       .original = static_cast<uint32_t>(header + original)});
    if (!ethernet) {
        EthernetHeader link{};
        link.type = static_cast<uint16_t>(!packet.front().empty() && packet.front()[0] >> 4 == 6 ? EtherType::Ipv6 : EtherType::Ipv4);
        put(link);
    }
    const Offload& offload = packet.offload();
    const size_t start = offload.checksum_start, field = start + offload.checksum_offset;
    if (uint16_t checksum = 0; offload.checksum == ChecksumState::Partial && field + sizeof checksum <= kept) {
        ChecksumSum sum;
        packet.add_to(sum, start, original - start);
        checksum = sum.checksum();
        // As UDP writes 0 (RFC 768), and TCP may.
        if (checksum == 0) checksum = 0xffff;
        put(packet, 0, field);
        put(checksum);
        put(packet, field + sizeof checksum, kept);
    } else {
        put(packet, 0, kept);
    }
    constexpr uint32_t zeros = 0;
    output_.write({reinterpret_cast<const uint8_t*>(&zeros), fill});
    put(PacketEnd{.direction = static_cast<uint32_t>(direction), .length = length});
}

}  // namespace eremite::net
