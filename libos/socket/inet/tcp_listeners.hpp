#pragma once
// The listeners of one socket: one in each shard, since connections begin wherever their SYN arrives.
#include <array>
#include <atomic>

#include "libos/network/network.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/socket/inet/inet_socket.hpp"

namespace eremite::socket {

class TcpListeners {
public:
    // `source` is told of connections that may be accepted; both live longer.
    TcpListeners(const InetSocket& socket, network::Network& network, fs::ReadinessSource& source);

    [[nodiscard]] bool active() const { return active_.load(std::memory_order_relaxed); }
    // These leave the guard in some shard. EADDRINUSE, ENOBUFS: nobody listens then. `settings`: without an interface.
    [[nodiscard]] Result<void> start(network::ShardGuard& guard, const net::Endpoint& local, uint32_t backlog, const net::tcp::Settings& settings,
                                     uint32_t interface);
    // Connections that nobody accepted are reset.
    void stop(network::ShardGuard& guard);
    void change(network::ShardGuard& guard, const net::tcp::Settings& settings, uint32_t interface);
    void set_backlog(network::ShardGuard& guard, uint32_t backlog);

    // The next connection that waits, of this CPU's shard first: `guard` is in the connection's then. Null: there is none.
    [[nodiscard]] net::tcp::Connection* accept(network::ShardGuard& guard);
    [[nodiscard]] bool readable();
    // Until there may be one, if nothing happened since notifications() gave `seen`. Requires: no shard's lock is held.
    [[nodiscard]] sched::Wakeup wait(uint32_t seen, Instant deadline);
    [[nodiscard]] uint32_t notifications() const { return notifications_.load(std::memory_order_acquire); }

    // Whose listener it is that this observes.
    [[nodiscard]] static const InetSocket& socket_of(const net::Observer& observer) { return static_cast<const Entry&>(observer).owner->socket_; }

private:
    struct Entry final : net::Observer {
        void notify(uint32_t) override { owner->note(shard); }
        TcpListeners* owner = nullptr;
        uint32_t shard = 0;
        net::tcp::Listener* listener = nullptr;  // guarded by the shard's lock
    };
    void note(uint32_t shard);
    [[nodiscard]] static net::tcp::Settings with_interface(net::tcp::Settings settings, const network::Shard& shard, uint32_t interface);
    template <typename Function>
    void for_each(network::ShardGuard& guard, Function function);

    const InetSocket& socket_;
    network::Network& network_;
    fs::ReadinessSource& source_;
    std::array<Entry, net::Shard::most> entries_{};
    std::atomic<bool> active_{false};
    std::atomic<uint32_t> notifications_{0};
    sync::Spinlock lock_{sync::Rank::NetworkInbox};  // guards the rest
    uint32_t ready_ = 0;  // a bit for each shard in which connections may wait
    sched::WaitQueue waiting_;
};

}  // namespace eremite::socket
