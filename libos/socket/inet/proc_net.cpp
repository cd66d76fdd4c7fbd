// What /proc/net and /proc/sys/net tell (proc(5), section "/proc/[pid]/net").
#include <netinet/tcp.h>

#include <algorithm>
#include <array>

#include "libos/fs/proc/network.hpp"
#include "libos/socket/inet/inet_socket.hpp"
#include "libos/socket/inet/interfaces.hpp"
#include "libos/socket/inet/tcp_info.hpp"
#include "libos/socket/inet/tcp_listeners.hpp"

namespace eremite::socket {

namespace {

using fs::proc::Entry;
using Kind = Entry::Kind;

void write_hexadecimal(TextSink& out, uint64_t value, size_t width) {
    std::array<char, 16> digits;
    for (size_t i = width; i-- > 0; value >>= 4) digits[i] = "0123456789ABCDEF"[value & 15];
    out.write({digits.data(), width});
}

// A line that is filled up with spaces to a fixed length, as Linux does so that programs can seek.
class Line {
public:
    explicit Line(TextSink& out) : out_{out} {}
    [[nodiscard]] TextSink& text() { return line_; }
    void finish(size_t width) {
        out_.write(line_.view());
        for (size_t column = line_.view().size(); column < width; ++column) out_.write(" ");
        out_.write("\n");
    }

private:
    std::array<char, 256> bytes_;
    BufferSink line_{bytes_};
    TextSink& out_;
};

// Words of four bytes as the machine reads them.
void write_endpoint(TextSink& out, const net::Endpoint& endpoint, bool v6) {
    const uint8_t* const bytes = endpoint.address.bytes().data();
    // The unspecified address of IPv4 has nothing but zeros where IPv6 has something else.
    for (size_t word = v6 ? 0 : 3; word < 4; ++word) {
        const bool nothing = v6 && endpoint.address.is_v4() && endpoint.address.v4().is_unspecified();
        write_hexadecimal(out, nothing ? 0 : net::load_raw<uint32_t>(bytes + 4 * word), 8);
    }
    out.write(":");
    write_hexadecimal(out, endpoint.port, 4);
}

struct Row {
    const Socket* user;  // null: it is gone
    net::Endpoint local, remote;
    uint8_t state;
    size_t sending = 0, received = 0;
};

// Lists those of one family.
class SocketTable {
public:
    SocketTable(TextSink& out, bool v6, bool udp) : out_{out}, v6_{v6}, udp_{udp} {
        Line title{out};
        if (udp && !v6) title.text().write(" ");
        title.text().write(v6 ? "  sl  local_address                         remote_address                       "
                              : "  sl  local_address rem_address  ");
        title.text().write(" st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
        if (udp) title.text().write(" ref pointer drops");
        title.finish(width());
    }
    void add(const Row& row) {
        if ((row.user ? row.user->domain() == AF_INET6 : !row.local.address.is_v4()) != v6_) return;
        Line line{out_};
        TextSink& text = line.text();
        if (udp_) format(text, "{:>5}: ", number_);
        else format(text, "{:>4}: ", number_);
        ++number_;
        write_endpoint(text, row.local, v6_);
        text.write(" ");
        write_endpoint(text, row.remote, v6_);
        text.write(" ");
        write_hexadecimal(text, row.state, 2);
        text.write(" ");
        write_hexadecimal(text, row.sending, 8);
        text.write(":");
        write_hexadecimal(text, row.received, 8);
        format(text, " 00:00000000 00000000 {:>5} {:>8} {} {} 0000000000000000", 0, 0, row.user ? row.user->number() : 0, udp_ ? 2 : 1);
        text.write(udp_ ? " 0" : row.state == TCP_LISTEN ? " 100 0 0 10 0" : " 20 4 30 10 -1");
        line.finish(width());
    }

private:
    [[nodiscard]] size_t width() const { return v6_ ? 0 : udp_ ? 127 : 149; }
    TextSink& out_;
    const bool v6_, udp_;
    unsigned number_ = 0;
};

template <bool v6>
Result<void> write_tcp(TextSink& out) {
    SocketTable table{out, v6, false};
    constexpr uint8_t listening = TCP_LISTEN, waiting = TCP_TIME_WAIT;
    TRY(running_network())->for_each([&](network::Shard& shard) {
        const network::ShardGuard guard{shard};
        const net::TcpLayer& tcp = shard.stack().tcp();
        // All have the same listeners.
        if (shard.stack().is_first())
            tcp.for_each_listener([&](const net::tcp::Listener& l) { table.add({&TcpListeners::socket_of(*l.observer()), l.local(), {}, listening, 0, l.waiting()}); });
        tcp.for_each_connection([&](const net::tcp::Connection& c) {
            table.add({InetSocket::of(c.observer()), c.key.local, c.key.remote, linux_state(c.state()), c.unacknowledged_bytes(), c.readable_bytes()});
        });
        tcp.for_each_time_wait([&](const net::tcp::TimeWait& t) { table.add({nullptr, t.key.local, t.key.remote, waiting}); });
    });
    return {};
}

template <bool v6>
Result<void> write_udp(TextSink& out) {
    SocketTable table{out, v6, true};
    constexpr uint8_t connected = TCP_ESTABLISHED, other = TCP_CLOSE;
    TRY(running_network())->for_each([&](network::Shard& shard) {
        const network::ShardGuard guard{shard};
        shard.stack().udp().for_each([&](const net::UdpSocket& s) {
            table.add({InetSocket::of(s.observer()), s.local(), s.remote(), s.connected() ? connected : other, 0, s.queued_bytes()});
        });
    });
    return {};
}

// Raw sockets are not listed.
template <bool v6>
Result<void> write_raw(TextSink& out) {
    (void)SocketTable{out, v6, true};
    return {};
}

template <typename Write>
Result<void> for_each(TextSink& out, std::string_view title, Write write) {
    network::Shard& first = TRY(running_network())->first();
    out.write(title);
    const network::ShardGuard guard{first};
    for_each_interface(first.stack(), [&](net::Interface& interface) { write(first, interface, name_of(interface).view()); });
    return {};
}

Result<void> write_devices(TextSink& out) {
    constexpr std::string_view title = "Inter-|   Receive                                                |  Transmit\n"
                                       " face |bytes    packets errs drop fifo frame compressed multicast|"
                                       "bytes    packets errs drop fifo colls carrier compressed\n";
    return for_each(out, title, [&](network::Shard& first, net::Interface& interface, std::string_view name) {
        const net::InterfaceCounters c = counters_of(first.network(), interface);
        format(out, "{:>6}: {:>7} {:>7} {:>4} {:>4} {:>4} {:>5} {:>10} {:>9}", name, c.received_bytes, c.received_packets, 0, 0, 0, 0, 0, 0);
        format(out, " {:>8} {:>7} {:>4} {:>4} {:>4} {:>5} {:>7} {:>10}\n", c.sent_bytes, c.sent_packets, 0, c.send_drops, 0, 0, 0, 0);
    });
}

Result<void> write_v6_addresses(TextSink& out) {
    return for_each(out, {}, [&](network::Shard&, net::Interface& interface, std::string_view name) {
        for (const net::InterfaceAddress& a : interface.addresses()) {
            if (!a.in_use || a.address.is_v4()) continue;
            for (const uint8_t byte : a.address.bytes()) fs::proc::write_hexadecimal(out, byte, 2);
            const unsigned scope = a.address.is_loopback() ? 0x10 : a.address.is_link_local() ? 0x20 : 0;
            constexpr unsigned permanent = 0x80, tentative = 0x40, deprecated = 0x20;
            const unsigned flags = (a.from_router ? 0 : permanent) | (a.state == net::AddressState::Tentative    ? tentative
                                                                      : a.state == net::AddressState::Deprecated ? deprecated
                                                                                                                  : 0);
            for (const unsigned value : {interface.index(), static_cast<unsigned>(a.prefix_length), scope, flags}) {
                out.write(" ");
                fs::proc::write_hexadecimal(out, value, 2);
            }
            format(out, " {:>8}\n", name);
        }
    });
}

Result<void> write_routes(TextSink& out) {
    network::Network& network = *TRY(running_network());
    constexpr size_t width = 127;
    Line title{out};
    title.text().write("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    title.finish(width);
    const network::ShardGuard guard{network.first()};
    net::Stack& stack = network.first().stack();
    for (const net::Route& r : stack.ip().routes().routes()) {
        if (!r.prefix.is_v4() || r.interface == &stack.loopback()) continue;
        const unsigned length = r.length - net::v4_prefix_base;
        const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
        const uint32_t gateway = r.gateway.is_unspecified() ? 0 : r.gateway.v4().value;
        constexpr unsigned up = 1, by_gateway = 2;
        Line line{out};
        TextSink& text = line.text();
        const InterfaceName name = name_of(*r.interface);
        format(text, "{}\t", name.view());
        write_hexadecimal(text, __builtin_bswap32(r.prefix.v4().value & mask), 8);
        text.write("\t");
        write_hexadecimal(text, __builtin_bswap32(gateway), 8);
        text.write("\t");
        write_hexadecimal(text, up | (gateway != 0 ? by_gateway : 0), 4);
        format(text, "\t0\t0\t{}\t", r.metric);
        write_hexadecimal(text, __builtin_bswap32(mask), 8);
        text.write("\t0\t0\t0");
        line.finish(width);
    }
    return {};
}

Result<void> write_neighbours(TextSink& out) {
    constexpr std::string_view title = "IP address       HW type     Flags       HW address            Mask     Device\n";
    return for_each(out, title, [&](network::Shard&, net::Interface& interface, std::string_view name) {
        interface.neighbours().for_each([&](const net::Neighbour& n) {
            if (!n.address.is_v4()) return;
            std::array<char, 16> text;
            BufferSink address{text};
            const uint32_t value = n.address.v4().value;
            format(address, "{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
            const bool known = n.state != net::NeighbourState::Incomplete;
            format(out, "{:<16} 0x1         0x{}         ", address.view(), known ? 2 : 0);
            for (size_t i = 0; i < n.mac.bytes.size(); ++i) {
                if (i != 0) out.write(":");
                fs::proc::write_hexadecimal(out, n.mac.bytes[i], 2);
            }
            format(out, "     *        {}\n", name);
        });
    });
}

template <fs::proc::Text text>
constexpr Entry constant(std::string_view name) {
    return {name, Kind::File, fs::proc::write_constant<text>};
}

constexpr Entry files[] = {
    {"arp", Kind::File, write_neighbours},
    {"dev", Kind::File, write_devices},
    {"if_inet6", Kind::File, write_v6_addresses},
    {"raw", Kind::File, write_raw<false>},
    {"raw6", Kind::File, write_raw<true>},
    {"route", Kind::File, write_routes},
    {"tcp", Kind::File, write_tcp<false>},
    {"tcp6", Kind::File, write_tcp<true>},
    {"udp", Kind::File, write_udp<false>},
    {"udp6", Kind::File, write_udp<true>},
    {"unix", Kind::File, fs::proc::write_local_sockets},
};

// What servers look at, as it is.
constexpr Entry core_settings[] = {
    constant<"212992\n">("rmem_default"), constant<"212992\n">("rmem_max"), constant<"4096\n">("somaxconn"),
    constant<"212992\n">("wmem_default"), constant<"212992\n">("wmem_max"),
};
constexpr Entry v4_settings[] = {
    constant<"64\n">("ip_default_ttl"),
    constant<"0\n">("ip_forward"),
    constant<"32768\t60999\n">("ip_local_port_range"),
    constant<"0\t2147483647\n">("ping_group_range"),
    constant<"cubic\n">("tcp_congestion_control"),
    constant<"2\n">("tcp_ecn"),
    constant<"0\n">("tcp_fastopen"),
    constant<"60\n">("tcp_fin_timeout"),
    constant<"75\n">("tcp_keepalive_intvl"),
    constant<"9\n">("tcp_keepalive_probes"),
    constant<"7200\n">("tcp_keepalive_time"),
    constant<"4096\n">("tcp_max_syn_backlog"),
    constant<"4096\t131072\t6291456\n">("tcp_rmem"),
    constant<"1\n">("tcp_sack"),
    constant<"1\n">("tcp_syncookies"),
    constant<"1\n">("tcp_timestamps"),
    constant<"1\n">("tcp_window_scaling"),
    constant<"4096\t262144\t4194304\n">("tcp_wmem"),
};
constexpr Entry settings[] = {{"core", Kind::Directory, nullptr, core_settings}, {"ipv4", Kind::Directory, nullptr, v4_settings}};

}  // namespace
}  // namespace eremite::socket

namespace eremite::fs::proc {

std::span<const Entry> network_files() { return socket::files; }
std::span<const Entry> network_settings() { return socket::settings; }

}  // namespace eremite::fs::proc
