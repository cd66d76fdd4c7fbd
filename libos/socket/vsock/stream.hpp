#pragma once
// One end of a stream between this machine and another (vsock(7), virtio 1.2 section 5.10), and a port at which streams are accepted. Plain data that
// an Endpoint (endpoint.hpp) moves; its lock guards them.
#include <linux/vm_sockets.h>
#include <poll.h>

#include <compare>

#include "base/list.hpp"
#include "base/time.hpp"
#include "base/tree.hpp"
#include "libos/socket/vsock/byte_ring.hpp"
#include "virtio/vsock.hpp"

namespace eremite::socket::vsock {

struct Address {
    uint32_t cid = VMADDR_CID_ANY, port = VMADDR_PORT_ANY;
    auto operator<=>(const Address&) const = default;
};

// Whoever uses a stream or a port.
class Watcher {
public:
    // Something changed, by which these events of poll(2) may hold now. Requires: the lock.
    virtual void changed(uint32_t events) = 0;

protected:
    ~Watcher() = default;
};

struct ByKey;       // streams that have a peer
struct ByAccept;    // those that wait to be accepted
struct ByDeadline;  // those that do not wait for ever
struct ByName;      // ports

// Bits of what an end does not do any more (section 5.10.6.6).
inline constexpr uint32_t no_receive = VIRTIO_VSOCK_SHUTDOWN_RCV, no_send = VIRTIO_VSOCK_SHUTDOWN_SEND, neither = no_receive | no_send;

class Stream : public TreeNode<ByKey>, public ListNode<ByAccept>, public ListNode<ByDeadline> {
public:
    enum class State : uint8_t {
        Closed,       // it has no peer yet, or could not get one
        Connecting,   // the peer was asked
        Established,
        Ended,        // the peer is gone; what came before can be read
        Closing,      // its user is gone, the peer is told
    };
    // What packets are for it.
    struct Key {
        uint32_t port;
        Address peer;
        auto operator<=>(const Key&) const = default;
    };

    explicit Stream(uint32_t buffer) : credit{buffer} {}
    [[nodiscard]] Key key() const { return {local.port, peer}; }
    [[nodiscard]] bool has_ended() const { return state == State::Ended; }
    // Nothing more will come than what is there.
    [[nodiscard]] bool at_end() const { return (peer_shut & no_send) != 0 || has_ended(); }

    State state = State::Closed;
    bool loops = false;  // the peer is in this machine
    Address local, peer;  // the local one as packets have it
    uint32_t own_shut = 0, peer_shut = 0;
    int error = 0;  // why it could not get a peer, or lost it
    virtio::vsock::Credit credit;
    ByteRing incoming;
    Instant deadline{};  // if it is in the list
    Watcher* watcher = nullptr;
};

class Port : public ListNode<ByName> {
public:
    [[nodiscard]] bool bound() const { return address.port != VMADDR_PORT_ANY; }

    Address address;
    bool listening = false;
    uint32_t backlog = 0, waiting_count = 0;
    uint32_t buffer = 0;  // of the streams that come
    List<Stream, ByAccept> waiting;
    Watcher* watcher = nullptr;
};

}  // namespace eremite::socket::vsock
