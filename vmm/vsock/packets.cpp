// The packets of a socket device: those of the guest, and those for it (virtio 1.2 section 5.10.6).
#include <linux/vm_sockets.h>

#include <algorithm>
#include <utility>

#include "vmm/vsock/device.hpp"
#include "vmm/vsock/unix_socket.hpp"

namespace eremite::vmm::vsock {

namespace {

using Outcome = Connection::Outcome;
using State = Connection::State;
using eremite::virtio::vsock::most_data;
using eremite::virtio::vsock::receive_queue;
using eremite::virtio::vsock::transmit_queue;

// Others want the lock: then it goes on with the next turn of the loop.
constexpr unsigned packets_at_once = 64;
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
