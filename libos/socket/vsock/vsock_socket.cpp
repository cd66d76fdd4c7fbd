#include "libos/socket/vsock/vsock_socket.hpp"

#include <algorithm>
#include <cstring>

#include "libos/drivers/virtio_vsock.hpp"
#include "libos/platform/clock.hpp"
#include "libos/random/random.hpp"
#include "libos/socket/vsock_sockets.hpp"

namespace eremite::socket::vsock {

namespace {

constexpr uint32_t can_read = POLLIN | POLLRDNORM, can_write = POLLOUT | POLLWRNORM;
constexpr int most_backlog = 4096;  // net.core.somaxconn

constinit Machine the_machine;

Result<Address> parse(std::span<const uint8_t> bytes) {
    sockaddr_vm address;
    if (bytes.size() < sizeof address) return Error{EINVAL};
    std::memcpy(&address, bytes.data(), sizeof address);
    if (address.svm_family != AF_VSOCK || (address.svm_flags & ~VMADDR_FLAG_TO_HOST) != 0) return Error{EINVAL};
    return Address{address.svm_cid, address.svm_port};
}

}  // namespace

Machine& machine() { return the_machine; }

void Machine::start() {
    if (started) return;
    started = true;
    drivers::start_virtio_vsock(endpoint, lock);
}

void Machine::DeadlineTimer::expired(sched::Timer& timer) {
    Machine& machine = static_cast<DeadlineTimer&>(timer).machine;
    const sync::Guard guard{machine.lock};
    machine.watch_deadlines();
}

void Machine::watch_deadlines() {
    const Instant next = endpoint.expire(platform::monotonic_now());
    if (next != Instant::never()) timer.start(next);
}

VsockSocket::~VsockSocket() {
    const sync::Guard guard{machine().lock};
    machine().endpoint.unbind(port_);
    drop_stream();
}

void VsockSocket::drop_stream() {
    if (!stream_) return;
    machine().endpoint.close(*std::exchange(stream_, nullptr), platform::monotonic_now());
    machine().watch_deadlines();
}

void VsockSocket::changed(uint32_t events) {
    waiting_.wake_all();
    source_.notify(events);
}

Result<void> VsockSocket::wait(bool may_wait, Instant deadline) {
    if (!may_wait) return Error{EAGAIN};
    return outcome(waiting_.wait(machine().lock, deadline), deadline);
}

Result<void> VsockSocket::bind_locked(Address wanted) {
    uint32_t first = 0;
    if (wanted.port == VMADDR_PORT_ANY) {
        uint8_t bytes[sizeof first];
        random::fill(bytes);
        std::memcpy(&first, bytes, sizeof first);
    }
    return machine().endpoint.bind(port_, wanted, first);
}

Result<void> VsockSocket::bind(std::span<const uint8_t> address) {
    const Address wanted = TRY(parse(address));
    const sync::Guard guard{machine().lock};
    if (port_.bound() || stream_) return Error{EINVAL};
    return bind_locked(wanted);
}

Result<void> VsockSocket::listen(int backlog) {
    const sync::Guard guard{machine().lock};
    if (connected() || in_state(Stream::State::Connecting) || !port_.bound()) return Error{EINVAL};
    port_.backlog = static_cast<uint32_t>(backlog < 0 || backlog > most_backlog ? most_backlog : backlog);
    port_.buffer = settings_.buffer_bytes();
    port_.watcher = this;
    port_.listening = true;
    return {};
}

Result<Ref<Socket>> VsockSocket::accept(uint32_t flags, bool may_wait) {
    auto accepted = TRY(make_ref<VsockSocket>(flags));
    const Instant end = deadline(receive_timeout);
    const sync::Guard guard{machine().lock};
    if (!port_.listening) return Error{EINVAL};
    while (port_.waiting.empty()) TRY(wait(may_wait && !nonblocking(), end));
    accepted->stream_ = machine().endpoint.accept(port_);
    accepted->stream_->watcher = accepted.get();
    accepted->settings_ = settings_;
    return Ref<Socket>{std::move(accepted)};
}

// Asks the peer for a stream.
Result<void> VsockSocket::ask(std::span<const uint8_t> address) {
    if (port_.listening) return Error{EINVAL};
    const Address to = TRY(parse(address));
    if (!port_.bound()) TRY(bind_locked({}));
    drop_stream();
    auto* const stream = new (std::nothrow) Stream{settings_.buffer_bytes()};
    if (!stream) return Error{ENOMEM};
    stream->watcher = this;
    stream_ = stream;
    if (const auto asked = machine().endpoint.connect(*stream, port_.address.port, to, platform::monotonic_now() + settings_.connect_timeout); !asked.ok()) {
        drop_stream();
        return asked;
    }
    machine().watch_deadlines();
    return {};
}

Result<void> VsockSocket::connect(std::span<const uint8_t> address) {
    const sync::Guard guard{machine().lock};
    if (connected()) return Error{shut_ ? EINVAL : EISCONN};
    if (in_state(Stream::State::Connecting)) {
        if (nonblocking()) return Error{EALREADY};
    } else {
        TRY(ask(address));
        if (nonblocking()) return Error{EINPROGRESS};
    }
    while (in_state(Stream::State::Connecting)) {
        if (waiting_.wait(machine().lock) != sched::Wakeup::Interrupted || !in_state(Stream::State::Connecting)) continue;
        drop_stream();
        return Error{EINTR};
    }
    if (connected()) return {};
    const int error = stream_ ? stream_->error : ECONNRESET;
    drop_stream();
    return Error{error};
}

Result<void> VsockSocket::shutdown(int how) {
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Error{EINVAL};
    const sync::Guard guard{machine().lock};
    if (!connected()) return Error{ENOTCONN};
    shut_ = true;
    // SHUT_RD, SHUT_WR and SHUT_RDWR are these bits, less one.
    machine().endpoint.shutdown(*stream_, static_cast<uint32_t>(how) + 1);
    changed(can_read | can_write | POLLHUP | POLLRDHUP);
    return {};
}

int VsockSocket::take_error() {
    const sync::Guard guard{machine().lock};
    return stream_ ? std::exchange(stream_->error, 0) : 0;
}

Result<size_t> VsockSocket::address(bool of_peer, std::span<uint8_t> buffer) {
    const sync::Guard guard{machine().lock};
    if (of_peer && (!connected() || shut_)) return Error{ENOTCONN};
    const bool accepted = stream_ && !port_.bound();
    const Address& address = of_peer ? stream_->peer : accepted ? stream_->local : port_.address;
    sockaddr_vm name{};
    name.svm_family = AF_VSOCK;
    name.svm_cid = address.cid;
    name.svm_port = address.port;
    std::memcpy(buffer.data(), &name, std::min(sizeof name, buffer.size()));
    return sizeof name;
}

// As vsock(7) leaves open, and Linux has it: what is not connected can be written to, as far as poll(2) is concerned.
uint32_t VsockSocket::readiness() {
    const sync::Guard guard{machine().lock};
    if (port_.listening) return port_.waiting.empty() ? 0 : can_read;
    if (!stream_) return can_write;
    const uint32_t own = stream_->own_shut;
    const bool ended = connected() && stream_->at_end();
    uint32_t events = 0;
    if (stream_->error != 0) events |= POLLERR;
    if (own == neither || ((own & no_send) != 0 && ended)) events |= POLLHUP;
    if ((own & no_receive) != 0 || ended) events |= POLLRDHUP | can_read;
    if (stream_->incoming.size() != 0) events |= can_read;
    if (in_state(Stream::State::Established)) {
        if (Endpoint::room(*stream_) != 0 || (stream_->peer_shut & no_receive) != 0) events |= can_write;
    } else if (!in_state(Stream::State::Connecting)) {
        events |= can_write;
    }
    if ((own & no_send) != 0) events &= ~can_write;
    return events;
}

Result<size_t> VsockSocket::queued(bool outgoing) {
    const sync::Guard guard{machine().lock};
    if (port_.listening) return Error{EINVAL};
    if (!stream_) return size_t{0};
    if (!outgoing) return stream_->incoming.size();
    return size_t{in_state(Stream::State::Established) ? stream_->credit.under_way() : 0};
}

}  // namespace eremite::socket::vsock

namespace eremite::socket {

bool has_vsock() { return true; }

Result<Ref<Socket>> create_vsock_socket(int type, int protocol, uint32_t flags) {
    if (protocol != 0 && protocol != PF_VSOCK) return Error{EPROTONOSUPPORT};
    // As in Linux, where only VMware's machines have datagrams.
    if (type == SOCK_DGRAM) return Error{ENODEV};
    if (type != SOCK_STREAM) return Error{ESOCKTNOSUPPORT};
    {
        const sync::Guard guard{vsock::machine().lock};
        vsock::machine().start();
    }
    return Ref<Socket>{TRY(make_ref<vsock::VsockSocket>(flags))};
}

void finish_vsock() {
    // After so long without progress, and in all, nothing more is waited for.
    constexpr Duration patience = Duration::seconds(2), longest = Duration::seconds(10), step = Duration::milliseconds(1);
    vsock::Machine& machine = vsock::machine();
    sched::WaitQueue nobody;
    const sync::Guard guard{machine.lock};
    machine.endpoint.end_streams();
    const Instant began = platform::monotonic_now();
    uint64_t left = machine.endpoint.undelivered();
    for (Instant now = began, progress = began; left != 0 && now - progress < patience && now - began < longest; now = platform::monotonic_now()) {
        (void)nobody.wait_uninterruptibly(machine.lock, now + step);
        if (const uint64_t before = std::exchange(left, machine.endpoint.undelivered()); left < before) progress = now;
    }
}

}  // namespace eremite::socket
