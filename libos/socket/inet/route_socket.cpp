// Netlink (netlink(7)), of which there is what asks for interfaces, addresses and routes (rtnetlink(7)).
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "libos/sched/wait_queue.hpp"
#include "libos/socket/inet/interfaces.hpp"
#include "libos/socket/inet_sockets.hpp"
#include "libos/socket/packet_queue.hpp"

namespace eremite::socket {

namespace {

// Records are not longer than what programs have room for.
constexpr size_t record_size = 3584;

// Messages put together, as many as fit into a record, on their way to a queue.
class Answer {
public:
    Answer(PacketQueue& queue, const nlmsghdr& request, uint32_t port) : queue_{queue}, request_{request}, port_{port} {}
    [[nodiscard]] bool start() {
        bytes_.reset(new (std::nothrow) uint8_t[record_size]);
        return bytes_ != nullptr;
    }
    template <typename Body>
    void begin(uint16_t type, uint16_t flags, const Body& body) {
        // None is longer than this.
        constexpr size_t most = 512;
        if (used_ + most > record_size) flush();
        message_ = used_;
        header_ = {0, type, flags, request_.nlmsg_seq, port_};
        put(&header_, sizeof header_);
        put(&body, sizeof body);
    }
    void attribute(uint16_t type, const void* value, size_t size) {
        const rtattr attribute{static_cast<uint16_t>(RTA_LENGTH(size)), type};
        put(&attribute, sizeof attribute);
        put(value, size);
    }
    template <typename T>
    void attribute(uint16_t type, const T& value) {
        attribute(type, &value, sizeof value);
    }
    void end() {
        header_.nlmsg_len = static_cast<uint32_t>(used_ - message_);
        std::memcpy(&bytes_[message_], &header_, sizeof header_);
    }
    // False: there was no memory for something.
    bool flush() {
        if (used_ == 0) return complete_;
        fs::IoBuffer io = fs::IoBuffer::kernel(std::span<const uint8_t>{bytes_.get(), used_});
        Files none;
        complete_ = queue_.put_record(io, used_, none).ok() && complete_;
        used_ = 0;
        return complete_;
    }

private:
    void put(const void* value, size_t size) {
        std::memcpy(&bytes_[used_], value, size);
        const size_t padded = NLMSG_ALIGN(size);
        std::memset(&bytes_[used_ + size], 0, padded - size);
        used_ += padded;
    }
    PacketQueue& queue_;
    const nlmsghdr request_;
    const uint32_t port_;
    nlmsghdr header_{};
    std::unique_ptr<uint8_t[]> bytes_;
    size_t used_ = 0, message_ = 0;
    bool complete_ = true;
};

// An address as attributes have it; returns its size.
size_t address_bytes(const net::IpAddress& address, std::array<uint8_t, 16>& out) {
    out = address.bytes();
    if (!address.is_v4()) return out.size();
    std::copy_n(&address.bytes()[12], 4, out.begin());
    return 4;
}
void put_address(Answer& answer, uint16_t type, const net::IpAddress& address) {
    std::array<uint8_t, 16> bytes;
    answer.attribute(type, bytes.data(), address_bytes(address, bytes));
}

void put_link(Answer& answer, network::Network& network, const net::Interface& interface, uint16_t flags) {
    const bool loopback = interface.capabilities().loopback;
    ifinfomsg body{};
    body.ifi_type = loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
    body.ifi_index = static_cast<int>(interface.index());
    body.ifi_flags = interface_flags(interface) | (interface.up() ? 1U << 16 : 0);  // IFF_LOWER_UP
    answer.begin(RTM_NEWLINK, flags, body);
    const InterfaceName name = name_of(interface);
    answer.attribute(IFLA_IFNAME, name.text.data(), name.view().size() + 1);
    answer.attribute(IFLA_TXQLEN, uint32_t{1000});
    answer.attribute(IFLA_OPERSTATE, uint8_t{static_cast<uint8_t>(loopback ? 0 : interface.up() ? 6 : 2)});  // RFC 2863
    answer.attribute(IFLA_MTU, uint32_t{interface.mtu()});
    answer.attribute(IFLA_ADDRESS, interface.mac().bytes);
    answer.attribute(IFLA_BROADCAST, loopback ? net::MacAddress{}.bytes : net::MacAddress::broadcast().bytes);
    const net::InterfaceCounters c = counters_of(network, interface);
    rtnl_link_stats stats{};
    stats.rx_packets = static_cast<uint32_t>(c.received_packets);
    stats.rx_bytes = static_cast<uint32_t>(c.received_bytes);
    stats.tx_packets = static_cast<uint32_t>(c.sent_packets);
    stats.tx_bytes = static_cast<uint32_t>(c.sent_bytes);
    stats.tx_dropped = static_cast<uint32_t>(c.send_drops);
    answer.attribute(IFLA_STATS, stats);
    answer.end();
}

void put_addresses(Answer& answer, net::Interface& interface, uint8_t family) {
    for (const net::InterfaceAddress& a : interface.addresses()) {
        const bool v4 = a.address.is_v4();
        if (!a.in_use || (family != AF_UNSPEC && family != (v4 ? AF_INET : AF_INET6))) continue;
        ifaddrmsg body{};
        body.ifa_family = v4 ? AF_INET : AF_INET6;
        body.ifa_prefixlen = prefix_length(a);
        body.ifa_flags = static_cast<uint8_t>((a.from_router ? 0 : IFA_F_PERMANENT) |
                                              (a.state == net::AddressState::Tentative ? IFA_F_TENTATIVE : 0) |
                                              (a.state == net::AddressState::Deprecated ? IFA_F_DEPRECATED : 0));
        body.ifa_scope = a.address.is_loopback() ? RT_SCOPE_HOST : a.address.is_link_local() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
        body.ifa_index = interface.index();
        answer.begin(RTM_NEWADDR, NLM_F_MULTI, body);
        put_address(answer, IFA_ADDRESS, a.address);
        if (v4) {
            put_address(answer, IFA_LOCAL, a.address);
            const uint32_t mask = netmask(a);
            if (!interface.capabilities().loopback && mask < 0xffff'fffe)
                put_address(answer, IFA_BROADCAST, net::Ipv4Address{a.address.v4().value | ~mask});
            const InterfaceName name = name_of(interface);
            answer.attribute(IFA_LABEL, name.text.data(), name.view().size() + 1);
        }
        answer.attribute(IFA_FLAGS, uint32_t{body.ifa_flags});
        answer.end();
    }
}

void put_routes(Answer& answer, const net::Stack& stack, std::span<const net::Route> routes, uint8_t family) {
    for (const net::Route& r : routes) {
        const bool v4 = r.prefix.is_v4();
        if (family != AF_UNSPEC && family != (v4 ? AF_INET : AF_INET6)) continue;
        // Linux has its own addresses in another table.
        if (r.interface == &stack.loopback()) continue;
        rtmsg body{};
        body.rtm_family = v4 ? AF_INET : AF_INET6;
        body.rtm_dst_len = static_cast<uint8_t>(r.length - (v4 ? net::v4_prefix_base : 0));
        body.rtm_table = RT_TABLE_MAIN;
        body.rtm_protocol = r.gateway.is_unspecified() ? RTPROT_KERNEL : RTPROT_BOOT;
        body.rtm_scope = r.gateway.is_unspecified() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
        body.rtm_type = RTN_UNICAST;
        answer.begin(RTM_NEWROUTE, NLM_F_MULTI, body);
        answer.attribute(RTA_TABLE, uint32_t{RT_TABLE_MAIN});
        if (body.rtm_dst_len != 0) {
            std::array<uint8_t, 16> bytes;
            const size_t size = address_bytes(r.prefix, bytes);
            for (size_t bit = body.rtm_dst_len; bit < size * 8; ++bit) bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
            answer.attribute(RTA_DST, bytes.data(), size);
        }
        if (!r.gateway.is_unspecified()) put_address(answer, RTA_GATEWAY, r.gateway);
        if (!r.source.is_unspecified()) put_address(answer, RTA_PREFSRC, r.source);
        if (r.metric != 0) answer.attribute(RTA_PRIORITY, r.metric);
        answer.attribute(RTA_OIF, r.interface->index());
        answer.end();
    }
}

class RouteSocket final : public Socket {
public:
    RouteSocket(network::Network& network, int type, uint32_t flags) : Socket{AF_NETLINK, type, flags}, network_{network} {}

    [[nodiscard]] Result<void> bind(std::span<const uint8_t> address) override;
    [[nodiscard]] Result<void> connect(std::span<const uint8_t> address) override { return parse(address); }
    [[nodiscard]] Result<size_t> send(Message& message) override;
    [[nodiscard]] Result<size_t> receive(Message& message) override;
    [[nodiscard]] Result<void> shutdown(int) override { return Error{EOPNOTSUPP}; }
    [[nodiscard]] int take_error() override { return 0; }
    [[nodiscard]] Result<size_t> address(bool of_peer, std::span<uint8_t> buffer) override;
    // Hints about messages that the kernel sends of itself, of which there are none.
    [[nodiscard]] Result<void> set_option(int level, int, std::span<const uint8_t>) override {
        return level == SOL_NETLINK ? Result<void>{} : Result<void>{Error{ENOPROTOOPT}};
    }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{lock_};
        return POLLOUT | POLLWRNORM | (incoming_.empty() ? 0 : POLLIN | POLLRDNORM);
    }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &source_; }

private:
    [[nodiscard]] static Result<void> parse(std::span<const uint8_t> address);
    // Requires both locks.
    void dump(Answer& answer, uint16_t type, uint8_t family);
    [[nodiscard]] Result<void> handle(const nlmsghdr& request, std::span<const uint8_t> body);

    network::Network& network_;
    sync::Spinlock lock_{sync::Rank::File};
    PacketQueue incoming_;
    uint32_t port_ = 0;
    sched::WaitQueue readers_;
    fs::ReadinessSource source_;
};

Result<void> RouteSocket::parse(std::span<const uint8_t> address) {
    sockaddr_nl in;
    if (address.size() < sizeof in) return Error{EINVAL};
    std::memcpy(&in, address.data(), sizeof in);
    return in.nl_family == AF_NETLINK ? Result<void>{} : Result<void>{Error{EINVAL}};
}

Result<void> RouteSocket::bind(std::span<const uint8_t> address) {
    TRY(parse(address));
    sockaddr_nl in;
    std::memcpy(&in, address.data(), sizeof in);
    const sync::Guard guard{lock_};
    if (port_ != 0 && in.nl_pid != 0 && in.nl_pid != port_) return Error{EINVAL};
    if (port_ == 0) port_ = in.nl_pid != 0 ? in.nl_pid : static_cast<uint32_t>(number());
    return {};
}

void RouteSocket::dump(Answer& answer, uint16_t type, uint8_t family) {
    net::Stack& stack = network_.first().stack();
    if (type == RTM_GETROUTE) return put_routes(answer, stack, stack.ip().routes().routes(), family);
    for_each_interface(stack, [&](net::Interface& interface) {
        if (type == RTM_GETLINK) put_link(answer, network_, interface, NLM_F_MULTI);
        else put_addresses(answer, interface, family);
    });
}

Result<void> RouteSocket::handle(const nlmsghdr& request, std::span<const uint8_t> body) {
    Answer answer{incoming_, request, port_};
    if (!answer.start()) return Error{ENOMEM};
    const uint16_t type = request.nlmsg_type;
    int error = 0;
    bool answered = false;
    if ((type == RTM_GETLINK || type == RTM_GETADDR || type == RTM_GETROUTE) && (request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
        dump(answer, type, body.empty() ? uint8_t{AF_UNSPEC} : body[0]);
        answer.begin(NLMSG_DONE, NLM_F_MULTI, int{0});
        answer.end();
        answered = true;
    } else if (type == RTM_GETLINK && body.size() >= sizeof(ifinfomsg)) {
        ifinfomsg wanted;
        std::memcpy(&wanted, body.data(), sizeof wanted);
        const net::Interface* const interface = network_.first().stack().interface(static_cast<uint32_t>(wanted.ifi_index));
        if (interface) put_link(answer, network_, *interface, 0);
        answered = interface != nullptr;
        error = ENODEV;
    } else if (type >= RTM_BASE) {
        error = EOPNOTSUPP;
    }
    if (!answered && (error != 0 || (request.nlmsg_flags & NLM_F_ACK) != 0)) {
        answer.begin(NLMSG_ERROR, 0, nlmsgerr{-error, request});
        answer.end();
    }
    return answer.flush() ? Result<void>{} : Result<void>{Error{ENOBUFS}};
}

Result<size_t> RouteSocket::send(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    if (!message.to.empty()) TRY(parse(message.to));
    // Longer requests change something, which is not possible here; what there is of them says so.
    uint8_t bytes[256];
    const size_t size = message.data.remaining(), known = std::min(size, sizeof bytes);
    if (message.data.take(bytes, known) != known) return Error{EFAULT};
    nlmsghdr request;
    if (known < sizeof request) return size;
    std::memcpy(&request, bytes, sizeof request);
    if (request.nlmsg_len < sizeof request || request.nlmsg_len > size) return size;
    if ((request.nlmsg_flags & NLM_F_REQUEST) == 0 || request.nlmsg_type < NLMSG_MIN_TYPE) return size;
    const sync::Guard guard{lock_};
    if (port_ == 0) port_ = static_cast<uint32_t>(number());
    // Who does not read what it asked for gets no more.
    if (incoming_.cost() > receive_buffer.load(std::memory_order_relaxed)) return Error{ENOBUFS};
    {
        const network::ShardGuard network{network_.first()};
        TRY(handle(request, std::span{bytes}.first(std::min<size_t>(known, request.nlmsg_len)).subspan(sizeof request)));
    }
    readers_.wake_all();
    source_.notify(POLLIN | POLLRDNORM);
    return size;
}

Result<size_t> RouteSocket::receive(Message& message) {
    if ((message.flags & MSG_OOB) != 0) return Error{EOPNOTSUPP};
    const Instant end = deadline(receive_timeout);
    List<Packet> used;
    const auto receive_locked = [&]() -> Result<size_t> {
        const sync::Guard guard{lock_};
        while (incoming_.empty()) {
            if (!waits(message)) return Error{EAGAIN};
            TRY(outcome(readers_.wait(lock_, end), end));
        }
        return incoming_.take_record(message, used);
    };
    auto result = receive_locked();
    destroy(used);
    message.from_size = TRY(address(true, message.from));
    return result;
}

// The kernel has port 0.
Result<size_t> RouteSocket::address(bool of_peer, std::span<uint8_t> buffer) {
    sockaddr_nl out{};
    out.nl_family = AF_NETLINK;
    const sync::Guard guard{lock_};
    if (!of_peer) out.nl_pid = port_;
    std::memcpy(buffer.data(), &out, std::min(buffer.size(), sizeof out));
    return sizeof out;
}

}  // namespace

Result<Ref<Socket>> create_route_socket(network::Network& network, int type, int protocol, uint32_t flags) {
    if (type != SOCK_RAW && type != SOCK_DGRAM) return Error{ESOCKTNOSUPPORT};
    if (protocol != NETLINK_ROUTE) return Error{EPROTONOSUPPORT};
    return Ref<Socket>{TRY(make_ref<RouteSocket>(network, type, flags))};
}

}  // namespace eremite::socket
