#pragma once
// Two hosts and the wire between them, in virtual time: frames are lost, doubled, delayed and overtake each other as a seed says.
#include <map>

#include "tests/unit/netstack/host.hpp"

namespace eremite::test {

struct LinkOptions {
    Duration delay = Duration::microseconds(50);  // one way
    Duration jitter{};                            // up to this much more, so that frames overtake each other
    unsigned loss = 0, duplication = 0, corruption = 0;  // of a thousand frames
    unsigned overtaking = 0;                      // of a thousand frames: they are not delayed, as with tc-netem(8)
    uint64_t bits_per_second = 0;                 // 0: without limit
    size_t queue = 1000;                          // frames that wait at the slow end
    bool mark = false;                            // CE instead of a drop when half of the queue is full
    uint64_t seed = 1;
};

class Network {
public:
    explicit Network(const LinkOptions& link = {}, const HostOptions& a_options = {}, const HostOptions& b_options = {});

    // Handles the next event: what is due by then. False: there is none.
    bool step(Instant limit = Instant::never());
    // Until `done` or for so much virtual time; returns whether it was done.
    bool run(const std::function<bool()>& done, Duration limit = Duration::seconds(60));
    void run_for(Duration time);
    void settle();
    [[nodiscard]] Instant now() const { return now_; }

    LinkOptions link;
    Host a, b;
    net::IpAddress a4 = net::Ipv4Address::of(10, 0, 0, 1), b4 = net::Ipv4Address::of(10, 0, 0, 2);
    net::IpAddress a6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 1}), b6 = net::IpAddress::v6({0xfd00, 0, 0, 0, 0, 0, 0, 2});
    // Sees each frame before it goes; false drops it. Second: from a.
    std::function<bool(Bytes&, bool)> filter;
    uint64_t frames = 0, dropped = 0, marked = 0, longest_frame = 0;
    bool connected = true;

private:
    struct Frame {
        bool to_b;
        Bytes bytes;
        net::Offload offload;
    };
    void transmit(bool from_a, Bytes bytes, const net::Offload& offload);
    void flush();

    Random random_;
    Instant now_{1'000'000'000};
    Instant free_at_[2]{};
    std::multimap<int64_t, Frame> frames_;
};

}  // namespace eremite::test
