#pragma once
// vsock(7): stream sockets between machines. One lock guards them all and the endpoint; the device's interrupts take it, too.
#include "libos/sched/timer.hpp"
#include "libos/sched/wait_queue.hpp"
#include "libos/socket/socket.hpp"
#include "libos/socket/vsock/endpoint.hpp"

namespace eremite::socket::vsock {

// What this machine has of them.
struct Machine {
    // Starts the device when a program first asks. Requires: the lock.
    void start();
    // After something that may have set a deadline, or have brought one nearer. Requires: the lock.
    void watch_deadlines();

    struct DeadlineTimer : sched::Timer {
        constexpr explicit DeadlineTimer(Machine& owner) : Timer{expired}, machine{owner} {}
        static void expired(sched::Timer& timer);
        Machine& machine;
    };

    sync::Spinlock lock{sync::Rank::File};
    Endpoint endpoint;
    DeadlineTimer timer{*this};
    bool started = false;
};
[[nodiscard]] Machine& machine();

// SO_VM_SOCKETS_*.
struct Settings {
    uint64_t buffer = 262'144, least_buffer = 128, most_buffer = 262'144;
    Duration connect_timeout = default_connect_timeout;

    static constexpr Duration default_connect_timeout = Duration::seconds(2);
    [[nodiscard]] uint32_t buffer_bytes() const { return static_cast<uint32_t>(std::min<uint64_t>(buffer, UINT32_MAX)); }
};

class VsockSocket final : public Socket, public Watcher {
public:
    explicit VsockSocket(uint32_t flags) : Socket{AF_VSOCK, SOCK_STREAM, flags} {}
    ~VsockSocket() override;

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> listen(int backlog) override;
    [[nodiscard]] Result<Ref<Socket>> accept(uint32_t flags, bool may_wait) override;
    [[nodiscard]] bool listening() const override { return port_.listening; }
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
    void changed(uint32_t events) override;

private:
    // All of these require the lock.
    [[nodiscard]] bool in_state(Stream::State state) const { return stream_ && stream_->state == state; }
    // It has, or had, a peer.
    [[nodiscard]] bool connected() const { return in_state(Stream::State::Established) || in_state(Stream::State::Ended); }
    [[nodiscard]] Result<void> bind_locked(Address wanted);
    [[nodiscard]] Result<void> ask(std::span<const uint8_t> address);
    void drop_stream();
    [[nodiscard]] Result<void> wait(bool may_wait, Instant deadline);
    // Why nothing can be sent; 0: it can.
    [[nodiscard]] int send_error() const;
    [[nodiscard]] Result<size_t> send_locked(Message& message);
    // Copies what is there. EFAULT.
    [[nodiscard]] Result<size_t> take(Message& message);
    void set_buffer(uint64_t bytes);

    Settings settings_;
    Port port_;
    Stream* stream_ = nullptr;  // this socket's
    bool shut_ = false;  // by the program, in one direction at least
    sched::WaitQueue waiting_;
    fs::ReadinessSource source_;
};

}  // namespace eremite::socket::vsock
