#include "netstack/dhcp/client.hpp"

#include <algorithm>

#include "netstack/stack.hpp"

namespace eremite::net {

namespace {

constexpr uint8_t most_requests = 4;  // of one offer, before the search begins anew

void keep_text(std::array<char, 64>& to, std::span<const uint8_t> from) {
    to = {};
    std::copy_n(from.begin(), std::min(from.size(), to.size() - 1), to.begin());
}

Route default_route(Interface& interface, Ipv4Address router) {
    return {.prefix = any_v4(), .length = v4_prefix_base, .gateway = router, .interface = &interface};
}

class Bytes final : public ByteSource {
public:
    explicit Bytes(std::span<const uint8_t> bytes) : bytes_{bytes} {}
    [[nodiscard]] Result<void> read(std::span<uint8_t> to) override {
        std::copy_n(bytes_.begin(), to.size(), to.begin());
        bytes_ = bytes_.subspan(to.size());
        return {};
    }

private:
    std::span<const uint8_t> bytes_;
};

}  // namespace

DhcpClient::DhcpClient(Interface& interface, Observer* changed)
    : Timer{[](Timer& timer) { static_cast<DhcpClient&>(timer).work(); }}, interface_{interface}, changed_{changed},
      socket_{interface.stack().udp(), *this} {}

DhcpClient::~DhcpClient() { interface_.stack().timers().cancel(*this); }

Result<void> DhcpClient::start(std::span<const uint8_t> host_name) {
    if (state_ != State::Stopped) return {};
    socket_.options.interface = &interface_;
    socket_.options.broadcast = true;
    TRY(socket_.bind({any_v4(), dhcp_client_port}));
    host_name_length_ = static_cast<uint8_t>(std::min(host_name.size(), host_name_.size()));
    std::copy_n(host_name.begin(), host_name_length_, host_name_.begin());
    begin();
    return {};
}

void DhcpClient::start_again() {
    if (state_ == State::Stopped) return;
    lose();
    begin();
}

void DhcpClient::stop() {
    if (bound()) send(DhcpType::Release);
    abandon();
}

void DhcpClient::abandon() {
    lose();
    state_ = State::Stopped;
    socket_.close();
    interface_.stack().timers().cancel(*this);
}

void DhcpClient::begin() {
    state_ = State::Selecting;
    attempts_ = 0;
    started_ = interface_.stack().now();
    transaction_ = static_cast<uint32_t>(interface_.stack().random().next());
    send(DhcpType::Discover);
    ask_again();
}

// Four seconds, doubled up to 64, give or take one (section 4.1).
void DhcpClient::ask_again() {
    Stack& stack = interface_.stack();
    const int64_t seconds = int64_t{4} << std::min<uint8_t>(attempts_, 4);
    if (attempts_ < 255) ++attempts_;
    deadline_ = stack.now() + Duration::seconds(seconds) + Duration::milliseconds(static_cast<int64_t>(stack.random().below(2000)) - 1000);
    stack.timers().set(*this, deadline_);
}

void DhcpClient::send(DhcpType type) {
    const bool has_address = bound();
    DhcpQuestion question{.type = type, .transaction = transaction_,
                          .seconds = static_cast<uint16_t>(std::min<int64_t>((interface_.stack().now() - started_).ns / 1'000'000'000, 65535)),
                          .mac = interface_.mac(), .host_name = std::span{host_name_}.first(host_name_length_)};
    // Table 5 of the RFC: what stands where in which state.
    if (has_address) question.client = lease_.address;
    if (state_ == State::Requesting) {
        question.requested = offered_;
        question.server = server_;
    } else if (type == DhcpType::Release) {
        question.server = server_;
    }
    std::array<uint8_t, dhcp_longest> bytes;
    const size_t size = write_dhcp(bytes, question);
    const bool unicast = state_ == State::Renewing || type == DhcpType::Release;
    const Endpoint to{unicast ? server_ : Ipv4Address{0xffff'ffff}, dhcp_server_port};
    Bytes source{{bytes.data(), size}};
    // One that does not go out is repeated as if it was lost.
    (void)socket_.send(source, size, &to);
}

// Called from within the reception of a packet: the work is done by the timer.
void DhcpClient::notify(uint32_t) {
    if (state_ != State::Stopped) interface_.stack().timers().set(*this, interface_.stack().now());
}

void DhcpClient::work() {
    receive();
    if (state_ == State::Stopped) return;
    if (interface_.stack().now() >= deadline_) timeout();
    else interface_.stack().timers().set(*this, deadline_);
}

void DhcpClient::receive() {
    Datagram datagram;
    while (Packet packet = socket_.receive(datagram)) {
        std::array<uint8_t, 1500> bytes;
        const auto message = std::span{bytes}.first(std::min<size_t>(packet.length(), bytes.size()));
        packet.copy_to(0, message);
        DhcpAnswer answer;
        if (parse_dhcp(message, answer) != Drop::None || answer.transaction != transaction_ || answer.mac != interface_.mac()) continue;
        const bool asked = state_ == State::Requesting || state_ == State::Renewing || state_ == State::Rebinding;
        if (answer.type == DhcpType::Offer && state_ == State::Selecting && !answer.address.is_unspecified()) {
            offered_ = answer.address;
            server_ = answer.server.is_unspecified() ? datagram.source.address.v4() : answer.server;
            state_ = State::Requesting;
            attempts_ = 0;
            send(DhcpType::Request);
            ask_again();
        } else if (answer.type == DhcpType::Ack && asked) {
            accept(answer);
        } else if (answer.type == DhcpType::Nak && asked) {
            lose();
            begin();
        }
    }
}

void DhcpClient::accept(const DhcpAnswer& answer) {
    Stack& stack = interface_.stack();
    const Ipv4Address address = answer.address.is_unspecified() ? lease_.address : answer.address;
    const uint8_t prefix = answer.prefix_length ? answer.prefix_length : 24;
    if (bound() && (address != lease_.address || answer.router != lease_.router || prefix != lease_.prefix_length)) lose();
    const bool is_new = !bound();
    lease_.address = address;
    lease_.prefix_length = prefix;
    lease_.router = answer.router;
    lease_.server = server_;
    lease_.dns = answer.dns;
    lease_.dns_count = answer.dns_count;
    keep_text(lease_.host_name, answer.host_name);
    keep_text(lease_.domain, answer.domain);
    state_ = State::Bound;
    if (is_new) {
        if (const auto added = interface_.add_address(address, prefix); !added.ok() && added.code() != EEXIST) return begin();
        if (!answer.router.is_unspecified()) (void)stack.ip().routes().add(default_route(interface_, answer.router));
        if (answer.mtu >= 576 && answer.mtu <= interface_.capabilities().mtu) (void)interface_.set_mtu(answer.mtu);
        stack.ip().changed();
    }
    // Section 4.4.5; none said is an hour.
    constexpr uint32_t infinite = 0xffff'ffff;
    const int64_t lease = answer.lease ? answer.lease : 3600;
    const int64_t renewal = answer.renewal && answer.renewal < lease ? answer.renewal : lease / 2;
    const int64_t rebinding = answer.rebinding && answer.rebinding < lease && answer.rebinding > renewal ? answer.rebinding : lease * 7 / 8;
    renew_at_ = stack.now() + Duration::seconds(renewal);
    rebind_at_ = stack.now() + Duration::seconds(rebinding);
    ends_at_ = stack.now() + Duration::seconds(lease);
    deadline_ = answer.lease == infinite ? Instant::never() : renew_at_;
    attempts_ = 0;
    if (changed_) changed_->notify(event::readable);
}

void DhcpClient::lose() {
    if (!bound()) return;
    (void)interface_.remove_address(lease_.address);
    if (!lease_.router.is_unspecified()) (void)interface_.stack().ip().routes().remove(default_route(interface_, lease_.router));
    interface_.stack().ip().changed();
    lease_ = {};
    state_ = State::Selecting;
    if (changed_) changed_->notify(event::hangup);
}

void DhcpClient::timeout() {
    Stack& stack = interface_.stack();
    const Instant now = stack.now();
    switch (state_) {
        case State::Stopped: return;
        case State::Selecting:
            send(DhcpType::Discover);
            return ask_again();
        case State::Requesting:
            if (attempts_ >= most_requests) return begin();
            send(DhcpType::Request);
            return ask_again();
        case State::Bound:
            started_ = now;
            transaction_ = static_cast<uint32_t>(stack.random().next());
            state_ = State::Renewing;
            break;
        case State::Renewing:
            if (now >= rebind_at_) state_ = State::Rebinding;
            break;
        case State::Rebinding:
            if (now < ends_at_) break;
            lose();
            return begin();
    }
    send(DhcpType::Request);
    // Half of what is left, but not more often than once a minute (section 4.4.5).
    const Instant end = state_ == State::Renewing ? rebind_at_ : ends_at_;
    deadline_ = std::min(end, now + Duration{std::max<int64_t>((end - now).ns / 2, 60'000'000'000)});
    stack.timers().set(*this, deadline_);
}

}  // namespace eremite::net
