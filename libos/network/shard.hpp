#pragma once
// A stack at work: its lock, its clock, its memory and its interfaces. Sockets, drivers and timers come to it by a ShardGuard. A CPU has one
// for itself where the network cards have a pair of queues for each (network.hpp).
#include "libos/network/nic.hpp"
#include "libos/sched/idle_task.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sync/spinlock.hpp"
#include "netstack/stack.hpp"

namespace eremite::network {

struct HandedOver;
class Network;

class Shard final : private Nic::Listener, private net::OtherShards {
public:
    Shard(Network& network, net::Configuration configuration);
    // ENOMEM.
    [[nodiscard]] Result<void> start();

    [[nodiscard]] net::Stack& stack() { return stack_; }
    [[nodiscard]] const net::Stack& stack() const { return stack_; }
    // Guards all of it; what sockets wait for as well.
    [[nodiscard]] sync::Spinlock& lock() override { return lock_; }
    [[nodiscard]] Network& network() const { return network_; }
    [[nodiscard]] net::PacketPool& pool() { return pool_; }
    [[nodiscard]] Nic::Listener& listener() { return *this; }

    // Makes an interface of it, without addresses. Requires the lock. ENOMEM, ENOSPC.
    [[nodiscard]] Result<net::Interface*> add(Nic& nic);
    // The interfaces may be looked at. Requires the lock.
    void look_at(Nic& nic);

    // What others have sent and did not get yet. Requires the lock.
    [[nodiscard]] uint64_t undelivered();
    // Takes what others handed over. Requires the lock.
    void take_in();

private:
    friend class ShardGuard;
    struct Port {
        Nic* nic = nullptr;
        net::Interface* interface = nullptr;
    };
    struct Clock : sched::Timer {
        explicit Clock(Shard& owner);
        Shard& shard;
    };
    // What is left of a busy interface when threads have their turn.
    struct Rest : sched::IdleTask {
        explicit Rest(Shard& owner);
        Shard& shard;
    };

    void attention(Nic& nic) override;
    // `late`: threads had the CPU for longer than is good for the interface.
    void serve(Port& port, bool late);
    void serve_all(bool late);
    // These require the lock.
    void enter();
    void leave();
    void share_settings();
    [[nodiscard]] bool add_memory();
    // Empty: there is none, or no more for packets.
    [[nodiscard]] std::span<std::byte> block(unsigned order);
    // net::OtherShards (handover.cpp)
    void hand_over(uint32_t to, const net::Interface& interface, const net::Packet& packet) override;
    [[nodiscard]] Result<void> join(const net::Interface& interface, const net::IpAddress& group) override;
    void leave(const net::Interface& interface, const net::IpAddress& group) override;
    [[nodiscard]] bool put(uint32_t to, HandedOver* item);

    Network& network_;
    sync::Spinlock lock_{sync::Rank::Network};
    net::PacketPool pool_;
    net::Stack stack_;
    std::array<Port, net::Stack::most_interfaces> ports_{};
    Clock clock_{*this};
    Rest rest_{*this};
    Instant clock_set_ = Instant::never();
    // Interfaces are looked at for some time after the last packet before they shall interrupt.
    Duration poll_time_{};
    Instant last_packet_{};

    uint32_t gave_ = 0;  // a bit for each shard that was handed something, and is to be told
    sync::Spinlock inbox_lock_{sync::Rank::NetworkInbox};
    List<HandedOver> inbox_;
    size_t inbox_bytes_ = 0;
};

// While it lives, the stack is the caller's, and knows the time. At its end what was done goes out.
class [[nodiscard]] ShardGuard {
public:
    // For whoever may find what it wants without the time: the clock is read by begin(), or at the end if something has to go out.
    struct Quickly {};
    static constexpr Quickly quickly{};

    explicit ShardGuard(Shard& shard) : shard_{&shard} { enter(); }
    // The one that a socket is in, which may change until it is found.
    explicit ShardGuard(const std::atomic<Shard*>& place) : shard_{place.load(std::memory_order_relaxed)} {
        enter();
        follow(place);
    }
    ShardGuard(const std::atomic<Shard*>& place, Quickly) : shard_{place.load(std::memory_order_relaxed)}, begun_{false} {
        enter();
        follow(place);
    }
    ShardGuard(const ShardGuard&) = delete;
    ShardGuard& operator=(const ShardGuard&) = delete;
    ~ShardGuard() { exit(); }
    void begin() {
        begun_ = true;
        shard_->enter();
    }
    // Before and after the lock is given away for a time, as by a wait. Events may come before pause() returns.
    void pause();
    void resume() { shard_->enter(); }
    [[nodiscard]] Shard& shard() const { return *shard_; }
    // Lets go of this shard and takes that one, if it is another.
    void move_to(Shard& other) {
        if (&other == shard_) return;
        exit();
        shard_ = &other;
        enter();
    }
    void follow(const std::atomic<Shard*>& place) {
        while (Shard* const now = place.load(std::memory_order_relaxed)) {
            if (now == shard_) [[likely]] return;
            move_to(*now);
        }
    }

private:
    void enter() {
        shard_->lock_.lock();
        if (begun_) shard_->enter();
    }
    void exit();

    Shard* shard_;
    bool begun_ = true;
};

}  // namespace eremite::network
