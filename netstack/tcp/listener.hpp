#pragma once
// A socket that listens: connections that peers are opening, and those that wait to be accepted. Both queues are bounded by the
// backlog; when the first is full, SYNs are answered with cookies (RFC 4987 section 3.6) and nothing is kept.
#include "netstack/observer.hpp"
#include "netstack/tcp/connection.hpp"

namespace eremite::net::tcp {

// A connection that a peer is opening: its SYN came and was answered.
struct Request final : FlowEntry, Timer, ListNode<Request> {
    Request(TcpLayer& l, const FlowKey& flow, Listener& to);
    ~Request();
    TcpLayer& layer;
    Listener& listener;
    Negotiated agreed{};
    uint8_t retries = 0;
    Instant answered{};
};

class Listener : public ListNode<Listener> {
public:
    // Null: nobody waits. The connection is its caller's from now on; it may have ended already.
    [[nodiscard]] Connection* accept();
    [[nodiscard]] bool readable() const { return !accepted_.empty(); }
    void set_backlog(uint32_t backlog) { backlog_ = backlog == 0 ? 1 : backlog; }
    [[nodiscard]] uint32_t backlog() const { return backlog_; }
    [[nodiscard]] uint32_t waiting() const { return waiting_; }
    [[nodiscard]] const Endpoint& local() const { return local_; }
    void set_observer(Observer* observer) { observer_ = observer; }
    [[nodiscard]] const Observer* observer() const { return observer_; }
    // What accepted connections start with.
    Settings settings{};

private:
    friend class eremite::net::TcpLayer;
    friend struct Request;
    template <typename T>
    friend class eremite::net::ObjectPool;
    Listener(const Endpoint& local, uint32_t backlog, const Settings& s, Observer* observer)
        : settings{s}, local_{local}, backlog_{backlog == 0 ? 1 : backlog}, observer_{observer} {}
    [[nodiscard]] bool full() const { return waiting_ > backlog_; }

    Endpoint local_;
    uint32_t backlog_;
    uint32_t waiting_ = 0;
    uint32_t request_count_ = 0;
    Instant last_cookie_{};  // never if zero
    Observer* observer_;
    List<Request, Request> requests_{};
    List<AcceptNode, AcceptNode> accepted_{};
};

}  // namespace eremite::net::tcp
