// Connections that peers open: from the SYN to accept().
#include "netstack/tcp/listener.hpp"

#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net {

using tcp::Connection;
using tcp::Listener;
using tcp::Negotiated;
using tcp::Request;

tcp::Request::Request(TcpLayer& l, const FlowKey& flow, Listener& to)
    : FlowEntry{FlowKind::Request, flow}, Timer{[](Timer& timer) {
          auto& request = static_cast<Request&>(timer);
          request.layer.request_timeout(request);
      }},
      layer{l}, listener{to} {
    to.requests_.push_back(*this);
    ++to.request_count_;
}

tcp::Request::~Request() {
    layer.stack().timers().cancel(*this);
    ListNode<Request>::unlink();
    --listener.request_count_;
}

tcp::Connection* tcp::Listener::accept() {
    AcceptNode* node = accepted_.pop_front();
    if (!node) return nullptr;
    --waiting_;
    auto* connection = static_cast<Connection*>(node);
    connection->listener_ = nullptr;
    connection->orphan_ = false;
    return connection;
}

bool TcpLayer::can_listen(const Endpoint& local, bool reuse_port, bool v6_only) {
    for (Listener& other : listening_[local.port % listener_buckets]) {
        if (other.local_.port != local.port || (other.settings.reuse_port && reuse_port)) continue;
        if (addresses_overlap(other.local_.address, other.settings.v6_only, local.address, v6_only)) return false;
    }
    return true;
}

Result<Listener*> TcpLayer::listen(const Endpoint& local, uint32_t backlog, const tcp::Settings& settings, Observer* observer) {
    Endpoint at = local;
    if (!at.address.is_unspecified() && !stack_.is_own(at.address)) return Error{EADDRNOTAVAIL};
    const auto is_free = [&](uint16_t port) { return can_listen({at.address, port}, settings.reuse_port, settings.v6_only); };
    if (local.port == 0) at.port = stack_.any_port([&](uint16_t port) { return !is_held(port) && is_free(port); });
    if (at.port == 0 || !is_free(at.port)) return Error{EADDRINUSE};
    Listener* listener = listeners_.create(at, backlog, settings, observer);
    if (!listener) return Error{ENOBUFS};
    listening_[at.port % listener_buckets].push_back(*listener);
    return listener;
}

void TcpLayer::close(Listener& listener) {
    while (Request* request = listener.requests_.front()) remove_request(*request);
    while (Connection* connection = listener.accept()) connection->abort();
    listener.unlink();
    listeners_.destroy(listener);
}

Listener* TcpLayer::find_listener(const Endpoint& local, const Endpoint& remote) {
    Listener* best = nullptr;
    bool best_exact = false;
    uint32_t equals = 0;
    for (Listener& l : listening_[local.port % listener_buckets]) {
        if (l.local_.port != local.port) continue;
        const IpAddress& address = l.local_.address;
        const bool exact = address == local.address;
        const bool any = address.is_unspecified() && (address.is_v4() ? local.address.is_v4() : !(local.address.is_v4() && l.settings.v6_only));
        if ((!exact && !any) || (best_exact && !exact)) continue;
        if (!best || (exact && !best_exact)) {
            best = &l;
            best_exact = exact;
            equals = 1;
            continue;
        }
        // Those that share the port each get their part of the flows.
        const uint64_t hash = KeyedHash{stack_.secret()}.add(remote.address.low()).add(uint64_t{remote.port} << 16 | local.port).finish();
        if ((hash >> 32) * ++equals >> 32 == 0) best = &l;
    }
    return best;
}

void TcpLayer::receive_syn(Listener& listener, const FlowKey& key, const Segment& segment, uint32_t initial) {
    if (listener.full()) return stack_.count(Drop::QueueFull);
    TcpOptions options;
    parse_tcp_options(segment.options, options);
    Negotiated agreed;
    agreed.remote_initial = segment.sequence;
    agreed.local_initial = initial ? initial : initial_sequence(key);
    agreed.timestamp_offset = timestamp_offset(key);
    agreed.local_scale = receive_scale(listener.settings);
    negotiate(agreed, segment, options, false);
    Request* request = listener.request_count_ < std::max<uint32_t>(listener.backlog_, 8) ? requests_.create(*this, key, listener) : nullptr;
    if (!request) return send_cookie(listener, key, segment, agreed);
    request->agreed = agreed;
    request->answered = stack_.now();
    table_.insert(*request);
    answer(*request);
    stack_.timers().set(*request, stack_.now() + Duration::seconds(1));
}

void TcpLayer::answer(Request& request) {
    const Result<Path> path = stack_.ip().find_path(request.key.remote.address, request.key.local.address, request.listener.settings.interface);
    if (!path.ok()) return stack_.count(Drop::NoRoute);
    const auto& settings = request.listener.settings;
    const size_t window = settings.receive_buffer ? settings.receive_buffer : configuration_.initial_receive_buffer;
    const uint32_t timestamp = static_cast<uint32_t>(stack_.now().ns / 1'000'000) + request.agreed.timestamp_offset;
    Negotiated agreed = request.agreed;
    if (request.retries > 1) agreed.ecn = false;
    send_syn(request.key, path.value(), agreed, true, agreed.remote_initial + 1, settings,
             static_cast<uint32_t>(std::min<size_t>(window, 65535)), timestamp);
}

void TcpLayer::request_timeout(Request& request) {
    if (request.retries >= configuration_.synack_retries) return remove_request(request);
    ++request.retries;
    answer(request);
    stack_.timers().set(request, stack_.now() + Duration::seconds(int64_t{1} << request.retries));
}

void TcpLayer::remove_request(Request& request) {
    table_.remove(request);
    requests_.destroy(request);
}

// RFC 9293 section 3.10.7.4 for SYN-RECEIVED, with RFC 5961.
void TcpLayer::receive_for_request(Request& request, const Segment& segment, Packet&& packet) {
    const Negotiated& agreed = request.agreed;
    const uint32_t next = agreed.remote_initial + 1;
    const size_t window =
        request.listener.settings.receive_buffer ? request.listener.settings.receive_buffer : configuration_.initial_receive_buffer;
    const bool inside = segment.sequence - next < std::min<size_t>(window, 65535);
    if (segment.has(TcpHeader::rst)) {
        if (segment.sequence == next) remove_request(request);
        return;
    }
    if (segment.has(TcpHeader::syn)) {
        // Our answer was lost; not more often than a clock would repeat it.
        if (segment.sequence == agreed.remote_initial && stack_.now() - request.answered >= Duration::milliseconds(100)) {
            request.answered = stack_.now();
            answer(request);
        }
        return;
    }
    if (!segment.has(TcpHeader::ack)) return;
    if (segment.acknowledgement != agreed.local_initial + 1) return send_reset(request.key, segment);
    if (!inside) return stack_.count(Drop::BadSequence);
    TcpOptions options;
    parse_tcp_options(segment.options, options);
    if (agreed.timestamps && (!options.has_timestamps || seq_before(options.timestamp, agreed.recent_timestamp)))
        return stack_.count(Drop::BadOption);
    Listener& listener = request.listener;
    // Too many wait to be accepted: the peer will send again.
    if (listener.full()) return stack_.count(Drop::QueueFull);
    const Negotiated copy = agreed;
    const tcp::FlowKey key = request.key;
    const Duration round_trip = request.retries == 0 ? stack_.now() - request.answered : Duration{};
    remove_request(request);
    Connection* connection = promote(listener, key, copy, segment);
    if (!connection) return;
    if (round_trip.ns != 0) connection->rtt_.add(round_trip, stack_.now());
    connection->receive(segment, std::move(packet));
}

Connection* TcpLayer::promote(Listener& listener, const FlowKey& key, const Negotiated& agreed, const Segment& segment) {
    if (listener.full()) {
        stack_.count(Drop::QueueFull);
        return nullptr;
    }
    Connection* connection = connections_.create(*this, key);
    if (!connection) {
        stack_.count(Drop::NoMemory);
        return nullptr;
    }
    table_.insert(*connection);
    connection->open_passively(agreed, listener.settings, segment.window);
    connection->listener_ = &listener;
    listener.accepted_.push_back(*connection);
    ++listener.waiting_;
    if (listener.observer_) listener.observer_->notify(event::readable);
    return connection;
}

}  // namespace eremite::net
