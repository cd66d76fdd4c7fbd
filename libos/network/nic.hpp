#pragma once
// What a driver of a network card offers. A card has one or several pairs of queues, each of which is a device of its own for the stack
// (netstack/phy/device.hpp), and belongs to one shard of the network.
#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "libos/sync/spinlock.hpp"
#include "netstack/phy/device.hpp"

namespace eremite::network {

// A pair of queues: one to send, one to receive. All functions are called with the lock of its listener.
class Nic : public net::Device {
public:
    using Device::Device;

    // Who is told, without a lock and possibly in an interrupt, that there is something to poll for.
    class Listener {
    public:
        virtual void attention(Nic& nic) = 0;
        // Whoever holds it may use the pair.
        [[nodiscard]] virtual sync::Spinlock& lock() = 0;

    protected:
        ~Listener() = default;
    };
    // Where received packets go.
    class Receiver {
    public:
        virtual void receive(net::Packet&& packet) = 0;

    protected:
        ~Receiver() = default;
    };

    // Hands over up to `most` packets and takes back what was sent. True: there may be more. The listener may not be told of what comes
    // until watch().
    [[nodiscard]] virtual bool poll(Receiver& receiver, size_t most) = 0;
    // The listener is told of what comes from now on. True: something came before: poll again.
    [[nodiscard]] virtual bool watch() = 0;
    // Whether there was no room for a packet that was to be sent, and there is now. Asked after poll().
    [[nodiscard]] virtual bool has_room_again() = 0;
    // Whether there are packets that the device has not taken yet.
    [[nodiscard]] virtual bool sending() = 0;
    [[nodiscard]] virtual bool link_up() = 0;
    // Whether the host asked, since the last call, that this machine tells its neighbours where it is now: after it was moved. Only the first
    // pair says so.
    [[nodiscard]] virtual bool shall_announce() { return false; }
    [[nodiscard]] virtual std::string_view driver() const = 0;
};

class Card {
public:
    // Who uses a pair, and the memory for what it receives.
    struct User {
        Nic::Listener* listener;
        net::PacketPool* pool;
    };

    Card() = default;
    Card(const Card&) = delete;
    Card& operator=(const Card&) = delete;
    // Pairs that it can have at most.
    [[nodiscard]] virtual size_t most_pairs() const { return 1; }
    // Makes as many pairs, of which pair `i` interrupts CPU `i`, if there is one. Requires: not more than it can have; called before
    // start(), and again only after an error. ENOMEM, ENOSPC; EIO: the device does not do it, but may do with fewer.
    [[nodiscard]] virtual Result<void> make_pairs(size_t count) = 0;
    // Requires: make_pairs() succeeded, and `index` is below its count.
    [[nodiscard]] virtual Nic& pair(size_t index) = 0;
    // From here on packets come. `users`: one for each pair, in their order. Called without locks.
    virtual void start(std::span<const User> users) = 0;

protected:
    ~Card() = default;
};

}  // namespace eremite::network
