#pragma once
// The stack at work: its lock, its clock, its memory and its interfaces. Sockets, drivers and timers come to it by a NetworkGuard.
#include "libos/network/nic.hpp"
#include "libos/sched/idle_task.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sync/spinlock.hpp"
#include "netstack/stack.hpp"

namespace eremite::network {

class Network final : private Nic::Listener {
public:
    // Packets get an eighth of the machine's memory at most. `capture` sees them all. ENOMEM.
    [[nodiscard]] static Result<void> start(net::Capture* capture = nullptr);
    // Null before.
    [[nodiscard]] static Network* running() { return instance_; }

    [[nodiscard]] net::Stack& stack() { return stack_; }
    // Guards all of it; what sockets wait for as well.
    [[nodiscard]] sync::Spinlock& lock() override { return lock_; }

    // Makes an interface of it, without addresses. Called without the lock. ENOMEM, ENOSPC, EIO.
    [[nodiscard]] Result<net::Interface*> add(Card& card);
    // Before the machine ends: ends all streams, and waits a few seconds at most until others have what was sent (finish.cpp).
    void finish();
    [[nodiscard]] Nic* nic_of(const net::Interface& interface) const;

private:
    friend class NetworkGuard;
    friend class QuickNetworkGuard;
    struct Port {
        Nic* nic = nullptr;
        net::Interface* interface = nullptr;
    };
    struct Clock : sched::Timer {
        explicit Clock(Network& owner);
        Network& network;
    };

    // What is left of a busy interface when threads have their turn.
    struct Rest : sched::IdleTask {
        explicit Rest(Network& owner);
        Network& network;
    };

    Network(uint64_t pages, const net::Configuration& configuration) : stack_{pool_, configuration}, pages_left_{pages} {}
    void attention(Nic& nic) override;
    // `late`: threads had the CPU for longer than is good for the interface.
    void serve(Port& port, bool late);
    void serve_all(bool late);
    // These require the lock.
    void enter();
    void leave();
    [[nodiscard]] bool add_memory();
    [[nodiscard]] uint64_t undelivered();
    // Empty: there is none, or no more for packets.
    [[nodiscard]] std::span<std::byte> block(unsigned order);

    static constinit Network* instance_;

    sync::Spinlock lock_{sync::Rank::Network};
    net::PacketPool pool_;
    net::Stack stack_;
    std::array<Port, net::Stack::most_interfaces> ports_{};
    Clock clock_{*this};
    Rest rest_{*this};
    Instant clock_set_ = Instant::never();
    uint64_t pages_left_;  // that packets may have
    // Interfaces are looked at for some time after the last packet before they shall interrupt.
    Duration poll_time_{};
    Instant last_packet_{};
};

// While it lives, the stack is the caller's, and knows the time. At its end what was done goes out.
class [[nodiscard]] NetworkGuard {
public:
    explicit NetworkGuard(Network& network) : network_{network} {
        network_.lock_.lock();
        network_.enter();
    }
    NetworkGuard(const NetworkGuard&) = delete;
    NetworkGuard& operator=(const NetworkGuard&) = delete;
    ~NetworkGuard() {
        network_.leave();
        network_.lock_.unlock();
    }
    // Before and after the lock is given away for a time, as by a wait.
    void pause() { network_.leave(); }
    void resume() { network_.enter(); }

private:
    Network& network_;
};

// The same for whoever takes what is there already, and needs no time for it: the clock is read only if something has to go out.
class [[nodiscard]] QuickNetworkGuard {
public:
    explicit QuickNetworkGuard(Network& network) : network_{network} { network_.lock_.lock(); }
    QuickNetworkGuard(const QuickNetworkGuard&) = delete;
    QuickNetworkGuard& operator=(const QuickNetworkGuard&) = delete;
    ~QuickNetworkGuard() {
        if (network_.stack_.touched()) {
            network_.enter();
            network_.leave();
        }
        network_.lock_.unlock();
    }

private:
    Network& network_;
};

}  // namespace eremite::network
