#pragma once
// Machines with endpoints, and wires between them that keep packets until they are carried over.
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "libos/socket/vsock/endpoint.hpp"

namespace eremite::test {

using socket::vsock::Address;
using socket::vsock::Endpoint;
using socket::vsock::Header;
using socket::vsock::Packet;
using socket::vsock::Port;
using socket::vsock::Stream;
using State = socket::vsock::Stream::State;

class Wire final : public socket::vsock::Link {
public:
    void send(std::unique_ptr<Packet> packet) override { packets.push_back(std::move(packet)); }
    [[nodiscard]] std::unique_ptr<Packet> take() {
        if (packets.empty()) return {};
        std::unique_ptr<Packet> first = std::move(packets.front());
        packets.pop_front();
        return first;
    }
    // What they are, in order.
    [[nodiscard]] std::vector<int> operations() const {
        std::vector<int> all;
        for (const auto& packet : packets) all.push_back(packet->header.op);
        return all;
    }
    std::deque<std::unique_ptr<Packet>> packets;
};

// Notes what it hears.
class Listener final : public socket::vsock::Watcher {
public:
    void changed(uint32_t what) override { events |= what; }
    uint32_t events = 0;
};

struct TestMachine {
    explicit TestMachine(uint32_t cid, bool connected = true) {
        if (connected) endpoint.attach(&wire, cid);
    }
    ~TestMachine() {
        // A machine lives for ever; its streams do not.
        while (!streams.empty()) close(*streams.back());
        for (const auto& port : ports) endpoint.unbind(*port);
        endpoint.reset_all();
        (void)endpoint.expire(Instant{INT64_MAX - 1});
    }
    TestMachine(const TestMachine&) = delete;
    TestMachine& operator=(const TestMachine&) = delete;

    Port& listen(uint32_t number, uint32_t backlog = 8, uint32_t buffer = 65536) {
        Port& port = *ports.emplace_back(std::make_unique<Port>());
        EXPECT_TRUE(endpoint.bind(port, {VMADDR_CID_ANY, number}, 0).ok());
        port.listening = true;
        port.backlog = backlog;
        port.buffer = buffer;
        port.watcher = &listener;
        return port;
    }
    Stream* accept(Port& port) {
        Stream* const stream = endpoint.accept(port);
        if (stream) own(*stream);
        return stream;
    }
    Stream& connect(Address to, uint32_t from = 5000, uint32_t buffer = 65536) {
        auto& stream = *new Stream{buffer};
        own(stream);
        EXPECT_TRUE(endpoint.connect(stream, from, to, now + Duration::seconds(2)).ok());
        return stream;
    }
    void own(Stream& stream) {
        stream.watcher = &listener;
        streams.push_back(&stream);
    }
    void close(Stream& stream) {
        std::erase(streams, &stream);
        endpoint.close(stream, now);
    }
    // As much of it as there is room for; returns the rest.
    std::string_view send(Stream& stream, std::string_view text) {
        const uint32_t size = static_cast<uint32_t>(std::min<size_t>(text.size(), Endpoint::room(stream)));
        if (size == 0) return text;
        auto packet = Packet::create(size);
        std::memcpy(packet->data().data(), text.data(), size);
        endpoint.send(stream, std::move(packet));
        return text.substr(size);
    }
    std::string read(Stream& stream, size_t most = SIZE_MAX) {
        std::string text;
        while (stream.incoming.size() != 0 && text.size() < most) {
            const auto piece = stream.incoming.piece(0).first(std::min(stream.incoming.piece(0).size(), most - text.size()));
            text.append(piece.begin(), piece.end());
            endpoint.consume(stream, piece.size());
        }
        return text;
    }
    void hear(const Packet& packet, std::span<const uint8_t> data) { endpoint.receive(packet.header, data); }

    Wire wire;
    Endpoint endpoint;
    Listener listener;
    Instant now{};
    std::vector<std::unique_ptr<Port>> ports;
    std::vector<Stream*> streams;
};

}  // namespace eremite::test
