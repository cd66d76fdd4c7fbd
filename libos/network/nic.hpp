#pragma once
// What a driver of a network interface offers beside what the stack wants of it (netstack/phy/device.hpp). All functions are called with the
// network's lock.
#include <cstddef>
#include <string_view>

#include "libos/sync/spinlock.hpp"
#include "netstack/phy/device.hpp"

namespace eremite::network {

class Nic : public net::Device {
public:
    using Device::Device;

    // Who is told, without a lock and possibly in an interrupt, that there is something to poll for.
    class Listener {
    public:
        virtual void attention(Nic& nic) = 0;
        // The network's lock.
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

    // From here on packets come. `pool`: for what is received.
    virtual void start(Listener& listener, net::PacketPool& pool) = 0;
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
    [[nodiscard]] virtual std::string_view driver() const = 0;
};

}  // namespace eremite::network
