#include "netstack/tcp/tcp.hpp"

#include <algorithm>

#include "netstack/stack.hpp"
#include "netstack/wire/checksum.hpp"

namespace eremite::net {

using tcp::Connection;
using tcp::FlowEntry;
using tcp::FlowKind;
using tcp::Negotiated;
using tcp::Settings;

TcpLayer::TcpLayer(Stack& stack, const TcpConfiguration& configuration)
    : stack_{stack}, configuration_{configuration}, table_{stack.secret()}, connections_{configuration.most_connections},
      requests_{configuration.most_requests}, time_waits_{configuration.most_time_waits}, sent_segments_{configuration.most_sent_segments} {}

TcpLayer::~TcpLayer() {
    // The host has closed its sockets; what is left is what went on by itself.
    table_.for_each([this](FlowEntry& entry) {
        switch (entry.kind) {
            case FlowKind::Connection: destroy(static_cast<Connection&>(entry)); break;
            case FlowKind::Request: remove_request(static_cast<tcp::Request&>(entry)); break;
            case FlowKind::TimeWait: remove_time_wait(static_cast<tcp::TimeWait&>(entry)); break;
        }
    });
    while (tcp::PendingNode* node = pending_.front()) destroy(*static_cast<Connection*>(node));
    for (auto& bucket : listening_)
        while (tcp::Listener* listener = bucket.pop_front()) listeners_.destroy(*listener);
    stack_.timers().cancel(time_wait_timer_);
}

Result<void> TcpLayer::start() { return table_.start(configuration_.flow_buckets); }

void TcpLayer::destroy(Connection& connection) {
    connection.finish();
    connections_.destroy(connection);
}

uint32_t TcpLayer::initial_sequence(const FlowKey& key) {
    // RFC 6528: a clock of four microseconds, and for each flow a place that nobody can guess.
    const auto& remote = key.remote.address;
    const auto& local = key.local.address;
    const uint64_t place = KeyedHash{stack_.secret()}.add(remote.high()).add(remote.low()).add(local.high()).add(local.low())
                               .add(uint64_t{key.remote.port} << 16 | key.local.port).finish();
    return static_cast<uint32_t>(place) + static_cast<uint32_t>(stack_.now().ns / 4000);
}

uint32_t TcpLayer::timestamp_offset(const FlowKey& key) const {
    // By addresses alone, so that a later connection's timestamps are later (RFC 7323 section 5.4, RFC 6191).
    return static_cast<uint32_t>(KeyedHash{stack_.secret()}
                                     .add(key.remote.address.high())
                                     .add(key.remote.address.low())
                                     .add(key.local.address.low() ^ 0x7473)
                                     .finish());
}

uint8_t TcpLayer::receive_scale(const Settings& settings) const {
    const size_t most = std::max(settings.receive_buffer, settings.receive_buffer_fixed ? size_t{0} : configuration_.most_receive_buffer);
    uint8_t scale = 0;
    while (scale < TcpOptions::largest_scale && (size_t{65535} << scale) < most) ++scale;
    return scale;
}

void TcpLayer::negotiate(Negotiated& agreed, const Segment& segment, const TcpOptions& options, bool is_answer) const {
    constexpr uint16_t smallest = 88;  // smaller ones are an attack (CVE-2019-11479)
    agreed.remote_mss = std::max<uint16_t>(options.mss ? options.mss : 536, smallest);
    agreed.scaling = options.has_window_scale;
    agreed.remote_scale = options.window_scale;
    agreed.sack = options.sack_permitted;
    agreed.timestamps = options.has_timestamps;
    agreed.recent_timestamp = options.timestamp;
    // RFC 3168 section 6.1.1: a SYN asks with both bits, an answer grants with one.
    const bool ece = segment.has(TcpHeader::ece), cwr = segment.has(TcpHeader::cwr);
    agreed.ecn = is_answer ? agreed.ecn && ece && !cwr : ece && cwr;
}

void TcpLayer::send_bare(const FlowKey& key, uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t window,
                         const TcpOptions& options, const Path* path, const Settings& settings) {
    Path found;
    if (!path) {
        const Result<Path> result = stack_.ip().find_path(key.remote.address, key.local.address, settings.interface);
        if (!result.ok()) return stack_.count(Drop::NoRoute);
        found = result.value();
        path = &found;
    }
    Packet packet = Packet::allocate(stack_.pool());
    if (!packet) return stack_.count(Drop::NoMemory);
    std::array<uint8_t, 40> bytes;
    const size_t option_length = write_tcp_options(bytes.data(), options);
    const auto length = static_cast<uint32_t>(sizeof(TcpHeader) + option_length);
    uint8_t* to = packet.push_front(length);
    auto& header = *reinterpret_cast<TcpHeader*>(to);
    header = {key.local.port, key.remote.port, sequence, acknowledgement, static_cast<uint8_t>(length / 4 << 4), flags, window, 0, 0};
    __builtin_memcpy(to + sizeof(TcpHeader), bytes.data(), option_length);
    ChecksumSum sum;
    sum.add_pseudo_header(key.local.address, key.remote.address, static_cast<uint8_t>(Protocol::Tcp), length);
    header.checksum.set_raw(sum.folded());
    packet.offload() = {.checksum_start = 0, .checksum_offset = offsetof(TcpHeader, checksum), .header_length = static_cast<uint16_t>(length),
                        .checksum = ChecksumState::Partial};
    (void)stack_.ip().send(*path, std::move(packet),
                           {.source = key.local.address, .destination = key.remote.address, .protocol = Protocol::Tcp, .ttl = settings.ttl,
                            .traffic_class = static_cast<uint8_t>(settings.traffic_class & ~ecn_mask), .dont_fragment = true});
}

void TcpLayer::send_syn(const FlowKey& key, const Path& path, const Negotiated& agreed, bool is_answer, uint32_t acknowledgement,
                        const Settings& settings, uint32_t window, uint32_t timestamp) {
    TcpOptions options;
    const size_t headers = (key.remote.address.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + sizeof(TcpHeader);
    options.mss = static_cast<uint16_t>(std::max<size_t>(path.interface->mtu(), headers + 88) - headers);
    if (settings.most_segment) options.mss = std::min(options.mss, settings.most_segment);
    // A SYN offers all; an answer has what was offered.
    options.has_window_scale = !is_answer || agreed.scaling;
    options.window_scale = agreed.local_scale;
    options.sack_permitted = !is_answer || agreed.sack;
    options.has_timestamps = !is_answer || agreed.timestamps;
    options.timestamp = timestamp;
    options.timestamp_echo = is_answer ? agreed.recent_timestamp : 0;
    uint8_t flags = TcpHeader::syn;
    if (is_answer) flags |= static_cast<uint8_t>(TcpHeader::ack | (agreed.ecn ? TcpHeader::ece : 0));
    else if (agreed.ecn) flags |= TcpHeader::ece | TcpHeader::cwr;
    send_bare(key, flags, agreed.local_initial, acknowledgement, static_cast<uint16_t>(std::min<uint32_t>(window, 65535)), options, &path,
              settings);
}

void TcpLayer::send_reset(const FlowKey& key, const Segment& segment) {
    if (segment.has(TcpHeader::rst)) return;
    if (segment.has(TcpHeader::ack)) send_bare(key, TcpHeader::rst, segment.acknowledgement, 0, 0, {}, nullptr, {});
    else send_bare(key, TcpHeader::rst | TcpHeader::ack, 0, segment.sequence + segment.span(), 0, {}, nullptr, {});
}

void TcpLayer::end_streams() {
    table_.for_each([](tcp::FlowEntry& entry) {
        // One that is not open yet has nothing to end.
        if (entry.kind == tcp::FlowKind::Connection) (void)static_cast<tcp::Connection&>(entry).shutdown(false, true);
    });
}

void TcpLayer::receive(const IpReceived& ip, Packet&& packet) {
    Segment segment;
    FlowKey key;
    if (ip.to_group) return stack_.count(Drop::BadAddress);  // RFC 9293 section 3.10.7: never by multicast or broadcast
    if (const Drop drop = parse_segment(ip, packet, segment, key.local, key.remote); drop != Drop::None) return stack_.count(drop);
    FlowEntry* entry = table_.find(key);
    uint32_t initial = 0;
    if (entry) {
        switch (entry->kind) {
            [[likely]] case FlowKind::Connection: return static_cast<Connection*>(entry)->receive(segment, std::move(packet));
            case FlowKind::Request: return receive_for_request(*static_cast<tcp::Request*>(entry), segment, std::move(packet));
            case FlowKind::TimeWait:
                if (receive_in_time_wait(*static_cast<tcp::TimeWait*>(entry), segment, initial)) return;
                break;
        }
    }
    tcp::Listener* listener = find_listener(key.local, key.remote);
    // The flow may be known elsewhere; all have the same listeners, so that it can begin here.
    if (!listener) {
        if (stack_.pass_around(ip.interface, packet)) return;
        stack_.count(Drop::NoListener);
        return send_reset(key, segment);
    }
    if (segment.has(TcpHeader::rst)) {
        (void)stack_.pass_around(ip.interface, packet);
        return;
    }
    if (segment.has(TcpHeader::ack)) {
        Negotiated agreed;
        if (segment.has(TcpHeader::syn) || !check_cookie(*listener, key, segment, agreed))
            return stack_.pass_around(ip.interface, packet) ? void() : send_reset(key, segment);
        if (Connection* connection = promote(*listener, key, agreed, segment)) connection->receive(segment, std::move(packet));
        return;
    }
    if (segment.has(TcpHeader::syn)) receive_syn(*listener, key, segment, initial);
}

bool TcpLayer::knows(const Endpoint& local, const Endpoint& remote, uint32_t sequence) {
    const FlowEntry* entry = table_.find({local, remote});
    if (!entry || entry->kind != FlowKind::Connection) return false;
    const auto& c = *static_cast<const Connection*>(entry);
    return seq_at_or_before(c.snd_una_, sequence) && seq_before(sequence, c.snd_nxt_);
}

void TcpLayer::receive_error(const Endpoint& local, const Endpoint& remote, uint32_t sequence, int error, uint16_t mtu) {
    FlowEntry* entry = table_.find({local, remote});
    if (entry && entry->kind == FlowKind::Connection) static_cast<Connection*>(entry)->receive_error(sequence, error, mtu);
}

Result<uint16_t> TcpLayer::ephemeral_port(const FlowKey& key) {
    FlowKey candidate = key;
    const uint16_t port = stack_.any_port([&](uint16_t p) {
        candidate.local.port = p;
        if (is_held(p) || find_listener(candidate.local, candidate.remote)) return false;
        return !table_.find(candidate) || reuse_time_wait(candidate);
    });
    if (port != 0) return port;
    return Error{EADDRNOTAVAIL};
}

Result<Connection*> TcpLayer::connect(const Endpoint& local, const Endpoint& remote, const Settings& settings, Observer* observer) {
    if (remote.port == 0 || remote.address.is_multicast()) return Error{remote.port == 0 ? EADDRNOTAVAIL : ENETUNREACH};
    IpAddress to = remote.address;
    // To nowhere is to ourselves, as everywhere since 4.2BSD.
    if (to.is_unspecified()) to = to.is_v4() ? IpAddress{Ipv4Address::of(127, 0, 0, 1)} : loopback_v6;
    const IpAddress from = local.address.is_unspecified() ? IpAddress{} : local.address;
    if (!from.is_unspecified() && from.is_v4() != to.is_v4()) return Error{EINVAL};
    const Path path = TRY(stack_.ip().find_path(to, from, settings.interface));
    if (path.interface->is_broadcast(to)) return Error{ENETUNREACH};
    FlowKey key{{path.source, local.port}, {to, remote.port}};
    if (key.local.port == 0) key.local.port = TRY(ephemeral_port(key));
    else if (table_.find(key) && !reuse_time_wait(key)) return Error{EADDRNOTAVAIL};
    Connection* connection = connections_.create(*this, key);
    if (!connection) return Error{ENOBUFS};
    connection->settings = settings;
    connection->observer_ = observer;
    connection->agreed_.ecn = configuration_.ecn;
    table_.insert(*connection);
    connection->open_actively(stack_.now());
    return connection;
}

void TcpLayer::wait_for_memory(Connection& connection) {
    // Memory comes back as packets leave and are acknowledged, in some milliseconds. The user is told then, and not before: it would try again
    // and again.
    constexpr Duration wait = Duration::milliseconds(5);
    connection.awaits_memory_ = true;
    if (connection.retransmit_kind_ == Connection::RetransmitKind::None || connection.sent_.empty())
        connection.set_retransmission(Connection::RetransmitKind::Timeout, stack_.now() + wait);
}

void TcpLayer::flush() {
    // Those that want more work while they work come again in the next batch.
    List<tcp::PendingNode, tcp::PendingNode> batch;
    while (tcp::PendingNode* node = pending_.pop_front()) batch.push_back(*node);
    while (tcp::PendingNode* node = batch.pop_front()) {
        auto& connection = *static_cast<Connection*>(node);
        connection.work();
        if (connection.state_ == tcp::State::Closed && connection.orphan_) destroy(connection);
    }
}

}  // namespace eremite::net
