#include "tests/unit/netstack/network.hpp"

#include "netstack/wire/ethernet.hpp"

namespace eremite::test {

Network::Network(const LinkOptions& options, const HostOptions& a_options, const HostOptions& b_options)
    : link{options}, a{1, a_options}, b{2, b_options}, random_{options.seed} {
    a.stack.advance(now_);
    b.stack.advance(now_);
    a.device.sent = [this](Bytes bytes, const net::Offload& offload) { transmit(true, std::move(bytes), offload); };
    b.device.sent = [this](Bytes bytes, const net::Offload& offload) { transmit(false, std::move(bytes), offload); };
    const bool fine = a.interface->add_address(a4, 24).ok() && b.interface->add_address(b4, 24).ok() && a.interface->add_address(a6, 64).ok() &&
                      b.interface->add_address(b6, 64).ok();
    if (!fine) std::abort();
    run_for(Duration::seconds(2));  // duplicate address detection
}

void Network::transmit(bool from_a, Bytes bytes, const net::Offload& offload) {
    ++frames;
    longest_frame = std::max<uint64_t>(longest_frame, bytes.size());
    if (!connected || (filter && !filter(bytes, from_a))) return;
    if (random_.below(1000) < link.loss) {
        ++dropped;
        return;
    }
    Instant leaves = now_;
    if (link.bits_per_second) {
        Instant& free_at = free_at_[from_a];
        const auto duration = [&](size_t size) { return Duration{static_cast<int64_t>(size * 8 * 1'000'000'000 / link.bits_per_second)}; };
        const Duration time = duration(bytes.size());
        // The queue is of frames as they are on the wire, however large what waits was handed in: a short one is not dropped before a long one.
        constexpr size_t full_frame = 1514;
        const auto waiting = static_cast<size_t>(std::max<int64_t>(0, (free_at - now_).ns) / std::max<int64_t>(1, duration(full_frame).ns));
        if (waiting > link.queue) {
            ++dropped;
            return;
        }
        if (link.mark && waiting > link.queue / 2 && bytes.size() > 34 && bytes[12] == 8 && (bytes[15] & 3) != 0) {
            // CE, with the checksum of the IPv4 header.
            auto& header = *reinterpret_cast<net::Ipv4Header*>(&bytes[14]);
            header.traffic_class |= 3;
            net::write_ipv4(header, net::Ipv4Address{header.source}, net::Ipv4Address{header.destination},
                            static_cast<net::Protocol>(header.protocol), header.total_length, header.ttl, header.traffic_class,
                            header.identification, header.fragment);
            ++marked;
        }
        free_at = std::max(free_at, now_) + time;
        leaves = free_at;
    }
    const auto arrival = [&] {
        if (link.overtaking > 0 && random_.below(1000) < link.overtaking) return leaves;
        return leaves + link.delay +
               Duration{link.jitter.ns ? static_cast<int64_t>(random_.below(static_cast<uint64_t>(link.jitter.ns))) : 0};
    };
    const bool twice = random_.below(1000) < link.duplication;
    if (random_.below(1000) < link.corruption) bytes[random_.below(bytes.size())] ^= static_cast<uint8_t>(1U << random_.below(8));
    if (twice) frames_.emplace(arrival().ns, Frame{from_a, bytes, offload});
    frames_.emplace(arrival().ns, Frame{from_a, std::move(bytes), offload});
}

void Network::flush() {
    a.stack.flush();
    b.stack.flush();
}

bool Network::step(Instant limit) {
    flush();
    Instant next = std::min(a.stack.next_deadline(), b.stack.next_deadline());
    if (!frames_.empty()) next = std::min(next, Instant{frames_.begin()->first});
    if (next == Instant::never() || next > limit) return false;
    now_ = std::max(now_, next);
    a.stack.advance(now_);
    b.stack.advance(now_);
    while (!frames_.empty() && frames_.begin()->first <= now_.ns) {
        Frame frame = std::move(frames_.begin()->second);
        frames_.erase(frames_.begin());
        // Without a device that vouches for it, what comes from a wire is to be verified.
        const bool vouched = (frame.to_b ? a : b).device.capabilities().transmit_checksum;
        (frame.to_b ? b : a).receive(frame.bytes, vouched ? frame.offload : net::Offload{});
    }
    flush();
    return true;
}

bool Network::run(const std::function<bool()>& done, Duration limit) {
    const Instant end = now_ + limit;
    while (!done()) {
        if (step(end)) continue;
        // Nothing happens by itself any more, or not in time.
        flush();
        return done();
    }
    return true;
}

void Network::run_for(Duration time) {
    const Instant end = now_ + time;
    while (step(end)) {}
    now_ = end;
    a.stack.advance(now_);
    b.stack.advance(now_);
    flush();
}

void Network::settle() { run_for(Duration::milliseconds(200)); }

}  // namespace eremite::test
