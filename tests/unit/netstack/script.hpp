#pragma once
// Scripts in the spirit of packetdrill: each line injects a segment, expects one, calls a socket function or checks something.
// Time is virtual and exact. Sequence numbers are relative to each side's SYN. See scripts/README.md.
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "netstack/wire/tcp.hpp"
#include "tests/unit/netstack/host.hpp"

namespace eremite::test {

class Script {
public:
    Script();
    ~Script();
    // Empty, or what is wrong, with the number of the line.
    std::string run(const std::string& text);

private:
    struct Sent {
        net::TcpHeader header;
        net::TcpOptions options;
        uint32_t length;
        uint8_t traffic_class;
        uint16_t segment_size;
        Instant at;
    };
    std::string line(const std::string& text);
    std::string inject(std::istream& words);
    std::string expect(std::istream& words);
    std::string command(const std::string& name, std::istream& words);
    std::string call(const std::string& name, std::istream& words);
    void start();
    void advance(Duration time);
    void flush() { host_->stack.flush(); }
    void capture(const Bytes& frame, const net::Offload& offload);
    static std::string describe(const Sent& sent, uint32_t ours, uint32_t theirs);
    [[nodiscard]] net::tcp::Connection* connection() const { return connection_; }

    HostOptions options_{};
    net::tcp::Settings settings_{};
    std::unique_ptr<Host> host_;
    Events events_{};
    std::deque<Sent> sent_;
    net::tcp::Listener* listener_ = nullptr;
    net::tcp::Connection* connection_ = nullptr;
    Instant now_{10'000'000'000};
    Instant reference_ = now_;  // of the last event
    net::Endpoint ours_{net::Ipv4Address::of(192, 0, 2, 1), 8080}, theirs_{net::Ipv4Address::of(192, 0, 2, 2), 5000};
    uint32_t our_initial_ = 0, their_initial_ = 1000000;
    uint32_t our_timestamp_ = 0;    // the last that we sent
    uint32_t first_timestamp_ = 0;  // of our SYN
    uint64_t written_ = 0;
    bool closed_ = false;
};

}  // namespace eremite::test
