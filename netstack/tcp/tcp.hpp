#pragma once
// TCP as a whole: which segment belongs to whom, ports, and connections on their way in and out of existence.
#include <array>

#include "netstack/tcp/binding.hpp"
#include "netstack/tcp/connection.hpp"
#include "netstack/tcp/listener.hpp"
#include "netstack/tcp/time_wait.hpp"

namespace eremite::net {

class TcpLayer {
public:
    TcpLayer(Stack& stack, const TcpConfiguration& configuration);
    ~TcpLayer();
    [[nodiscard]] Result<void> start();

    // binding.cpp. From here on the port is held, until the binding goes. Port 0: any that is free. EINVAL: it holds one; EADDRNOTAVAIL, EADDRINUSE.
    [[nodiscard]] Result<void> bind(tcp::Binding& binding, const Endpoint& local, const tcp::Sharing& sharing);
    // Whether connections, or what is left of them, have this port: with several shards, each has those of its own flows.
    [[nodiscard]] bool has_flows_at(const Endpoint& local, bool v6_only) const;
    // `local` may name an address, a port, both or neither. EADDRNOTAVAIL: no port is free; EADDRINUSE; ENETUNREACH; ENOBUFS.
    [[nodiscard]] Result<tcp::Connection*> connect(const Endpoint& local, const Endpoint& remote, const tcp::Settings& settings,
                                                   Observer* observer);
    // EADDRINUSE, ENOBUFS. Port 0: any that is free.
    [[nodiscard]] Result<tcp::Listener*> listen(const Endpoint& local, uint32_t backlog, const tcp::Settings& settings, Observer* observer);
    // Connections that nobody accepted are reset.
    void close(tcp::Listener& listener);

    // As if all users had shut their connections down for writing.
    void end_streams();

    void receive(const IpReceived& ip, Packet&& packet);
    [[nodiscard]] bool knows(const Endpoint& local, const Endpoint& remote, uint32_t sequence);
    void receive_error(const Endpoint& local, const Endpoint& remote, uint32_t sequence, int error, uint16_t mtu);
    // The end of a batch; and whether something is left for the next one.
    void flush();
    [[nodiscard]] bool has_work() const { return !pending_.empty(); }

    [[nodiscard]] Stack& stack() const { return stack_; }
    [[nodiscard]] const TcpConfiguration& configuration() const { return configuration_; }
    [[nodiscard]] size_t connections() const { return connections_.used(); }
    [[nodiscard]] size_t requests() const { return requests_.used(); }
    [[nodiscard]] size_t time_waits() const { return time_waits_.used(); }
    [[nodiscard]] uint64_t cookies_sent() const { return cookies_sent_; }
    // What there is, in no order, for those who list it. Functions must not change anything.
    template <typename Function>
    void for_each_connection(Function function) const {
        table_.for_each([&](tcp::FlowEntry& entry) {
            if (entry.kind == tcp::FlowKind::Connection) function(static_cast<const tcp::Connection&>(entry));
        });
    }
    template <typename Function>
    void for_each_time_wait(Function function) const {
        for (const tcp::TimeWait& entry : waiting_) function(entry);
    }
    template <typename Function>
    void for_each_listener(Function function) const {
        for (const auto& bucket : listening_)
            for (const tcp::Listener& listener : bucket) function(listener);
    }

private:
    friend class tcp::Connection;
    friend struct tcp::Request;
    using Segment = tcp::Segment;
    using FlowKey = tcp::FlowKey;

    // For connections.
    [[nodiscard]] tcp::SentQueue::Pool& sent_segments() { return sent_segments_; }
    [[nodiscard]] List<tcp::PendingNode, tcp::PendingNode>& pending() { return pending_; }
    [[nodiscard]] uint32_t initial_sequence(const FlowKey& key);
    [[nodiscard]] uint32_t timestamp_offset(const FlowKey& key) const;
    [[nodiscard]] uint8_t receive_scale(const tcp::Settings& settings) const;
    void negotiate(tcp::Negotiated& agreed, const Segment& segment, const TcpOptions& options, bool is_answer) const;
    void send_syn(const FlowKey& key, const Path& path, const tcp::Negotiated& agreed, bool is_answer, uint32_t acknowledgement,
                  const tcp::Settings& settings, uint32_t window, uint32_t timestamp);
    // The answer to a segment that belongs to nothing (RFC 9293 section 3.10.7.1).
    void send_reset(const FlowKey& key, const Segment& segment);
    void forget(tcp::Connection& connection) { table_.remove(connection); }
    void add_time_wait(const FlowKey& key, const tcp::TimeWaitState& state);
    void wait_for_memory(tcp::Connection& connection);

    // binding.cpp
    [[nodiscard]] bool is_held(uint16_t port) const;
    [[nodiscard]] bool can_bind(const Endpoint& local, const tcp::Sharing& sharing);
    // listener.cpp
    [[nodiscard]] tcp::Listener* find_listener(const Endpoint& local, const Endpoint& remote);
    [[nodiscard]] bool can_listen(const Endpoint& local, bool reuse_port, bool v6_only);
    void receive_syn(tcp::Listener& listener, const FlowKey& key, const Segment& segment, uint32_t initial);
    void answer(tcp::Request& request);
    void request_timeout(tcp::Request& request);
    void receive_for_request(tcp::Request& request, const Segment& segment, Packet&& packet);
    [[nodiscard]] tcp::Connection* promote(tcp::Listener& listener, const FlowKey& key, const tcp::Negotiated& agreed, const Segment& segment);
    void remove_request(tcp::Request& request);
    // cookies.cpp
    void send_cookie(tcp::Listener& listener, const FlowKey& key, const Segment& segment, const tcp::Negotiated& agreed);
    [[nodiscard]] bool check_cookie(tcp::Listener& listener, const FlowKey& key, const Segment& segment, tcp::Negotiated& agreed) const;
    [[nodiscard]] uint32_t cookie(const FlowKey& key, uint32_t remote_initial, uint32_t minute, uint32_t mss_index) const;
    // time_wait.cpp
    // True: the segment is dealt with; false: it opens the connection anew, which may begin at `initial`.
    [[nodiscard]] bool receive_in_time_wait(tcp::TimeWait& entry, const Segment& segment, uint32_t& initial);
    void expire_time_waits();
    void remove_time_wait(tcp::TimeWait& entry);
    [[nodiscard]] bool reuse_time_wait(const FlowKey& key);

    [[nodiscard]] Result<uint16_t> ephemeral_port(const FlowKey& key);
    void send_bare(const FlowKey& key, uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t window, const TcpOptions& options,
                   const Path* path, const tcp::Settings& settings);
    void destroy(tcp::Connection& connection);

    struct TimeWaitTimer : Timer {
        explicit TimeWaitTimer(TcpLayer& l) : Timer{[](Timer& t) { static_cast<TimeWaitTimer&>(t).layer.expire_time_waits(); }}, layer{l} {}
        TcpLayer& layer;
    };
    static constexpr size_t listener_buckets = 64;

    Stack& stack_;
    const TcpConfiguration configuration_;
    tcp::FlowTable table_;
    ObjectPool<tcp::Connection> connections_;
    ObjectPool<tcp::Request> requests_;
    ObjectPool<tcp::TimeWait> time_waits_;
    ObjectPool<tcp::Listener> listeners_{4096};
    tcp::SentQueue::Pool sent_segments_;
    std::array<List<tcp::Listener, tcp::Listener>, listener_buckets> listening_{};
    std::array<List<tcp::Binding, tcp::Binding>, listener_buckets> bound_{};
    List<tcp::PendingNode, tcp::PendingNode> pending_{};
    List<tcp::TimeWait, tcp::TimeWait> waiting_{};
    TimeWaitTimer time_wait_timer_{*this};
    uint64_t cookies_sent_ = 0;
};

}  // namespace eremite::net
