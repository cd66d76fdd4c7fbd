// Frames as the fuzzer likes, with checksums set right so that they get far. Input: for each frame a length, what it is mostly,
// and its bytes; between them time passes. In the end all memory is back.
#include "netstack/wire/checksum.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/unit/netstack/host.hpp"

namespace eremite::test {
namespace {

class Quiet final : public net::Observer {
public:
    void notify(uint32_t) override {}
};

const net::IpAddress own4{net::Ipv4Address::of(10, 0, 0, 1)}, peer4{net::Ipv4Address::of(10, 0, 0, 2)};
const net::IpAddress own6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 1}), peer6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2});

void repair_transport(std::span<uint8_t> transport, uint8_t protocol, const net::IpAddress& from, const net::IpAddress& to) {
    const size_t field = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
    if (transport.size() < field + 2 || (protocol != 1 && protocol != 2 && protocol != 6 && protocol != 17 && protocol != 58)) return;
    net::store_raw<uint16_t>(&transport[field], 0);
    net::ChecksumSum sum;
    if (protocol != 1 && protocol != 2) sum.add_pseudo_header(from, to, protocol, static_cast<uint32_t>(transport.size()));
    sum.add(transport);
    net::store_raw(&transport[field], sum.checksum());
}

// Puts headers in front that lead somewhere.
Bytes frame_of(Input& input) {
    const uint8_t kind = input.byte();
    const auto body = input.take(input.byte() * (kind & 0x80 ? 8U : 1U));
    Bytes frame(14);
    auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(frame.data());
    ethernet = {kind & 0x40 ? net::MacAddress::broadcast() : Host::mac(1), Host::mac(2), 0};
    const uint8_t protocols[] = {6, 17, 1, 58, 2, 44, 0, 60};
    const uint8_t protocol = protocols[kind & 7];
    switch (kind >> 3 & 3) {
        case 0:
            ethernet.type = 0x0800;
            frame.resize(34);
            frame.insert(frame.end(), body.begin(), body.end());
            net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), peer4, own4, static_cast<net::Protocol>(protocol),
                            frame.size() - 14, 64, kind >> 6, kind, kind & 0x20 ? input.half() : 0);
            repair_transport(std::span{frame}.subspan(34), protocol, peer4, own4);
            break;
        case 1:
            ethernet.type = 0x86dd;
            frame.resize(54);
            frame.insert(frame.end(), body.begin(), body.end());
            net::write_ipv6(*reinterpret_cast<net::Ipv6Header*>(&frame[14]),
                            kind & 0x20 ? net::IpAddress::v6({0xfe80, 0, 0, 0, 0, 0, 0, 2}) : peer6, own6,
                            static_cast<net::Protocol>(protocol), body.size(), 255, 0, 0);
            repair_transport(std::span{frame}.subspan(54), protocol,
                             kind & 0x20 ? net::IpAddress::v6({0xfe80, 0, 0, 0, 0, 0, 0, 2}) : peer6, own6);
            break;
        case 2:
            ethernet.type = 0x0806;
            frame.insert(frame.end(), body.begin(), body.end());
            break;
        default:
            // Anything at all behind a type.
            ethernet.type = kind & 1 ? 0x0800 : 0x86dd;
            frame.insert(frame.end(), body.begin(), body.end());
            break;
    }
    return frame;
}

void run(Input& input) {
    HostOptions options;
    options.fragments = 512, options.small_buffers = 128, options.large_buffers = 8;
    options.tcp = {.most_connections = 64, .most_requests = 16, .most_time_waits = 16, .most_sent_segments = 256, .flow_buckets = 64};
    PoolMemory memory{options.fragments, options.small_buffers, options.large_buffers};
    {
        net::Capabilities capabilities;
        capabilities.mac = Host::mac(1);
        TestDevice device{capabilities};
        net::Stack stack{memory.pool, {{1, 2}, options.tcp}};
        Instant now{1'000'000'000};
        stack.advance(now);
        require(stack.start().ok());
        net::Interface* interface = stack.add_interface(device).value();
        require(interface->add_address(own4, 24).ok() && interface->add_address(own6, 64).ok() && stack.ndp().enable(*interface).ok());
        now = now + Duration::seconds(2);
        stack.advance(now);
        Quiet quiet;
        net::tcp::Listener* listener = stack.tcp().listen({net::IpAddress{}, 0x5050}, 4, {}, &quiet).value();
        net::UdpSocket socket{stack.udp(), quiet};
        require(socket.bind({net::IpAddress{}, 0x5050}).ok());
        while (!input.empty()) {
            const Bytes frame = frame_of(input);
            net::Packet packet = memory.pool.allocate_data(static_cast<uint32_t>(frame.size()));
            // In two pieces now and then.
            const size_t cut = frame.size() % 3 ? frame.size() : frame.size() / 2;
            if (packet && packet.append_copy(std::span{frame}.first(cut))) {
                net::Packet rest = memory.pool.allocate_data(64);
                if (cut < frame.size() && rest && rest.append_copy(std::span{frame}.subspan(cut))) packet.append(std::move(rest));
                stack.receive(*interface, std::move(packet));
            }
            if (frame.back() & 1) stack.flush();
            if ((frame.back() & 0x1e) == 0x1e) {
                now = now + Duration::milliseconds(int64_t{1} << (frame.size() & 15));
                stack.advance(now);
            }
            if (net::tcp::Connection* connection = listener->accept()) {
                Sink sink;
                (void)connection->receive(sink, SIZE_MAX);
                if (frame.size() & 1) connection->close();
                else connection->abort();
            }
            net::Datagram datagram;
            (void)socket.receive(datagram);
        }
        socket.close();
        stack.tcp().close(*listener);
        stack.flush();
    }
    require(memory.pool.free_fragments() == options.fragments && memory.pool.free_small() == options.small_buffers &&
            memory.pool.free_large() == options.large_buffers);
}

}  // namespace
}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    eremite::test::Input input{data, size};
    eremite::test::run(input);
    return 0;
}
