#pragma once
// What a machine has of streams between machines: ports, streams, and what becomes of packets (virtio 1.2 section 5.10.6). Packets come from the host,
// which may send anything. Streams between two ends in this machine do not leave it. Has no lock: its user has one, for it and all that it knows.
#include "base/result.hpp"
#include "libos/socket/vsock/packet.hpp"
#include "libos/socket/vsock/stream.hpp"

namespace eremite::socket::vsock {

class Endpoint {
public:
    // As long as a peer has to answer that a stream has ended, after its user is gone.
    static constexpr Duration close_timeout = Duration::seconds(8);
    // Bytes that wait for the host to take them, of one stream.
    static constexpr uint32_t most_under_way = 262'144;

    constexpr Endpoint() = default;
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // The way to other machines, and the number of this one. Null: there is none.
    void attach(Link* link, uint32_t cid);
    // The machine's number; VMADDR_CID_ANY: it has none.
    [[nodiscard]] uint32_t cid() const { return link_ ? cid_ : VMADDR_CID_ANY; }

    // `first`: where the search for a free port begins, if none is wanted. EADDRINUSE, EADDRNOTAVAIL.
    [[nodiscard]] Result<void> bind(Port& port, Address wanted, uint32_t first);
    void unbind(Port& port);
    // The next one that waits, which is the caller's; null: there is none.
    [[nodiscard]] Stream* accept(Port& port);

    // Asks for a stream from this port. Requires: Closed; the port is bound. ENODEV: nothing leads there; EADDRINUSE, ENOMEM.
    [[nodiscard]] Result<void> connect(Stream& stream, uint32_t local_port, Address to, Instant deadline);
    // How many bytes can be sent now.
    [[nodiscard]] static uint32_t room(const Stream& stream);
    // Sends the packet's data. Requires: Established, and room for them.
    void send(Stream& stream, std::unique_ptr<Packet> packet);
    // Lets go of bytes that were read. Requires: that many are there.
    void consume(Stream& stream, size_t bytes);
    // `how`: bits of own_shut. Requires: Established, or Ended.
    void shutdown(Stream& stream, uint32_t how);
    // Another size for what is kept.
    void set_buffer(Stream& stream, uint32_t bytes);
    // Ends the stream, which is the endpoint's from now on.
    void close(Stream& stream, Instant now);

    // A packet from the host.
    void receive(const Header& header, std::span<const uint8_t> data);
    // The host has lost all streams, or cannot be reached any more (section 5.10.6.7).
    void reset_all();
    // Ends all streams that leave the machine, whose users keep them.
    void end_streams();
    // Of such: packets' bytes that others have not taken, and streams that they do not know to have ended.
    [[nodiscard]] uint64_t undelivered() const;
    // Ends what has waited long enough. Returns when to call again.
    [[nodiscard]] Instant expire(Instant now);

private:
    struct ByPeer {
        static Stream::Key key(const Stream& stream) { return stream.key(); }
    };

    [[nodiscard]] bool is_local(uint32_t cid) const;
    [[nodiscard]] Port* find_port(Address address);
    // False: there is no memory for the packet.
    bool send_control(Stream& stream, uint16_t op, uint32_t flags = 0);
    void post(std::unique_ptr<Packet> packet, bool loops);
    void refuse(const Header& header, bool loops);
    // What goes from one end to another one here. At the end of whatever may have sent something: nothing is then in the middle of a change.
    void deliver();
    void dispatch(const Header& header, std::span<const uint8_t> data, bool loops);
    void take_request(const Header& header, bool loops);
    void take_connecting(Stream& stream, const Header& header);
    void take_established(Stream& stream, const Header& header, std::span<const uint8_t> data);
    void take_data(Stream& stream, std::span<const uint8_t> data);
    // The stream has no peer any more.
    void end(Stream& stream, Stream::State state, int error);
    void set_deadline(Stream& stream, Instant deadline);
    void destroy(Stream& stream);

    Link* link_ = nullptr;
    uint32_t cid_ = VMADDR_CID_ANY;
    List<Port, ByName> ports_;
    Tree<Stream, ByPeer, ByKey> streams_;
    List<Stream, ByDeadline> timed_;
    List<Packet> looping_;
};

}  // namespace eremite::socket::vsock
