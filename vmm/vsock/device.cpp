#include "vmm/vsock/device.hpp"

#include <linux/capability.h>
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
using eremite::virtio::vsock::receive_queue;

// The host's ports, of streams that it asked for, are of this half, where guests seldom ask for any.
constexpr uint32_t first_host_port = uint32_t{1} << 30, host_ports = uint32_t{1} << 30;
constexpr uint32_t neither = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND;

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
    // The sockets that root may connect to are those of all users; Landlock keeps it from their files.
    needs.capabilities |= sandbox::capability(CAP_DAC_OVERRIDE);
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

}  // namespace eremite::vmm::vsock
