#include "libos/socket/inet/tcp_info.hpp"

#include <linux/tcp.h>

#include <algorithm>
#include <cstring>

namespace eremite::socket {

namespace {

uint32_t microseconds(Duration duration) { return static_cast<uint32_t>(std::clamp<int64_t>(duration.ns / 1000, 0, UINT32_MAX)); }

}  // namespace

uint8_t linux_state(net::tcp::State state) {
    using net::tcp::State;
    switch (state) {
        case State::Established: return 1;
        case State::SynSent: return 2;
        case State::SynReceived: return 3;
        case State::FinWait1: return 4;
        case State::FinWait2: return 5;
        case State::Closed: return 7;
        case State::CloseWait: return 8;
        case State::LastAck: return 9;
        case State::Closing: return 11;
    }
    __builtin_unreachable();
}

size_t write_tcp_info(const net::tcp::Connection* connection, bool listening, std::span<uint8_t> buffer) {
    constexpr uint8_t closed = 7, listen = 10;
    tcp_info info{};
    info.tcpi_state = listening ? listen : closed;
    if (connection) {
        const net::tcp::Info i = connection->info();
        // Linux counts segments; a part of one counts.
        const uint32_t mss = std::max(i.send_mss, 1u);
        const auto segments = [mss](uint32_t bytes) { return bytes / mss + (bytes % mss != 0 ? 1 : 0); };
        constexpr uint32_t no_threshold = 0x7fff'ffff;
        info.tcpi_state = linux_state(i.state);
        info.tcpi_ca_state = i.in_loss ? TCP_CA_Loss : i.in_recovery ? TCP_CA_Recovery : i.reordering ? TCP_CA_Disorder : TCP_CA_Open;
        info.tcpi_backoff = i.backoff;
        info.tcpi_options = static_cast<uint8_t>((i.timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (i.sack ? TCPI_OPT_SACK : 0) |
                                                 (i.scaling ? TCPI_OPT_WSCALE : 0) | (i.ecn ? TCPI_OPT_ECN : 0));
        info.tcpi_snd_wscale = i.send_scale & 15;
        info.tcpi_rcv_wscale = i.receive_scale & 15;
        info.tcpi_rto = microseconds(i.timeout);
        info.tcpi_snd_mss = i.send_mss;
        info.tcpi_rcv_mss = i.receive_mss;
        info.tcpi_unacked = segments(i.unacknowledged);
        info.tcpi_sacked = segments(i.sacked);
        info.tcpi_lost = segments(i.lost);
        info.tcpi_pmtu = i.path_mtu;
        info.tcpi_rtt = microseconds(i.rtt);
        info.tcpi_rttvar = microseconds(i.rtt_variance);
        info.tcpi_min_rtt = microseconds(i.smallest_rtt);
        info.tcpi_snd_ssthresh = i.threshold >= no_threshold ? no_threshold : i.threshold / mss;
        info.tcpi_snd_cwnd = i.congestion_window / mss;
        info.tcpi_rcv_space = i.receive_window;
        info.tcpi_total_retrans = i.counters.retransmissions;
        info.tcpi_bytes_acked = i.counters.bytes_acknowledged;
        info.tcpi_bytes_received = i.counters.bytes_received;
        info.tcpi_bytes_sent = i.counters.bytes_sent;
        info.tcpi_bytes_retrans = i.counters.bytes_retransmitted;
        info.tcpi_segs_in = static_cast<uint32_t>(i.counters.segments_in);
        info.tcpi_segs_out = static_cast<uint32_t>(i.counters.segments_out);
        info.tcpi_snd_wnd = i.send_window;
    }
    const size_t size = std::min(buffer.size(), sizeof info);
    std::memcpy(buffer.data(), &info, size);
    return size;
}

}  // namespace eremite::socket
