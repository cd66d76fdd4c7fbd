// UDP over the loopback: addresses, datagrams large and small, errors of peers that are not there, what goes along, and groups.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <csignal>
#include <ctime>
#include <vector>

#include "show.hpp"

namespace {

ssize_t send_to(int s, const std::string& data, const Address& to, int flags = 0) {
    return ::sendto(s, data.data(), data.size(), flags, to.get(), to.size);
}
void show_from(const char* what, int s, Address& expected, int flags = MSG_DONTWAIT) {
    char buffer[100];
    Address from;
    const ssize_t n = ::recvfrom(s, buffer, sizeof buffer, flags, from.get(), &from.size);
    const int error = errno;
    if (n < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: \"%.*s\" from %s, size %u, the right port: %d\n", what, static_cast<int>(n), buffer, from.text().c_str(), from.size,
                     from.port() == expected.port());
}
Socket bound(const char* address) {
    Socket s{address_of(address).storage.ss_family, SOCK_DGRAM};
    if (bind_to(s, address_of(address)) < 0) std::printf("cannot bind to %s\n", address);
    return s;
}

void datagrams(const char* address) {
    std::printf("datagrams, %s\n", address);
    Socket a = bound(address), b{address_of(address).storage.ss_family, SOCK_DGRAM};
    Address to = name_of(a);
    show_events("fresh", b);
    std::printf("unbound: %d\n", name_of(b).port() == 0);
    show("nowhere", ::send(b, "x", 1, 0));
    show("to", send_to(b, "hello", to));
    Address own = name_of(b);
    std::printf("has a port: %d, address %s\n", own.port() != 0, own.text().c_str());
    show("empty", send_to(b, "", to));
    show("more", send_to(b, "0123456789", to));
    await(a, POLLIN);
    show_events("there", a);
    int bytes = -1;
    ::ioctl(a, FIONREAD, &bytes);
    std::printf("next: %d\n", bytes);
    show_from("peek", a, own, MSG_PEEK);
    ::ioctl(a, FIONREAD, &bytes);
    std::printf("next: %d\n", bytes);
    show_from("hello", a, own);
    show_from("empty", a, own);
    show_received("cut", a, 4, MSG_TRUNC | MSG_DONTWAIT);
    show_from("none", a, own);
    send_to(b, "0123456789", to);
    char buffer[4];
    iovec vector{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    show("recvmsg", ::recvmsg(a, &message, 0));
    std::printf("flags %#x\n", static_cast<unsigned>(message.msg_flags));
    show("port 0", send_to(b, "x", address_of(address, 0)));
    show("short address", ::sendto(b, "x", 1, 0, to.get(), 5));
    show("out of band", send_to(b, "x", to, MSG_OOB));
    show("listen", ::listen(a, 1));
    show("accept", ::accept(a, nullptr, nullptr));
    show("bind again", bind_to(a, to));
    show("taken", bind_to(Socket{to.storage.ss_family, SOCK_DGRAM}, to));
    Socket c{to.storage.ss_family, SOCK_DGRAM};
    set_option(a, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(c, SOL_SOCKET, SO_REUSEADDR, 1);
    show("shared", bind_to(c, to));
}

void connected(const char* address) {
    std::printf("connected, %s\n", address);
    Socket a = bound(address), b = bound(address), c = bound(address);
    show("connect", connect_to(a, name_of(b)));
    std::printf("peer: %d\n", peer_of(a).port() == name_of(b).port());
    show("send", ::send(a, "to b", 4, 0));
    show_received("b", b, 100);
    Address from = name_of(b), other = name_of(c);
    show("another sends", send_to(c, "from c", name_of(a)));
    show("the peer sends", send_to(b, "from b", name_of(a)));
    show_from("only the peer", a, from);
    show_from("none", a, from);
    show("send elsewhere", send_to(a, "to c", other));
    Address me = name_of(a);
    show_from("c", c, me);
    show("another peer", connect_to(a, other));
    show("send", ::send(a, "to c", 4, 0));
    show_from("c", c, me);
    Address none;
    none.storage.ss_family = AF_UNSPEC;
    show("disconnect", connect_to(a, none));
    show("again", connect_to(a, none));
    show("getpeername", find_peer(a));
    std::printf("still %s, with a port: %d\n", name_of(a).text().c_str(), name_of(a).port() != 0);
    show("send", ::send(a, "x", 1, 0));
    Socket fresh{me.storage.ss_family, SOCK_DGRAM};
    connect_to(fresh, other);
    std::printf("chose %s\n", name_of(fresh).text().c_str());
    connect_to(fresh, none);
    std::printf("then %s, with a port: %d\n", name_of(fresh).text().c_str(), name_of(fresh).port() != 0);
}

void unreachable(const char* address) {
    std::printf("unreachable, %s\n", address);
    Address nobody;
    {
        Socket gone = bound(address);
        nobody = name_of(gone);
    }
    Socket s{nobody.storage.ss_family, SOCK_DGRAM};
    connect_to(s, nobody);
    show("send", ::send(s, "x", 1, 0));
    await(s, POLLERR);
    show_events("refused", s);
    show("then", ::send(s, "x", 1, 0));
    ::send(s, "x", 1, 0);
    await(s, POLLERR);
    show_received("receive", s, 1, 0);
    show_received("then", s, 1);
    ::send(s, "x", 1, 0);
    await(s, POLLERR);
    show_option("error", s, SOL_SOCKET, SO_ERROR);
    show_option("again", s, SOL_SOCKET, SO_ERROR);
    Socket unconnected{nobody.storage.ss_family, SOCK_DGRAM};
    send_to(unconnected, "x", nobody);
    show("unconnected sockets do not hear of it", send_to(unconnected, "x", nobody));
}

void sizes(const char* address) {
    std::printf("sizes, %s\n", address);
    Socket a = bound(address), b{address_of(address).storage.ss_family, SOCK_DGRAM};
    connect_to(b, name_of(a));
    const size_t most = address_of(address).storage.ss_family == AF_INET ? 65507 : 65527;
    for (const size_t size : {size_t{1472}, size_t{1473}, size_t{9000}, size_t{40'000}, size_t{65'000}, most}) {
        std::string data(size, ' ');
        for (size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
        const ssize_t sent = ::send(b, data.data(), size, 0);
        std::string got(70'000, ' ');
        const ssize_t received = ::recv(a, got.data(), got.size(), 0);
        got.resize(received > 0 ? static_cast<size_t>(received) : 0);
        std::printf("%zu: %zd %zd equal %d\n", size, sent, received, got == data);
    }
    const std::string more(most + 1, 'x');
    show("too much", ::send(b, more.data(), more.size(), 0));
    const std::string much(100'000, 'x');
    show("much too much", ::send(b, much.data(), much.size(), 0));
}

void control(const char* address, int level, int info, int ttl, int traffic_class) {
    std::printf("control, %s\n", address);
    Socket a = bound(address), b{address_of(address).storage.ss_family, SOCK_DGRAM};
    show("info", set_option(a, level, info, 1));
    show("ttl", set_option(a, level, ttl, 1));
    show("class", set_option(a, level, traffic_class, 1));
    show_option("info", a, level, info);
    show("set ttl", set_option(b, level, level == IPPROTO_IP ? static_cast<int>(IP_TTL) : static_cast<int>(IPV6_UNICAST_HOPS), 33));
    show("set class", set_option(b, level, level == IPPROTO_IP ? static_cast<int>(IP_TOS) : static_cast<int>(IPV6_TCLASS), 0x48));
    send_to(b, "x", name_of(a));
    Message both;
    msghdr& message = both.header;
    show("receive", both.receive(a));
    std::printf("control %zu flags %#x\n", static_cast<size_t>(message.msg_controllen), static_cast<unsigned>(message.msg_flags));
    for (cmsghdr* c = both.first(); c; c = CMSG_NXTHDR(&message, c)) {
        std::printf("level %d type %d length %zu:", c->cmsg_level, c->cmsg_type, static_cast<size_t>(c->cmsg_len));
        const unsigned char* const data = CMSG_DATA(c);
        for (size_t i = 0; i < c->cmsg_len - CMSG_LEN(0); ++i) std::printf(" %02x", data[i]);
        std::printf("\n");
    }
    send_to(b, "x", name_of(a));
    message.msg_controllen = 20;
    show("little room", both.receive(a));
    std::printf("flags %#x\n", static_cast<unsigned>(message.msg_flags));
    // Said with one datagram only.
    int value = 44;
    message.msg_controllen = CMSG_SPACE(sizeof value);
    both.vector.iov_len = 1;
    std::memset(both.room, 0, sizeof both.room);
    cmsghdr* const c = both.first();
    c->cmsg_level = level;
    c->cmsg_type = level == IPPROTO_IP ? static_cast<int>(IP_TTL) : static_cast<int>(IPV6_HOPLIMIT);
    c->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(c), &value, sizeof value);
    Address to = name_of(a);
    message.msg_name = to.get();
    message.msg_namelen = to.size;
    show("with its own ttl", ::sendmsg(b, &message, 0));
    value = 1000;
    std::memcpy(CMSG_DATA(c), &value, sizeof value);
    show("with a bad one", ::sendmsg(b, &message, 0));
    c->cmsg_type = 250;
    show("with something unknown", ::sendmsg(b, &message, 0));
    c->cmsg_len = 3;
    show("malformed", ::sendmsg(b, &message, 0));
    set_option(a, level, info, 0);
    set_option(a, level, traffic_class, 0);
    message.msg_controllen = sizeof both.room;
    (void)both.receive(a);
    std::memcpy(&value, CMSG_DATA(both.first()), sizeof value);
    std::printf("ttl %d\n", value);
}

int64_t microseconds() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

// When a datagram arrived, not when it was fetched.
void timestamps() {
    Socket a = bound("127.0.0.1"), b{AF_INET, SOCK_DGRAM};
    for (const auto& [option, value] : {std::pair{SO_TIMESTAMP, 1}, {SO_TIMESTAMPNS, 1}, {SO_TIMESTAMPING, 24}}) {
        show("timestamp", set_option(a, SOL_SOCKET, option, value));
        show_option("it", a, SOL_SOCKET, option);
        alignas(cmsghdr) char room[CMSG_SPACE(3 * sizeof(timespec))];
        const cmsghdr* c = nullptr;
        // Linux begins with it some time after it was asked to; until then it says when a datagram is fetched.
        bool between = false;
        for (int i = 0; i < 1000 && !between; ++i) {
            const int64_t before = microseconds();
            send_to(b, "x", name_of(a));
            await(a, POLLIN);
            const int64_t after = microseconds();
            while (microseconds() < after + 2000) {}
            char byte;
            iovec vector{&byte, 1};
            msghdr message{};
            message.msg_iov = &vector;
            message.msg_iovlen = 1;
            message.msg_control = room;
            message.msg_controllen = sizeof room;
            ::recvmsg(a, &message, 0);
            c = CMSG_FIRSTHDR(&message);
            long time[2]{};
            if (c) std::memcpy(time, CMSG_DATA(c), sizeof time);
            const int64_t stamp = time[0] * int64_t{1'000'000} + time[1] / (option == SO_TIMESTAMP ? 1 : 1000);
            between = stamp >= before && stamp <= after;
        }
        std::printf("type %d, length %zu, between: %d\n", c ? c->cmsg_type : -1, c ? c->cmsg_len : 0, between);
        set_option(a, SOL_SOCKET, option, 0);
    }
}

void several() {
    Socket a = bound("127.0.0.1"), b{AF_INET, SOCK_DGRAM};
    connect_to(b, name_of(a));
    iovec vectors[5];
    mmsghdr messages[5]{};
    for (int i = 0; i < 5; ++i) {
        vectors[i] = {const_cast<char*>("abcdefgh"), static_cast<size_t>(i + 1)};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    show("sendmmsg", ::sendmmsg(b, messages, 5, 0));
    std::printf("sizes %u %u\n", messages[0].msg_len, messages[4].msg_len);
    char buffers[8][20];
    iovec in[8];
    mmsghdr received[8]{};
    for (int i = 0; i < 8; ++i) {
        in[i] = {buffers[i], sizeof buffers[i]};
        received[i].msg_hdr.msg_iov = &in[i];
        received[i].msg_hdr.msg_iovlen = 1;
    }
    show("three", ::recvmmsg(a, received, 3, 0, nullptr));
    show("the rest", ::recvmmsg(a, received + 3, 5, MSG_WAITFORONE, nullptr));
    for (int i = 0; i < 5; ++i) std::printf("%u ", received[i].msg_len);
    std::printf("\n");
    show("none", ::recvmmsg(a, received, 3, MSG_DONTWAIT, nullptr));
}

void families() {
    Socket six = bound("::"), four{AF_INET, SOCK_DGRAM};
    Address to = address_of("127.0.0.1");
    to.port() = name_of(six).port();
    show("to a socket of both", send_to(four, "four", to));
    Address from = name_of(four);
    show_from("mapped", six, from);
    from = address_of("::ffff:127.0.0.1");
    from.port() = name_of(four).port();
    show("answer", send_to(six, "answer", from));
    Address own = name_of(six);
    show_from("answer", four, own);
    show("IPv4 port is taken", bind_to(Socket{AF_INET, SOCK_DGRAM}, to));
    Socket only{AF_INET6, SOCK_DGRAM};
    set_option(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    show("mapped from one of IPv6 only", send_to(only, "x", from));
    show("bind to a mapped one", bind_to(only, address_of("::ffff:127.0.0.1")));
    show("no route", send_to(four, "x", address_of("192.0.2.1", 9)));
    show("connect, no route", connect_to(four, address_of("192.0.2.1", 9)));
    show("broadcast", send_to(four, "x", address_of("255.255.255.255", 9)));
    show("bind to a foreign one", bind_to(Socket{AF_INET, SOCK_DGRAM}, address_of("192.0.2.1")));
    show("to the unspecified address", [&] {
        Address any = address_of("0.0.0.0");
        any.port() = to.port();
        return send_to(four, "self", any);
    }());
    from = name_of(four);
    show_from("came", six, from);
}

void groups() {
    Socket a = bound("0.0.0.0"), b{AF_INET, SOCK_DGRAM};
    ip_mreqn request{};
    inet_pton(AF_INET, "239.1.2.3", &request.imr_multiaddr);
    inet_pton(AF_INET, "127.0.0.1", &request.imr_address);
    show("no interface", [&] {
        ip_mreqn other = request;
        inet_pton(AF_INET, "192.0.2.1", &other.imr_address);
        return ::setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof other);
    }());
    show("no group", [&] {
        ip_mreqn other = request;
        inet_pton(AF_INET, "127.0.0.1", &other.imr_multiaddr);
        return ::setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &other, sizeof other);
    }());
    show("leave before", ::setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));
    show("join", ::setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
    show("again", ::setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
    show("short", ::setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, 4));
    show_option("ttl", b, IPPROTO_IP, IP_MULTICAST_TTL);
    show_option("loop", b, IPPROTO_IP, IP_MULTICAST_LOOP);
    show("ttl", set_option(b, IPPROTO_IP, IP_MULTICAST_TTL, 3));
    show_option("ttl", b, IPPROTO_IP, IP_MULTICAST_TTL);
    show("bad ttl", set_option(b, IPPROTO_IP, IP_MULTICAST_TTL, 256));
    in_addr interface{htonl(INADDR_LOOPBACK)};
    show("interface", ::setsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface));
    interface.s_addr = 0;
    socklen_t size = sizeof interface;
    ::getsockopt(b, IPPROTO_IP, IP_MULTICAST_IF, &interface, &size);
    std::printf("it: %s\n", inet_ntoa(interface));
    Address to = address_of("239.1.2.3");
    to.port() = name_of(a).port();
    show("send", send_to(b, "group", to));
    await(a, POLLIN);
    Address from = name_of(b);
    show_from("received", a, from);
    show_from("once", a, from);
    show("leave", ::setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &request, sizeof request));

    Socket c = bound("::"), d{AF_INET6, SOCK_DGRAM};
    ipv6_mreq six{};
    inet_pton(AF_INET6, "ff05::1:2", &six.ipv6mr_multiaddr);
    six.ipv6mr_interface = 1;
    show("join", ::setsockopt(c, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six));
    show("again", ::setsockopt(c, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof six));
    show("interface", set_option(d, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1));
    show_option("it", d, IPPROTO_IPV6, IPV6_MULTICAST_IF);
    show("no such interface", set_option(d, IPPROTO_IPV6, IPV6_MULTICAST_IF, 77));
    show("leave", ::setsockopt(c, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &six, sizeof six));
}

// Of a socket that is bound already, and sends nothing.
void small_buffer() {
    Socket a = bound("127.0.0.1"), b{AF_INET, SOCK_DGRAM};
    show("smaller", set_option(a, SOL_SOCKET, SO_RCVBUF, 4096));
    Address to = name_of(a);
    const std::string data(1000, 'x');
    for (int i = 0; i < 100; ++i) send_to(b, data, to);
    int received = 0;
    char buffer[1000];
    while (::recv(a, buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++received;
    std::printf("some but not all: %d\n", received > 0 && received < 50);
}

void ends() {
    Socket a = bound("127.0.0.1");
    show("shutdown", ::shutdown(a, SHUT_RD));
    Socket b = bound("127.0.0.1"), c = bound("127.0.0.1");
    connect_to(b, name_of(c));
    show("no reading", ::shutdown(b, SHUT_RD));
    show_received("end", b, 10, 0);
    show_events("events", b);
    show("no writing", ::shutdown(b, SHUT_WR));
    show("send", ::send(b, "x", 1, MSG_NOSIGNAL));
    timeval time{0, 20'000};
    ::setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    const auto start = std::chrono::steady_clock::now();
    show_received("nothing came", c, 10, 0);
    show_waited("it", start, 19);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    for (const char* address : {"127.0.0.1", "::1"}) {
        datagrams(address);
        connected(address);
        unreachable(address);
        sizes(address);
    }
    control("127.0.0.1", IPPROTO_IP, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS);
    control("::1", IPPROTO_IPV6, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS);
    timestamps();
    several();
    families();
    groups();
    small_buffer();
    ends();
}
