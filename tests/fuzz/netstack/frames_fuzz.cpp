// Frames as the fuzzer likes, with checksums set right so that they get far, for a host of two shards. Input: for each frame a length, what it is
// mostly, and its bytes; between them time passes. In the end all memory is back.
#include <deque>

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

HostOptions small_host() {
    HostOptions options;
    options.fragments = 512, options.small_buffers = 128, options.large_buffers = 8;
    options.tcp = {.most_connections = 64, .most_requests = 16, .most_time_waits = 16, .most_sent_segments = 256, .flow_buckets = 64};
    return options;
}

// One of the two; what it has for the other waits until settle().
class FuzzedShard final : public net::OtherShards {
public:
    FuzzedShard(uint32_t index, FuzzedShard* (&all)[2], net::PacketPool& memory)
        : pool{memory}, all_{all}, device_{{.mac = Host::mac(1)}}, index_{index} {
        require(stack.start().ok());
        interface = stack.add_interface(device_).value();
        all[index] = this;
    }
    void hand_over(uint32_t, const net::Interface& from, const net::Packet& packet) override {
        if (waiting_.size() < 64) waiting_.push_back({from.index(), bytes_of(packet), packet.offload(), {}, false});
    }
    Result<void> join(const net::Interface& from, const net::IpAddress& group) override {
        waiting_.push_back({from.index(), {}, {}, group, true});
        return {};
    }
    void leave(const net::Interface& from, const net::IpAddress& group) override { waiting_.push_back({from.index(), {}, {}, group, false}); }

    void receive(const Bytes& frame) {
        net::Packet packet = pool.allocate_data(static_cast<uint32_t>(frame.size()));
        // In two pieces now and then.
        const size_t cut = frame.size() % 3 ? frame.size() : frame.size() / 2;
        if (!packet || !packet.append_copy(std::span{frame}.first(cut))) return;
        net::Packet rest = pool.allocate_data(64);
        if (cut < frame.size() && rest && rest.append_copy(std::span{frame}.subspan(cut))) packet.append(std::move(rest));
        stack.receive(*interface, std::move(packet));
    }
    // Whether something was handed over.
    bool settle() {
        stack.flush();
        if (stack.take_settings_change() && index_ == 0) all_[1]->stack.adopt(stack);
        if (waiting_.empty()) return false;
        const Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        FuzzedShard& other = *all_[1 - index_];
        net::Interface& there = *other.stack.interface(next.interface);
        if (next.bytes.empty()) {
            if (next.joins) (void)there.join(next.group);
            else there.leave(next.group);
            return true;
        }
        net::Packet packet = other.pool.allocate_data(static_cast<uint32_t>(next.bytes.size()));
        if (!packet || !packet.append_copy(next.bytes)) return true;
        packet.offload() = next.offload;
        packet.offload().handed = next.offload.handed + 1;
        other.stack.receive_handed(there, std::move(packet));
        return true;
    }

    net::PacketPool& pool;

private:
    struct Waiting {
        uint32_t interface;
        Bytes bytes;
        net::Offload offload;
        net::IpAddress group;
        bool joins;
    };
    FuzzedShard* (&all_)[2];
    std::deque<Waiting> waiting_;
    TestDevice device_;
    const uint32_t index_;

public:
    net::Stack stack{pool, {.secret = {1, 2}, .tcp = small_host().tcp, .shard = {.index = index_, .count = 2, .others = this}}};
    net::Interface* interface = nullptr;
};

void settle(FuzzedShard& a, FuzzedShard& b) {
    while (a.settle() || b.settle()) {}
}

void run(Input& input, net::PacketPool& first_pool, net::PacketPool& second_pool) {
    FuzzedShard* all[2]{};
    FuzzedShard first{0, all, first_pool}, second{1, all, second_pool};
    Instant now{1'000'000'000};
    const auto advance = [&](Duration time) {
        now = now + time;
        for (FuzzedShard* shard : all) shard->stack.advance(now);
        settle(first, second);
    };
    advance({});
    net::Interface& interface = *first.interface;
    require(interface.add_address(own4, 24).ok() && interface.add_address(own6, 64).ok() && first.stack.ndp().enable(interface).ok());
    advance(Duration::seconds(2));
    Quiet quiet;
    net::tcp::Listener* listeners[2];
    // A port of either, and one of the second.
    for (int i = 0; i < 2; ++i) listeners[i] = all[i]->stack.tcp().listen({net::IpAddress{}, 0x5050}, 4, {}, &quiet).value();
    net::UdpSocket sockets[] = {{first.stack.udp(), quiet}, {second.stack.udp(), quiet}};
    require(sockets[0].bind({net::IpAddress{}, 0x5050}).ok() && sockets[1].bind({net::IpAddress{}, 0x5051}).ok());
    while (!input.empty()) {
        const Bytes frame = frame_of(input);
        all[frame.size() >> 1 & 1]->receive(frame);
        if (frame.back() & 1) settle(first, second);
        if ((frame.back() & 0x1e) == 0x1e) advance(Duration::milliseconds(int64_t{1} << (frame.size() & 15)));
        for (net::tcp::Listener* listener : listeners) {
            net::tcp::Connection* const connection = listener->accept();
            if (!connection) continue;
            Sink sink;
            (void)connection->receive(sink, SIZE_MAX);
            if (frame.size() & 1) connection->close();
            else connection->abort();
        }
        net::Datagram datagram;
        for (net::UdpSocket& socket : sockets) (void)socket.receive(datagram);
    }
    for (int i = 0; i < 2; ++i) {
        sockets[i].close();
        all[i]->stack.tcp().close(*listeners[i]);
    }
    settle(first, second);
}

void run(Input& input) {
    const HostOptions options = small_host();
    PoolMemory memory[] = {{options.fragments, options.small_buffers, options.large_buffers}, {options.fragments, options.small_buffers, options.large_buffers}};
    run(input, memory[0].pool, memory[1].pool);
    for (const PoolMemory& m : memory)
        require(m.pool.free_fragments() == options.fragments && m.pool.free_small() == options.small_buffers && m.pool.free_large() == options.large_buffers);
}

}  // namespace
}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    eremite::test::Input input{data, size};
    eremite::test::run(input);
    return 0;
}
