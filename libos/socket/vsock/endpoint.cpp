#include "libos/socket/vsock/endpoint.hpp"

#include <algorithm>
#include <cstring>

namespace eremite::socket::vsock {

namespace {

constexpr uint32_t last_reserved_port = 1023;
constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM;
constexpr uint32_t anything = can_read | can_write | POLLHUP | POLLRDHUP | POLLERR;

void tell(Stream& stream, uint32_t events) {
    if (stream.watcher) stream.watcher->changed(events);
}

}  // namespace

void Endpoint::attach(Link* link, uint32_t cid) {
    link_ = link;
    cid_ = cid;
}

// Ways that do not leave the machine: vsock(7) has VMADDR_CID_LOCAL; Linux takes its own number so too, and where it has none, that of the host.
bool Endpoint::is_local(uint32_t cid) const { return cid == VMADDR_CID_LOCAL || cid == (link_ ? cid_ : uint32_t{VMADDR_CID_HOST}); }

Port* Endpoint::find_port(Address address) {
    for (Port& port : ports_) {
        const bool same_machine = port.address.cid == address.cid || port.address.cid == VMADDR_CID_ANY || address.cid == VMADDR_CID_ANY;
        if (port.address.port == address.port && same_machine) return &port;
    }
    return nullptr;
}

Result<void> Endpoint::bind(Port& port, Address wanted, uint32_t first) {
    const bool is_own = wanted.cid == VMADDR_CID_ANY || wanted.cid == VMADDR_CID_LOCAL || (link_ && wanted.cid == cid_);
    if (!is_own) return Error{EADDRNOTAVAIL};
    if (wanted.port == VMADDR_PORT_ANY) {
        // As many as Linux tries.
        constexpr unsigned most_tries = 24;
        wanted.port = std::max(first, last_reserved_port + 1);
        for (unsigned tries = 0;; ++tries) {
            if (tries == most_tries) return Error{EADDRNOTAVAIL};
            if (wanted.port == VMADDR_PORT_ANY) wanted.port = last_reserved_port + 1;
            if (!find_port(wanted)) break;
            ++wanted.port;
        }
    } else if (find_port(wanted)) {
        return Error{EADDRINUSE};
    }
    port.address = wanted;
    ports_.push_back(port);
    return {};
}

void Endpoint::unbind(Port& port) {
    if (!port.bound()) return;
    port.unlink();
    port.address = {};
    port.listening = false;
    while (Stream* const stream = accept(port)) {
        if (stream->state == Stream::State::Established) (void)send_control(*stream, VIRTIO_VSOCK_OP_RST);
        destroy(*stream);
    }
    deliver();
}

Stream* Endpoint::accept(Port& port) {
    Stream* const stream = port.waiting.pop_front();
    if (stream) --port.waiting_count;
    return stream;
}

Result<void> Endpoint::connect(Stream& stream, uint32_t local_port, Address to, Instant deadline) {
    const bool loops = is_local(to.cid);
    if (!loops && !link_) return Error{ENODEV};
    stream.peer = to;
    stream.local = {loops ? uint32_t{VMADDR_CID_LOCAL} : cid_, local_port};
    stream.loops = loops;
    if (streams_.find(stream.key())) return Error{EADDRINUSE};
    if (!send_control(stream, VIRTIO_VSOCK_OP_REQUEST)) return Error{ENOMEM};
    stream.state = Stream::State::Connecting;
    stream.error = 0;
    streams_.insert(stream);
    set_deadline(stream, deadline);
    deliver();
    return {};
}

uint32_t Endpoint::room(const Stream& stream) {
    if (stream.state != Stream::State::Established || (stream.own_shut & no_send) != 0 || (stream.peer_shut & no_receive) != 0) return 0;
    const uint32_t under_way = stream.credit.under_way();
    return under_way >= most_under_way ? 0 : std::min(stream.credit.room(), most_under_way - under_way);
}

namespace {

void fill(Header& header, Stream& stream, uint16_t op, uint32_t length, uint32_t flags) {
    header.src_cid = stream.local.cid;
    header.dst_cid = stream.peer.cid;
    header.src_port = stream.local.port;
    header.dst_port = stream.peer.port;
    header.len = length;
    header.type = VIRTIO_VSOCK_TYPE_STREAM;
    header.op = op;
    header.flags = flags;
    stream.credit.tell(header);
}

}  // namespace

void Endpoint::send(Stream& stream, std::unique_ptr<Packet> packet) {
    fill(packet->header, stream, VIRTIO_VSOCK_OP_RW, packet->size, 0);
    stream.credit.send(packet->size);
    post(std::move(packet), stream.loops);
    deliver();
}

bool Endpoint::send_control(Stream& stream, uint16_t op, uint32_t flags) {
    std::unique_ptr<Packet> packet = Packet::create(0);
    if (!packet) return false;
    fill(packet->header, stream, op, 0, flags);
    post(std::move(packet), stream.loops);
    return true;
}

void Endpoint::post(std::unique_ptr<Packet> packet, bool loops) {
    if (loops) looping_.push_back(*packet.release());
    else if (link_) link_->send(std::move(packet));
}

// For a stream that is not there.
void Endpoint::refuse(const Header& header, bool loops) {
    if (header.op == VIRTIO_VSOCK_OP_RST) return;
    std::unique_ptr<Packet> packet = Packet::create(0);
    if (!packet) return;
    Header& answer = packet->header;
    answer.src_cid = header.dst_cid;
    answer.dst_cid = header.src_cid;
    answer.src_port = header.dst_port;
    answer.dst_port = header.src_port;
    answer.type = header.type;
    answer.op = VIRTIO_VSOCK_OP_RST;
    post(std::move(packet), loops);
}

void Endpoint::consume(Stream& stream, size_t bytes) {
    stream.incoming.drop(bytes);
    if (!stream.credit.take(static_cast<uint32_t>(bytes)) || stream.state != Stream::State::Established) return;
    (void)send_control(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
    deliver();
}

void Endpoint::set_buffer(Stream& stream, uint32_t bytes) {
    stream.credit.set_buffer(bytes);
    if (stream.state != Stream::State::Established) return;
    (void)send_control(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
    deliver();
}

void Endpoint::shutdown(Stream& stream, uint32_t how) {
    stream.own_shut |= how;
    if (stream.state != Stream::State::Established) return;
    (void)send_control(stream, VIRTIO_VSOCK_OP_SHUTDOWN, stream.own_shut);
    deliver();
}

void Endpoint::close(Stream& stream, Instant now) {
    stream.watcher = nullptr;
    if (stream.state == Stream::State::Established) {
        const bool told = stream.own_shut == neither;
        stream.own_shut = neither;
        // Without memory the peer hears of it with its next packet.
        if (told || send_control(stream, VIRTIO_VSOCK_OP_SHUTDOWN, neither)) {
            stream.state = Stream::State::Closing;
            if (stream.incoming.size() != 0) stream.incoming.drop(stream.incoming.size());
            set_deadline(stream, now + close_timeout);
            return deliver();
        }
    } else if (stream.state == Stream::State::Connecting) {
        (void)send_control(stream, VIRTIO_VSOCK_OP_RST);
    }
    destroy(stream);
    deliver();
}

void Endpoint::receive(const Header& header, std::span<const uint8_t> data) {
    // Whoever says to be this machine is none of the others.
    if (!link_ || header.dst_cid != cid_ || header.src_cid == cid_ || header.src_cid == VMADDR_CID_LOCAL || header.src_cid >= VMADDR_CID_ANY) return;
    dispatch(header, data, false);
    deliver();
}

void Endpoint::deliver() {
    while (Packet* const packet = looping_.pop_front()) {
        const std::unique_ptr<Packet> owned{packet};
        dispatch(packet->header, packet->data(), true);
    }
}

void Endpoint::dispatch(const Header& header, std::span<const uint8_t> data, bool loops) {
    if (header.type != VIRTIO_VSOCK_TYPE_STREAM) return refuse(header, loops);
    Stream* const stream = streams_.find(Stream::Key{header.dst_port, {static_cast<uint32_t>(header.src_cid), header.src_port}});
    if (!stream || stream->loops != loops) return header.op == VIRTIO_VSOCK_OP_REQUEST && !stream ? take_request(header, loops) : refuse(header, loops);
    stream->credit.hear(header);
    switch (stream->state) {
        case Stream::State::Connecting: return take_connecting(*stream, header);
        case Stream::State::Established:
            if (header.len <= data.size()) return take_established(*stream, header, data.first(header.len));
            // What the host wants to have sent is not there.
            (void)send_control(*stream, VIRTIO_VSOCK_OP_RST);
            return end(*stream, Stream::State::Ended, ECONNRESET);
        case Stream::State::Closing: {
            // Both ends may have ended at once, and would wait for each other.
            const bool both = header.op == VIRTIO_VSOCK_OP_SHUTDOWN && (header.flags & neither) == neither;
            if (both) (void)send_control(*stream, VIRTIO_VSOCK_OP_RST);
            if (both || header.op == VIRTIO_VSOCK_OP_RST) destroy(*stream);
            return;
        }
        case Stream::State::Closed:
        case Stream::State::Ended: return;  // these are not found
    }
}

void Endpoint::take_request(const Header& header, bool loops) {
    const Address local{static_cast<uint32_t>(header.dst_cid), header.dst_port};
    Port* const port = header.dst_port == VMADDR_PORT_ANY ? nullptr : find_port(local);
    // As many as Linux lets wait: one more than was asked for.
    if (!port || !port->listening || port->waiting_count > port->backlog) return refuse(header, loops);
    auto* const stream = new (std::nothrow) Stream{port->buffer};
    if (!stream) return refuse(header, loops);
    stream->local = local;
    stream->peer = {static_cast<uint32_t>(header.src_cid), header.src_port};
    stream->loops = loops;
    stream->credit.hear(header);
    if (!send_control(*stream, VIRTIO_VSOCK_OP_RESPONSE)) {
        delete stream;
        return refuse(header, loops);
    }
    stream->state = Stream::State::Established;
    streams_.insert(*stream);
    port->waiting.push_back(*stream);
    ++port->waiting_count;
    port->watcher->changed(can_read);
}

void Endpoint::take_connecting(Stream& stream, const Header& header) {
    if (header.op == VIRTIO_VSOCK_OP_RESPONSE) {
        stream.state = Stream::State::Established;
        set_deadline(stream, Instant::never());
        return tell(stream, can_write);
    }
    if (header.op != VIRTIO_VSOCK_OP_RST) (void)send_control(stream, VIRTIO_VSOCK_OP_RST);
    end(stream, Stream::State::Closed, header.op == VIRTIO_VSOCK_OP_RST ? ECONNRESET : EPROTO);
}

void Endpoint::take_established(Stream& stream, const Header& header, std::span<const uint8_t> data) {
    switch (header.op) {
        case VIRTIO_VSOCK_OP_RW: return take_data(stream, data);
        case VIRTIO_VSOCK_OP_CREDIT_UPDATE: return tell(stream, can_write);
        case VIRTIO_VSOCK_OP_CREDIT_REQUEST: (void)send_control(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE); return;
        case VIRTIO_VSOCK_OP_SHUTDOWN:
            stream.peer_shut |= header.flags & neither;
            if (stream.peer_shut != neither) return tell(stream, anything);
            // It neither sends nor receives: that is the end, as section 5.10.6.6 has it.
            (void)send_control(stream, VIRTIO_VSOCK_OP_RST);
            return end(stream, Stream::State::Ended, 0);
        case VIRTIO_VSOCK_OP_RST: return end(stream, Stream::State::Ended, 0);
        default: return;  // as Linux does
    }
}

void Endpoint::take_data(Stream& stream, std::span<const uint8_t> data) {
    const bool wanted = (stream.own_shut & no_receive) == 0;
    if (!stream.credit.receive(static_cast<uint32_t>(data.size())) || (wanted && !stream.incoming.put(data))) {
        (void)send_control(stream, VIRTIO_VSOCK_OP_RST);
        return end(stream, Stream::State::Ended, ECONNRESET);
    }
    if (!wanted && stream.credit.take(static_cast<uint32_t>(data.size()))) (void)send_control(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
    // Other packets say what was taken, too.
    tell(stream, can_read | can_write);
}

void Endpoint::end(Stream& stream, Stream::State state, int error) {
    streams_.remove(stream);
    set_deadline(stream, Instant::never());
    stream.state = state;
    stream.error = error;
    if (state == Stream::State::Ended) stream.peer_shut = neither;
    tell(stream, anything);
}

void Endpoint::set_deadline(Stream& stream, Instant deadline) {
    ListNode<ByDeadline>& node = stream;
    if (node.linked()) node.unlink();
    stream.deadline = deadline;
    if (deadline != Instant::never()) timed_.push_back(stream);
}

void Endpoint::destroy(Stream& stream) {
    set_deadline(stream, Instant::never());
    if (static_cast<TreeNode<ByKey>&>(stream).linked()) streams_.remove(stream);
    ListNode<ByAccept>& node = stream;
    if (node.linked()) node.unlink();
    delete &stream;
}

void Endpoint::reset_all() {
    for (Stream* stream = streams_.first(); stream;) {
        Stream& lost = *stream;
        stream = decltype(streams_)::next(lost);
        if (lost.loops) continue;
        if (lost.state == Stream::State::Closing) destroy(lost);
        else end(lost, lost.state == Stream::State::Connecting ? Stream::State::Closed : Stream::State::Ended, ECONNRESET);
    }
}

void Endpoint::end_streams() {
    for (Stream* stream = streams_.first(); stream; stream = decltype(streams_)::next(*stream))
        if (!stream->loops && stream->state == Stream::State::Established) shutdown(*stream, neither);
}

uint64_t Endpoint::undelivered() const {
    uint64_t count = 0;
    for (const Stream* stream = streams_.first(); stream; stream = decltype(streams_)::next(*stream))
        if (!stream->loops && stream->state != Stream::State::Connecting) count += 1 + stream->credit.under_way();
    return count;
}

Instant Endpoint::expire(Instant now) {
    Instant next = Instant::never();
    for (auto at = timed_.begin(); at != timed_.end();) {
        Stream& stream = *at;
        ++at;
        if (stream.deadline > now) {
            next = std::min(next, stream.deadline);
            continue;
        }
        (void)send_control(stream, VIRTIO_VSOCK_OP_RST);
        if (stream.state == Stream::State::Closing) destroy(stream);
        else end(stream, Stream::State::Closed, ETIMEDOUT);
    }
    deliver();
    return next;
}

}  // namespace eremite::socket::vsock
