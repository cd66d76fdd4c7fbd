// Options of sockets (socket(7), ip(7), ipv6(7), tcp(7)): what they are at first, what can be set, and what is refused.
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "show.hpp"

namespace {

struct Option {
    const char* text;
    int level, name;
};

void set_and_show(int s, const Option& o, int value) {
    std::printf("set %d: ", value);
    show(o.text, set_option(s, o.level, o.name, value));
    show_option(o.text, s, o.level, o.name);
}

void common(int domain, int type) {
    std::printf("family %d type %d\n", domain, type);
    Socket s{domain, type};
    const Option all[] = {{"type", SOL_SOCKET, SO_TYPE},           {"domain", SOL_SOCKET, SO_DOMAIN},       {"protocol", SOL_SOCKET, SO_PROTOCOL},
                          {"accepts", SOL_SOCKET, SO_ACCEPTCONN},  {"error", SOL_SOCKET, SO_ERROR},         {"low water", SOL_SOCKET, SO_RCVLOWAT},
                          {"reuse", SOL_SOCKET, SO_REUSEADDR},     {"reuse port", SOL_SOCKET, SO_REUSEPORT}, {"keep alive", SOL_SOCKET, SO_KEEPALIVE},
                          {"broadcast", SOL_SOCKET, SO_BROADCAST}, {"route", SOL_SOCKET, SO_DONTROUTE},     {"priority", SOL_SOCKET, SO_PRIORITY},
                          {"timestamp", SOL_SOCKET, SO_TIMESTAMP}, {"mark", SOL_SOCKET, SO_MARK}};
    for (const Option& o : all) show_option(o.text, s, o.level, o.name);
    for (const Option& o : {all[6], all[7], all[8], all[9], all[10], all[11]}) set_and_show(s, o, 1);
    for (const Option& o : {all[0], all[1], all[2], all[3], all[4]}) show(o.text, set_option(s, o.level, o.name, 1));
    show("no such option", set_option(s, SOL_SOCKET, 9999, 1));
    show_option("no such option", s, SOL_SOCKET, 9999);
    show("no such level", set_option(s, 9999, 1, 1));
    show_option("no such level", s, 9999, 1);
    show("short", ::setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &s, 2));
    show("bad memory", ::setsockopt(s, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<void*>(8), 4));
    show("negative length", ::setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &s, static_cast<socklen_t>(-4)));
    int value = -1;
    socklen_t size = 2;
    show("two bytes", ::getsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, &size));
    std::printf("%u bytes, %d\n", size, value);
    size = 100;
    show("much room", ::getsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, &size));
    std::printf("%u bytes\n", size);
    for (const int wanted : {1, 5000, 100'000}) {
        set_and_show(s, {"send buffer", SOL_SOCKET, SO_SNDBUF}, wanted);
        set_and_show(s, {"receive buffer", SOL_SOCKET, SO_RCVBUF}, wanted);
    }
    timeval time{3, 500'000};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        show("timeout", ::setsockopt(s, SOL_SOCKET, option, &time, sizeof time));
        timeval found{};
        size = sizeof found;
        show("it", ::getsockopt(s, SOL_SOCKET, option, &found, &size));
        std::printf("%ld.%06ld (%u)\n", found.tv_sec, found.tv_usec, size);
    }
    linger l{1, 7};
    show("linger", ::setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    l = {};
    size = sizeof l;
    ::getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &size);
    std::printf("linger %d %d\n", l.l_onoff, l.l_linger);
    show("ioctl", ::ioctl(s, 0x1234, &l));
}

void internet(int domain, int type) {
    std::printf("internet, family %d type %d\n", domain, type);
    Socket s{domain, type};
    const Option ttl{"ttl", IPPROTO_IP, IP_TTL}, tos{"tos", IPPROTO_IP, IP_TOS}, discover{"discover", IPPROTO_IP, IP_MTU_DISCOVER};
    for (const Option& o : {ttl, tos, discover}) show_option(o.text, s, o.level, o.name);
    for (const int value : {1, 255, 0, 256, -1}) set_and_show(s, ttl, value);
    for (const int value : {0x10, 0xb8}) set_and_show(s, tos, value);
    for (const int value : {0, 2, 3, 9}) set_and_show(s, discover, value);
    unsigned char byte = 9;
    show("one byte", ::setsockopt(s, IPPROTO_IP, IP_TTL, &byte, 1));
    socklen_t size = 1;
    show("one byte", ::getsockopt(s, IPPROTO_IP, IP_TTL, &byte, &size));
    std::printf("%d (%u)\n", byte, size);
    show_option("mtu, not connected", s, IPPROTO_IP, IP_MTU);
    show_option("v6 only", s, IPPROTO_IPV6, IPV6_V6ONLY);
    set_and_show(s, {"v6 only", IPPROTO_IPV6, IPV6_V6ONLY}, 1);
    if (domain != AF_INET6) return;
    const Option hops{"hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS}, traffic{"class", IPPROTO_IPV6, IPV6_TCLASS};
    for (const Option& o : {hops, traffic}) show_option(o.text, s, o.level, o.name);
    for (const int value : {1, 255, 256, -1}) set_and_show(s, hops, value);
    for (const int value : {0x20, 256, -1}) set_and_show(s, traffic, value);
}

void tcp() {
    Socket s{AF_INET, SOCK_STREAM};
    const Option options[] = {{"no delay", IPPROTO_TCP, TCP_NODELAY},
                              {"cork", IPPROTO_TCP, TCP_CORK},
                              {"idle", IPPROTO_TCP, TCP_KEEPIDLE},
                              {"interval", IPPROTO_TCP, TCP_KEEPINTVL},
                              {"probes", IPPROTO_TCP, TCP_KEEPCNT},
                              {"tries", IPPROTO_TCP, TCP_SYNCNT},
                              {"user timeout", IPPROTO_TCP, TCP_USER_TIMEOUT},
                              {"defer", IPPROTO_TCP, TCP_DEFER_ACCEPT},
                              {"quick", IPPROTO_TCP, TCP_QUICKACK},
                              {"largest segment", IPPROTO_TCP, TCP_MAXSEG}};
    for (const Option& o : options) show_option(o.text, s, o.level, o.name);
    for (size_t i = 0; i < 7; ++i)
        for (const int value : {1, 0, 100, 40'000, -1}) set_and_show(s, options[i], value);
    for (const int value : {1000, 10, 40'000}) show("largest segment", set_option(s, IPPROTO_TCP, TCP_MAXSEG, value));
    show("short", ::setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &s, 1));
    show("no such option", set_option(s, IPPROTO_TCP, 999, 1));
    show_option("no such option", s, IPPROTO_TCP, 999);
    char name[16]{};
    socklen_t size = sizeof name;
    show("cubic", ::setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
    show("congestion", ::getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &size));
    std::printf("%s (%u)\n", name, size);
    show("none", ::setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
    show("of UDP", set_option(Socket{AF_INET, SOCK_DGRAM}, IPPROTO_TCP, TCP_NODELAY, 1));

    Server server{"127.0.0.1"};
    set_option(server.listener, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(server.listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    tcp_info info{};
    size = sizeof info;
    show("listener", ::getsockopt(server.listener, IPPROTO_TCP, TCP_INFO, &info, &size));
    std::printf("state %d\n", info.tcpi_state);
    Connection c{std::move(server)};
    show_option("inherited", c.peer, IPPROTO_TCP, TCP_NODELAY);
    show_option("inherited", c.peer, SOL_SOCKET, SO_KEEPALIVE);
    ::send(c.client, "hello", 5, 0);
    await(c.peer, POLLIN);
    size = sizeof info;
    show("info", ::getsockopt(c.client, IPPROTO_TCP, TCP_INFO, &info, &size));
    std::printf("state %d options %#x, rtt known: %d\n", info.tcpi_state, info.tcpi_options & 7, info.tcpi_rtt > 0);
    size = 1;
    show("a byte of it", ::getsockopt(c.client, IPPROTO_TCP, TCP_INFO, &info, &size));
    std::printf("%u\n", size);
    ::shutdown(c.client, SHUT_WR);
    await(c.peer, POLLRDHUP);
    size = sizeof info;
    ::getsockopt(c.peer, IPPROTO_TCP, TCP_INFO, &info, &size);
    std::printf("half closed: state %d\n", info.tcpi_state);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    for (const int domain : {AF_INET, AF_INET6, AF_UNIX})
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) common(domain, type);
    for (const int domain : {AF_INET, AF_INET6})
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) internet(domain, type);
    tcp();
}
