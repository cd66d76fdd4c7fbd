#include "vmm/vsock/device.hpp"

#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "vmm/error.hpp"
#include "vmm/vsock/unix_socket.hpp"

namespace eremite::vmm::vsock {

namespace {

using Outcome = Connection::Outcome;
using State = Connection::State;
using eremite::virtio::vsock::event_queue;
using eremite::virtio::vsock::most_data;
using eremite::virtio::vsock::receive_queue;
using eremite::virtio::vsock::transmit_queue;

// Others want the lock: then it goes on with the next turn of the loop.
constexpr unsigned packets_at_once = 64;
// Answers to packets of no stream. While they wait, the guest's packets do, too.
constexpr size_t most_refusals = 64;
// The host's ports, of streams that it asked for, are of this half, where guests seldom ask for any.
constexpr uint32_t first_host_port = uint32_t{1} << 30, host_ports = uint32_t{1} << 30;
constexpr uint32_t neither = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND;

// The part of a request's memory from `skip` on, `size` bytes at most.
std::vector<iovec> part_of(std::span<const iovec> pieces, size_t skip, size_t size) {
    std::vector<iovec> part;
    for (const iovec& piece : pieces) {
        const size_t skipped = std::min(skip, piece.iov_len), count = std::min(piece.iov_len - skipped, size);
        skip -= skipped;
        size -= count;
        if (count != 0) part.push_back({.iov_base = static_cast<std::byte*>(piece.iov_base) + skipped, .iov_len = count});
    }
    return part;
}

}  // namespace

VsockDevice::VsockDevice(virtio::Host& host, std::string name, std::string path, const Settings& settings)
    : host_{host}, name_{std::move(name)}, path_{std::move(path)}, settings_{settings}, listener_{listen_at(path_)}, again_{make_event()},
      next_host_port_{first_host_port} {
    // At the edge: who cannot be let in yet does not call again and again.
    host_.loop().add(listener_.get(), EPOLLIN | EPOLLET, [this](uint32_t) {
        const std::lock_guard guard{host_.lock()};
        accept_all();
        work();
    });
    host_.loop().add_event(again_.get(), [this] {
        const std::lock_guard guard{host_.lock()};
        work();
    });
}

VsockDevice::~VsockDevice() {
    while (!connections_.empty()) drop(connections_.begin()->first);
    host_.loop().remove(again_.get());
    host_.loop().remove(listener_.get());
}

void VsockDevice::read_configuration(uint32_t offset, std::span<std::byte> to) const {
    const virtio_vsock_config configuration{.guest_cid = settings_.cid};
    virtio::read_structure(configuration, offset, to);
}

void VsockDevice::list_needs(sandbox::Needs& needs) const {
    needs.add_calls({SYS_connect, SYS_accept4, SYS_shutdown, SYS_writev, SYS_readv});
    needs.calls.push_back(sandbox::with_argument(SYS_socket, 0, AF_UNIX));
}

void VsockDevice::start(uint64_t, std::span<virtio::Queue* const> queues) {
    std::copy(queues.begin(), queues.end(), queues_.begin());
    // Those who were early.
    accept_all();
    signal_event(again_.get());
}

// Old streams and new ones have different numbers: the guest may hear of a new one first.
void VsockDevice::save(StateWriter& state) const { state.add(next_host_port_); }

void VsockDevice::restore(StateReader& state) {
    next_host_port_ = first_host_port + state.take<uint32_t>() % host_ports;
    lost_all_ = true;
}

// Section 5.10.6.7.
void VsockDevice::tell_of_loss() {
    virtio::Queue* const queue = queues_[event_queue];
    if (!lost_all_ || !queue) return;
    if (!queue->pop(receiving_) && !(queue->enable_notifications() && queue->pop(receiving_))) return;
    const virtio_vsock_event event{.id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET};
    queue->push(receiving_.head, static_cast<uint32_t>(virtio::copy_to(receiving_.writable, 0, std::as_bytes(std::span{&event, 1}))));
    lost_all_ = false;
}

void VsockDevice::stop() {
    queues_ = {};
    lost_all_ = false;
    while (!connections_.empty()) drop(connections_.begin()->first);
    control_.clear();
    data_.clear();
    refusals_.clear();
}

void VsockDevice::notified(uint16_t) { work(); }

Connection* VsockDevice::find(Id id) {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second.get();
}

VsockDevice::Id VsockDevice::id_of(Ports ports) const {
    const auto found = by_ports_.find(ports);
    return found == by_ports_.end() ? 0 : found->second;
}

VsockDevice::Id VsockDevice::add(std::unique_ptr<Connection> connection) {
    const Id id = ++last_id_;
    try {
        host_.loop().add(connection->file.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, [this, id](uint32_t events) {
            const std::lock_guard guard{host_.lock()};
            happened(id, events);
            work();
        });
    } catch (const Error&) {
        return 0;
    }
    if (connection->state != State::Greeting) by_ports_[connection->ports] = id;
    connections_[id] = std::move(connection);
    return id;
}

void VsockDevice::drop(Id id) {
    const auto found = connections_.find(id);
    const Connection& connection = *found->second;
    if (connection.state != State::Greeting && connection.state != State::Flushing) by_ports_.erase(connection.ports);
    host_.loop().remove(connection.file.get());
    // There is room for one who waits.
    if (connections_.size() == settings_.most_connections) signal_event(again_.get());
    connections_.erase(found);
}

void VsockDevice::accept_all() {
    while (queues_[receive_queue] && connections_.size() < settings_.most_connections) {
        UniqueFd socket = accept_from(listener_);
        if (!socket) return;
        if (add(std::make_unique<Connection>(std::move(socket))) == 0) return;
    }
}

void VsockDevice::happened(Id id, uint32_t events) {
    Connection* const connection = find(id);
    if (!connection) return;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) connection->readable = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) connection->writable = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) connection->hung_up = true;
    if (connection->state == State::Greeting) return greet(*connection, id);
    if (!connection->flushed() && connection->writable) {
        flush(*connection, id);
        if (!find(id)) return;
    }
    // It ended after its last byte was read.
    if (connection->hung_up && (connection->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0) return end(*connection, id);
    want_data(*connection, id);
}

void VsockDevice::greet(Connection& connection, Id id) {
    Outcome outcome = Outcome::Done;
    const auto port = connection.read_greeting(outcome);
    if (!port) {
        if (outcome == Outcome::Failed) drop(id);
        return;
    }
    connection.ports = {.guest = *port, .host = free_host_port()};
    connection.state = State::Requested;
    by_ports_[connection.ports] = id;
    need(connection, id, Connection::request);
}

// There are more of them than connections: one is free.
uint32_t VsockDevice::free_host_port() {
    const auto is_taken = [this](uint32_t port) {
        return std::any_of(by_ports_.begin(), by_ports_.end(), [port](const auto& entry) { return entry.first.host == port; });
    };
    do next_host_port_ = first_host_port + (next_host_port_ + 1) % host_ports;
    while (is_taken(next_host_port_));
    return next_host_port_;
}

void VsockDevice::flush(Connection& connection, Id id) {
    const Outcome outcome = connection.flush();
    if (connection.state == State::Flushing) {
        if (outcome != Outcome::Blocked) drop(id);
        return;
    }
    if (outcome == Outcome::Failed) {
        connection.drop_output();
        connection.host_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
        connection.needs |= Connection::shutdown;
    }
    // The guest waits to hear that it arrived.
    if (connection.guest_shut == neither && connection.flushed()) {
        return end(connection, id);
    }
    if (connection.needs != 0) need(connection, id, 0);
}

void VsockDevice::end(Connection& connection, Id id) {
    reset(connection);
    drop(id);
}

void VsockDevice::work() {
    tell_of_loss();
    accept_all();
    const bool more_to_send = transmit(), held_up = refusals_.size() >= most_refusals, more_to_receive = receive();
    if (more_to_send || more_to_receive || (held_up && refusals_.size() < most_refusals)) signal_event(again_.get());
    for (virtio::Queue* const queue : queues_) {
        if (!queue) continue;
        queue->flush();
        if (queue->broken()) host_.needs_reset("a queue is broken");
    }
}

bool VsockDevice::transmit() {
    virtio::Queue* const queue = queues_[transmit_queue];
    if (!queue) return false;
    for (unsigned left = packets_at_once; left > 0; --left) {
        if (refusals_.size() >= most_refusals) return false;
        if (!queue->pop(sending_) && !(queue->enable_notifications() && queue->pop(sending_))) return false;
        Header header{};
        const size_t size = virtio::copy_from(sending_.readable, 0, std::as_writable_bytes(std::span{&header, 1}));
        // What is shorter than its header, or than it says to be, is no packet.
        if (size == sizeof header && header.len <= sending_.readable_bytes - sizeof header) handle(header, part_of(sending_.readable, sizeof header, header.len));
        queue->push(sending_.head, 0);
    }
    return true;
}

bool VsockDevice::receive() {
    virtio::Queue* const queue = queues_[receive_queue];
    if (!queue) return false;
    for (unsigned left = packets_at_once; left > 0; --left) {
        if (refusals_.empty() && control_.empty() && data_.empty()) return false;
        if (!queue->pop(receiving_) && !(queue->enable_notifications() && queue->pop(receiving_))) return false;
        if (receiving_.writable_bytes <= sizeof(Header)) {
            host_.needs_reset("a buffer has no room for a packet");
            return false;
        }
        Header header{};
        uint32_t written = sizeof header;
        if (next_control(header)) {
            (void)virtio::copy_to(receiving_.writable, 0, std::as_bytes(std::span{&header, 1}));
        } else if (!fill_with_data(written)) {
            queue->unpop();
            continue;
        }
        queue->push(receiving_.head, written);
    }
    return true;
}

void VsockDevice::handle(const Header& header, std::span<const iovec> pieces) {
    // Section 5.10.6.4: whoever says to be another one is not heard.
    if (header.src_cid != settings_.cid) return;
    if (header.dst_cid != VMADDR_CID_HOST || header.type != VIRTIO_VSOCK_TYPE_STREAM) return refuse(header);
    const Id id = id_of({.guest = header.src_port, .host = header.dst_port});
    Connection* const connection = find(id);
    if (!connection) return header.op == VIRTIO_VSOCK_OP_REQUEST ? handle_request(header) : refuse(header);
    connection->credit.hear(header);
    if (header.op == VIRTIO_VSOCK_OP_RST) {
        if (connection->guest_shut != neither || connection->flushed()) return drop(id);
        // It has waited long enough for the host, which may still read what is here.
        connection->state = State::Flushing;
        by_ports_.erase(connection->ports);
        return;
    }
    if (connection->state == State::Open) return handle_open(*connection, id, header, pieces);
    const std::string answer = "OK " + std::to_string(header.dst_port) + "\n";
    if (header.op != VIRTIO_VSOCK_OP_RESPONSE || connection->say(answer) != Outcome::Done) {
        return end(*connection, id);
    }
    connection->state = State::Open;
    want_data(*connection, id);
}

void VsockDevice::handle_request(const Header& header) {
    if (connections_.size() >= settings_.most_connections) return refuse(header);
    UniqueFd socket = connect_to(path_ + "_" + std::to_string(header.dst_port));
    if (!socket) return refuse(header);
    auto connection = std::make_unique<Connection>(std::move(socket));
    Connection& made = *connection;
    made.state = State::Open;
    made.ports = {.guest = header.src_port, .host = header.dst_port};
    made.credit.hear(header);
    const Id id = add(std::move(connection));
    if (id == 0) return refuse(header);
    need(made, id, Connection::response);
}

void VsockDevice::handle_open(Connection& connection, Id id, const Header& header, std::span<const iovec> pieces) {
    switch (header.op) {
        case VIRTIO_VSOCK_OP_RW:
            if (header.len > most_data || (connection.guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0 || !connection.credit.receive(header.len)) break;
            if (connection.write(pieces) == Outcome::Failed) {
                connection.drop_output();
                connection.host_shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
                connection.needs |= Connection::shutdown;
            }
            if (connection.needs != 0) need(connection, id, 0);
            return;
        case VIRTIO_VSOCK_OP_CREDIT_UPDATE: return want_data(connection, id);
        case VIRTIO_VSOCK_OP_CREDIT_REQUEST: return need(connection, id, Connection::credit_update);
        case VIRTIO_VSOCK_OP_SHUTDOWN: return handle_shutdown(connection, id, header.flags);
        default: break;
    }
    // More than there is room for, or nothing that belongs here.
    end(connection, id);
}

void VsockDevice::handle_shutdown(Connection& connection, Id id, uint32_t flags) {
    const uint32_t news = flags & neither & ~connection.guest_shut;
    connection.guest_shut |= news;
    if ((news & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0) connection.finish_output();
    if (connection.guest_shut != neither) {
        if ((news & VIRTIO_VSOCK_SHUTDOWN_RCV) != 0) (void)::shutdown(connection.file.get(), SHUT_RD);
        return;
    }
    // The answer tells the guest that the host has everything (section 5.10.6.6).
    if (connection.flushed()) end(connection, id);
}

void VsockDevice::need(Connection& connection, Id id, unsigned needs) {
    connection.needs |= needs;
    if (!std::exchange(connection.queued_control, true)) control_.push_back(id);
}

void VsockDevice::want_data(Connection& connection, Id id) {
    const bool open = connection.state == State::Open && ((connection.guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) | (connection.host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)) == 0;
    if (!open || !connection.readable || connection.credit.room() == 0) return;
    if (!std::exchange(connection.queued_data, true)) data_.push_back(id);
}

void VsockDevice::refuse(const Header& header) {
    if (header.op == VIRTIO_VSOCK_OP_RST) return;
    Header answer{};
    answer.src_cid = header.dst_cid;
    answer.dst_cid = header.src_cid;
    answer.src_port = header.dst_port;
    answer.dst_port = header.src_port;
    answer.type = header.type;
    answer.op = VIRTIO_VSOCK_OP_RST;
    refusals_.push_back(answer);
}

// There are no more of these than connections and refusals: each connection has one at most, and goes with it.
void VsockDevice::reset(Connection& connection) { refusals_.push_back(header_for(connection, VIRTIO_VSOCK_OP_RST)); }

Header VsockDevice::header_for(Connection& connection, uint16_t op) const {
    Header header{};
    header.src_cid = VMADDR_CID_HOST;
    header.dst_cid = settings_.cid;
    header.src_port = connection.ports.host;
    header.dst_port = connection.ports.guest;
    header.type = VIRTIO_VSOCK_TYPE_STREAM;
    header.op = op;
    connection.credit.tell(header);
    return header;
}

bool VsockDevice::next_control(Header& header) {
    while (!control_.empty()) {
        const Id id = control_.front();
        Connection* const connection = find(id);
        if (!connection || connection->needs == 0) {
            control_.pop_front();
            if (connection) {
                connection->queued_control = false;
                want_data(*connection, id);
            }
            continue;
        }
        // In this order; each tells the credit, too.
        static constexpr std::array<std::pair<unsigned, uint16_t>, 4> order{{{Connection::request, VIRTIO_VSOCK_OP_REQUEST},
                                                                           {Connection::response, VIRTIO_VSOCK_OP_RESPONSE},
                                                                           {Connection::shutdown, VIRTIO_VSOCK_OP_SHUTDOWN},
                                                                           {Connection::credit_update, VIRTIO_VSOCK_OP_CREDIT_UPDATE}}};
        const auto& [need, op] = *std::find_if(order.begin(), order.end(), [connection](const auto& entry) { return (connection->needs & entry.first) != 0; });
        connection->needs &= ~(need | Connection::credit_update);
        header = header_for(*connection, op);
        if (op == VIRTIO_VSOCK_OP_SHUTDOWN) header.flags = connection->host_shut;
        return true;
    }
    if (refusals_.empty()) return false;
    header = refusals_.front();
    refusals_.pop_front();
    return true;
}

bool VsockDevice::fill_with_data(uint32_t& written) {
    while (!data_.empty()) {
        const Id id = data_.front();
        data_.pop_front();
        Connection* const connection = find(id);
        if (!connection) continue;
        connection->queued_data = false;
        const size_t room = std::min<size_t>({connection->credit.room(), receiving_.writable_bytes - sizeof(Header), most_data});
        if (room == 0) continue;
        size_t count = 0;
        const Outcome outcome = connection->read(part_of(receiving_.writable, sizeof(Header), room), count);
        if (outcome == Outcome::Done) {
            Header header = header_for(*connection, VIRTIO_VSOCK_OP_RW);
            header.len = static_cast<uint32_t>(count);
            connection->credit.send(header.len);
            (void)virtio::copy_to(receiving_.writable, 0, std::as_bytes(std::span{&header, 1}));
            written += header.len;
            want_data(*connection, id);
            return true;
        }
        connection->readable = false;
        if (outcome == Outcome::Blocked) continue;
        if (outcome == Outcome::Failed || connection->hung_up) {
            end(*connection, id);
        } else {
            // It may still read.
            connection->host_shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
            need(*connection, id, Connection::shutdown);
        }
    }
    return false;
}

}  // namespace eremite::vmm::vsock
