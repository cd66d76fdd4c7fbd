#pragma once
// What is behind a network device: frames come from there and go there, each with a header in front (format.hpp).
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "vmm/virtio/device.hpp"

namespace eremite::vmm::net {

// The network's side of a pair of queues. All functions require the device's lock.
class Channel {
public:
    // Is called in the loop's thread, with the device's lock.
    class Listener {
    public:
        virtual void readable() = 0;
        virtual void writable() = 0;
        // The network is no more, for good.
        virtual void gone() = 0;

    protected:
        ~Listener() = default;
    };
    enum class Sent {
        Done,     // or nothing can be done with such a frame, and it is lost, as on any network
        Not_yet,  // no room: it is to be sent again once the channel is writable
    };

    virtual ~Channel() = default;
    // Once, before all else. Both outlive the channel's use.
    virtual void attach(virtio::Host& host, Listener& listener) = 0;
    // What the listener wants to be told of, as long as it is so. At first nothing.
    virtual void watch(bool readable, bool writable) = 0;

    // The next frame, header first: its bytes, or what of them the pieces hold; 0: there is none now.
    [[nodiscard]] virtual size_t receive(std::span<const iovec> pieces) = 0;
    // Takes a frame, header first, which was checked. The guest may change all but the first piece meanwhile.
    [[nodiscard]] virtual Sent send(std::span<const iovec> pieces) = 0;
    // Is called behind each batch of either.
    virtual void flush() {}
};

// The networks of a device: a channel for each pair of queues. All functions require the device's lock.
class Backend {
public:
    virtual ~Backend() = default;
    // One or more; they live as long as this.
    [[nodiscard]] virtual size_t channel_count() const = 0;
    [[nodiscard]] virtual Channel& channel(size_t index) = 0;
    // As of a device.
    virtual void list_needs(sandbox::Needs& needs) const { (void)needs; }
    // What there is of send_offloads and receive_offloads.
    [[nodiscard]] virtual uint64_t offloads() const = 0;
    // What the driver wants of them; nothing after a reset.
    virtual void negotiate(uint64_t features) = 0;
    // Frames go by the first `channels` alone. False: that cannot be, and it is as before.
    [[nodiscard]] virtual bool use(size_t channels) = 0;
};

}  // namespace eremite::vmm::net
