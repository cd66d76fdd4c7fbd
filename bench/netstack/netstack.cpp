// What the network stack costs for each packet: two stacks in one process, whose devices hand packets to each other without copies.
// Both sides are measured together: a message is sent, received, and acknowledged.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "base/panic.hpp"
#include "netstack/stack.hpp"

namespace eremite {

void panic(std::string_view message) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
    std::abort();
}

namespace {

class PeerDevice final : public net::Device {
public:
    explicit PeerDevice(const net::Capabilities& c) : Device{c} {}
    [[nodiscard]] bool transmit(net::Packet& packet) override {
        ++packets;
        to_peer.push(std::move(packet));
        return true;
    }
    net::PacketQueue to_peer{};
    uint64_t packets = 0;
};

net::Capabilities capabilities(uint8_t number, uint32_t segmentation) {
    net::Capabilities c;
    c.mac = {{2, 0, 0, 0, 0, number}};
    c.transmit_checksum = c.receive_checksum = true;
    c.tcp4_segmentation = segmentation;
    return c;
}

struct Side {
    Side(uint8_t number, uint32_t segmentation) : memory(48 << 20), device{capabilities(number, segmentation)}, stack{pool, {{number, 7}, {}}} {
        auto* at = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t{63});
        pool.add_fragments({at, 16 << 20});
        pool.add_small({at + (16 << 20), 8 << 20});
        pool.add_large({at + (24 << 20), 16 << 20});
        stack.advance({1'000'000'000});
        if (!stack.start().ok()) std::abort();
        interface = stack.add_interface(device).value();
        if (!interface->add_address(net::Ipv4Address::of(10, 0, 0, number), 24).ok()) std::abort();
        const uint8_t peer = 3 - number;
        if (!interface->neighbours().add_permanent(net::Ipv4Address::of(10, 0, 0, peer), {{2, 0, 0, 0, 0, peer}}).ok()) std::abort();
    }
    std::vector<uint8_t> memory;
    net::PacketPool pool;
    PeerDevice device;
    net::Stack stack;
    net::Interface* interface = nullptr;
};

class Source final : public net::ByteSource {
public:
    explicit Source(std::span<const uint8_t> bytes) : bytes_{bytes} {}
    Result<void> read(std::span<uint8_t> to) override {
        __builtin_memcpy(to.data(), bytes_.data(), to.size());
        bytes_ = bytes_.subspan(to.size());
        return {};
    }

private:
    std::span<const uint8_t> bytes_;
};

class Sink final : public net::ByteSink {
public:
    explicit Sink(uint8_t* to) : to_{to} {}
    Result<void> write(std::span<const uint8_t> from) override {
        __builtin_memcpy(to_, from.data(), from.size());
        to_ += from.size();
        return {};
    }

private:
    uint8_t* to_;
};

struct Pair {
    explicit Pair(uint32_t segmentation) : a{1, segmentation}, b{2, segmentation}, buffer(1 << 20) {
        net::tcp::Settings settings;
        settings.no_delay = true;
        const net::Endpoint at{net::Ipv4Address::of(10, 0, 0, 2), 80};
        listener = b.stack.tcp().listen(at, 4, settings, nullptr).value();
        client = a.stack.tcp().connect({}, at, settings, nullptr).value();
        for (int i = 0; i < 10; ++i) turn();
        server = listener->accept();
        if (!server) std::abort();
    }
    static void move(Side& from, Side& to) {
        while (net::Packet packet = from.device.to_peer.pop()) {
            packet.offload().checksum = net::ChecksumState::Verified;
            to.stack.receive(*to.interface, std::move(packet));
        }
    }
    void turn() {
        a.stack.flush();
        move(a, b);
        b.stack.flush();
        move(b, a);
        now = now + Duration::microseconds(20);
        a.stack.advance(now);
        b.stack.advance(now);
    }
    // One side writes and the other has it in the end; no turn of the clock.
    void pass(Side& from, net::tcp::Connection& sender, Side& to, net::tcp::Connection& receiver, size_t size) {
        Source source{{buffer.data(), size}};
        if (!sender.send(source, size).ok()) std::abort();
        from.stack.flush();
        move(from, to);
        Sink sink{buffer.data()};
        if (!receiver.receive(sink, size).ok()) std::abort();
    }

    Side a, b;
    Instant now{1'000'000'000};
    std::vector<uint8_t> buffer;
    net::tcp::Listener* listener = nullptr;
    net::tcp::Connection* client = nullptr;
    net::tcp::Connection* server = nullptr;
};

void report(benchmark::State& state, const Pair& pair, uint64_t packets_before) {
    state.counters["packets/s"] = benchmark::Counter(static_cast<double>(pair.a.device.packets + pair.b.device.packets - packets_before),
                                                     benchmark::Counter::kIsRate);
}

// There and back: each side sends one packet and receives one, which carries the acknowledgement.
void ping_pong(benchmark::State& state) {
    Pair pair{0};
    const auto size = static_cast<size_t>(state.range(0));
    const uint64_t before = pair.a.device.packets + pair.b.device.packets;
    for (auto _ : state) {
        pair.pass(pair.a, *pair.client, pair.b, *pair.server, size);
        pair.pass(pair.b, *pair.server, pair.a, *pair.client, size);
        pair.now = pair.now + Duration::microseconds(20);
        pair.a.stack.advance(pair.now);
        pair.b.stack.advance(pair.now);
    }
    report(state, pair, before);
}

// One way, in messages of a size; with and without segmentation in the device.
void stream(benchmark::State& state) {
    Pair pair{state.range(1) ? 65000U : 0U};
    const auto size = static_cast<size_t>(state.range(0));
    const uint64_t before = pair.a.device.packets + pair.b.device.packets;
    uint64_t bytes = 0;
    for (auto _ : state) {
        Source source{{pair.buffer.data(), size}};
        if (const auto sent = pair.client->send(source, size); sent.ok()) bytes += sent.value();
        pair.turn();
        Sink sink{pair.buffer.data()};
        (void)pair.server->receive(sink, pair.buffer.size());
    }
    state.SetBytesProcessed(static_cast<int64_t>(bytes));
    report(state, pair, before);
}

void udp_ping_pong(benchmark::State& state) {
    Pair pair{0};
    struct Silent final : net::Observer {
        void notify(uint32_t) override {}
    } silent;
    net::UdpSocket a{pair.a.stack.udp(), silent}, b{pair.b.stack.udp(), silent};
    const net::Endpoint to_a{net::Ipv4Address::of(10, 0, 0, 1), 1000}, to_b{net::Ipv4Address::of(10, 0, 0, 2), 1000};
    if (!a.bind(to_a).ok() || !b.bind(to_b).ok() || !a.connect(to_b).ok() || !b.connect(to_a).ok()) std::abort();
    const uint64_t before = pair.a.device.packets + pair.b.device.packets;
    for (auto _ : state) {
        net::Datagram datagram;
        Source there{{pair.buffer.data(), 1}};
        if (!a.send(there, 1, nullptr).ok()) std::abort();
        Pair::move(pair.a, pair.b);
        if (!b.receive(datagram)) std::abort();
        Source back{{pair.buffer.data(), 1}};
        if (!b.send(back, 1, nullptr).ok()) std::abort();
        Pair::move(pair.b, pair.a);
        if (!a.receive(datagram)) std::abort();
    }
    report(state, pair, before);
}

void connections(benchmark::State& state) {
    Pair pair{0};
    for (auto _ : state) {
        net::tcp::Connection* client = pair.a.stack.tcp().connect({}, {net::Ipv4Address::of(10, 0, 0, 2), 80}, {}, nullptr).value();
        for (int i = 0; i < 2; ++i) pair.turn();
        net::tcp::Connection* server = pair.listener->accept();
        if (!server) std::abort();
        pair.pass(pair.a, *client, pair.b, *server, 100);
        pair.pass(pair.b, *server, pair.a, *client, 100);
        server->close();
        pair.turn();
        client->close();
        // So much that sequence numbers and timestamps go on between connections of the same ports.
        pair.now = pair.now + Duration::milliseconds(5);
        for (int i = 0; i < 3; ++i) pair.turn();
    }
}

BENCHMARK(ping_pong)->Arg(1)->Arg(64)->Arg(1400);
BENCHMARK(udp_ping_pong);
BENCHMARK(stream)->ArgNames({"size", "segmentation"})->Args({64, 0})->Args({1448, 0})->Args({65536, 0})->Args({65536, 1});
BENCHMARK(connections);

}  // namespace
}  // namespace eremite

BENCHMARK_MAIN();
