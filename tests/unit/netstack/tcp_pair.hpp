#pragma once
// Two ends of a TCP connection over the simulated network, and a transfer between them.
#include "tests/unit/netstack/network.hpp"

namespace eremite::test {

inline uint8_t pattern(uint64_t at) { return static_cast<uint8_t>((at * 0x9e37'79b9'7f4a'7c15) >> 56); }

struct TcpPair {
    explicit TcpPair(Network& n, bool v6 = false, const net::tcp::Settings& settings = {}) : network{n} {
        const net::Endpoint at{v6 ? n.b6 : n.b4, 80};
        listener = n.b.stack.tcp().listen(at, 16, settings, &listener_events).value();
        client = n.a.stack.tcp().connect({}, at, settings, &client_events).value();
        const bool connected =
            n.run([&] { return listener->readable() && client->state() >= net::tcp::State::Established; }, Duration::seconds(100));
        if (!connected) return;
        server = listener->accept();
        server->set_observer(&server_events);
    }
    ~TcpPair() {
        if (client) client->abort();
        if (server) server->abort();
        network.b.stack.tcp().close(*listener);
        network.a.stack.flush();
        network.b.stack.flush();
    }

    // Sends `size` bytes one way in pieces of `piece`; each byte that arrives is checked. Returns the virtual time it took; 0: it
    // did not arrive in time or was wrong.
    Duration transfer(uint64_t size, size_t piece, bool to_server = true, Duration limit = Duration::seconds(600)) {
        net::tcp::Connection &from = to_server ? *client : *server, &to = to_server ? *server : *client;
        const Instant start = network.now();
        uint64_t sent = 0, received = 0;
        bool wrong = false;
        Bytes buffer(piece);
        const auto pump = [&] {
            while (sent < size) {
                const size_t n = std::min<uint64_t>(piece, size - sent);
                for (size_t i = 0; i < n; ++i) buffer[i] = pattern(sent + i);
                Source source{{buffer.data(), n}};
                const auto written = from.send(source, n);
                if (!written.ok()) break;
                sent += written.value();
            }
            Sink sink;
            const auto read = to.receive(sink, SIZE_MAX);
            if (read.ok())
                for (const uint8_t byte : sink.bytes) wrong |= byte != pattern(received++);
            return received >= size || wrong;
        };
        const bool done = network.run(pump, limit);
        return done && !wrong && received == size ? network.now() - start : Duration{};
    }

    Network& network;
    Events listener_events, client_events, server_events;
    net::tcp::Listener* listener = nullptr;
    net::tcp::Connection* client = nullptr;
    net::tcp::Connection* server = nullptr;
};

}  // namespace eremite::test
