#pragma once
// Sockets between threads of the program (unix(7)). One lock guards all of them, with which they find each other, so that pointers
// to a socket are good as long as the lock is held: a socket that ends takes it to make itself forgotten.
#include "libos/sched/wait_queue.hpp"
#include "libos/socket/local_name.hpp"
#include "libos/socket/packet_queue.hpp"

namespace eremite::socket {

struct ByPeer;    // datagram sockets that are connected to one
struct ByAccept;  // connections that wait to be accepted

class LocalSocket final : public Socket, public ListNode<ByPeer>, public ListNode<ByAccept> {
public:
    LocalSocket(int type, uint32_t flags) : Socket{AF_UNIX, type, flags} {}
    ~LocalSocket() override;

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> listen(int backlog) override;
    [[nodiscard]] Result<Ref<Socket>> accept(uint32_t flags, bool may_wait) override;
    [[nodiscard]] bool listening() const override { return listening_; }
    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int how) override;
    [[nodiscard]] int take_error() override;
    [[nodiscard]] Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) override;
    [[nodiscard]] Result<size_t> option(int level, int name, std::span<uint8_t> value) override;
    [[nodiscard]] Result<void> set_option(int level, int name, std::span<const uint8_t> value) override;
    [[nodiscard]] uint32_t readiness() override;
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &source_; }
    [[nodiscard]] Result<size_t> queued(bool outgoing) override;
    [[nodiscard]] bool is_connected() const { return connected_; }
    // Makes two that are fresh each other's peers.
    static void join(LocalSocket& a, LocalSocket& b);

private:
    static constexpr unsigned no_receive = 1, no_send = 2;  // of shut_
    [[nodiscard]] bool is_stream() const { return type() == SOCK_STREAM; }
    [[nodiscard]] bool connected_type() const { return type() != SOCK_DGRAM; }
    [[nodiscard]] Result<void> bind_to_free_name();

    // The rest requires the lock.
    // Why nothing can be sent to `other` now; 0: it can.
    [[nodiscard]] int send_error(const LocalSocket* other);
    [[nodiscard]] static Result<void> wait(sched::WaitQueue& queue, bool may_wait, Instant deadline);
    [[nodiscard]] Result<size_t> send_stream(Message& message);
    [[nodiscard]] Result<size_t> send_record(Message& message, const LocalAddress& to);
    [[nodiscard]] Result<size_t> receive_stream(Message& message, List<Packet>& used);
    [[nodiscard]] Result<size_t> receive_record(Message& message, List<Packet>& used);
    void enqueue(LocalSocket& listener, const Ref<LocalSocket>& end);
    void set_peer(LocalSocket* peer);
    void tell(uint32_t events);
    void tell_of_room();

    PacketQueue incoming_;
    unsigned shut_ = 0;
    int error_ = 0;
    bool listening_ = false;
    bool connected_ = false;
    std::atomic<bool> pass_credentials_{false};
    LocalSocket* peer_ = nullptr;  // null though connected: it has gone
    Ref<LocalName> name_, peer_name_;
    List<LocalSocket, ByPeer> senders_;    // datagram sockets whose peer this is
    List<LocalSocket, ByAccept> waiting_;  // to be accepted; the list has a reference to each
    uint32_t waiting_count_ = 0, backlog_ = 0;
    sched::WaitQueue readers_, room_;  // who waits for something to come, and for room to put something
    fs::ReadinessSource source_;
};

struct SocketPair {
    Ref<fs::File> first, second;
};
// `type`: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. `flags`: O_NONBLOCK of both. ENOMEM.
[[nodiscard]] Result<SocketPair> create_local_pair(int type, uint32_t flags);

}  // namespace eremite::socket
