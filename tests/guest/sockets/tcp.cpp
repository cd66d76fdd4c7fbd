// TCP over the loopback: how connections begin and end, and what each call answers then.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "show.hpp"

namespace {

void creation() {
    show("datagrams by TCP", ::socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
    show("stream by UDP", ::socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    show("packets", ::socket(AF_INET, SOCK_SEQPACKET, 0));
    show("no such type", ::socket(AF_INET, 9, 0));
    show("no such family", ::socket(77, SOCK_STREAM, 0));
    show("no such protocol", ::socket(AF_INET, SOCK_STREAM, 254));
    show("bad flags", ::socket(AF_INET, SOCK_STREAM | 0x100000, 0));
    Socket s{AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC};
    std::printf("flags: %#x %d\n", static_cast<unsigned>(::fcntl(s, F_GETFL)), ::fcntl(s, F_GETFD));
    show_option("type", s, SOL_SOCKET, SO_TYPE);
    show_option("domain", s, SOL_SOCKET, SO_DOMAIN);
    show_option("protocol", s, SOL_SOCKET, SO_PROTOCOL);
    show_option("accepts", s, SOL_SOCKET, SO_ACCEPTCONN);
    show_events("fresh", s);
    char byte = 0;
    show("send", ::send(s, &byte, 1, MSG_NOSIGNAL));
    show("receive", ::recv(s, &byte, 1, 0));
    show("shutdown", ::shutdown(s, SHUT_RDWR));
    show("shutdown in no way", ::shutdown(s, 7));
    show("accept", ::accept(s, nullptr, nullptr));
    show("lseek", ::lseek(s, 0, SEEK_SET));
    show("pread", ::pread(s, &byte, 1, 0));
    show("getpeername", find_peer(s));
    std::printf("name: %s\n", name_of(s).text().c_str());
}

void binding(const char* loopback, const char* any, const char* foreign) {
    std::printf("binding to %s\n", loopback);
    const int family = address_of(loopback).storage.ss_family;
    Socket s{family, SOCK_STREAM};
    show("null address", ::bind(s, nullptr, 16));
    Address a = address_of(loopback);
    show("short address", ::bind(s, a.get(), 8));
    show("foreign", bind_to(s, address_of(foreign)));
    a.storage.ss_family = AF_UNIX;
    show("wrong family", ::bind(s, a.get(), a.size));
    show("bind", bind_to(s, address_of(loopback)));
    std::printf("a port: %d\n", name_of(s).port() != 0);
    show("again", bind_to(s, address_of(loopback)));
    Socket other{family, SOCK_STREAM};
    show("taken", bind_to(other, name_of(s)));
    Address anywhere = address_of(any);
    anywhere.port() = name_of(s).port();
    show("taken by any", bind_to(other, anywhere));
    set_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
    show("taken from one without reuse", bind_to(other, name_of(s)));
    set_option(s, SOL_SOCKET, SO_REUSEADDR, 1);
    show("both reuse", bind_to(other, name_of(s)));
    show("first listens", ::listen(s, 1));
    show("second listens", ::listen(other, 1));
    Socket third{family, SOCK_STREAM};
    set_option(third, SOL_SOCKET, SO_REUSEADDR, 1);
    show("taken by a listener", bind_to(third, name_of(s)));

    Socket one{family, SOCK_STREAM}, two{family, SOCK_STREAM}, three{family, SOCK_STREAM};
    set_option(one, SOL_SOCKET, SO_REUSEPORT, 1);
    set_option(two, SOL_SOCKET, SO_REUSEPORT, 1);
    show("shared port", bind_to(one, address_of(loopback)));
    show("shared port too", bind_to(two, name_of(one)));
    show("not shared", bind_to(three, name_of(one)));
    show("listen", ::listen(one, 1));
    show("listen too", ::listen(two, 1));
    one.close();
    show("still taken", bind_to(three, name_of(two)));
    const Address freed = name_of(two);
    two.close();
    show("freed", bind_to(three, freed));
}

void listening() {
    Server server{"127.0.0.1", 2};
    show_option("accepts", server.listener, SOL_SOCKET, SO_ACCEPTCONN);
    show_events("nobody", server.listener);
    show("again", ::listen(server.listener, 5));
    show("connect", connect_to(server.listener, server.at));
    char byte;
    show("receive", ::recv(server.listener, &byte, 1, 0));
    show("send", ::send(server.listener, &byte, 1, MSG_NOSIGNAL));
    int bytes = 0;
    show("FIONREAD", ::ioctl(server.listener, FIONREAD, &bytes));
    show("TIOCOUTQ", ::ioctl(server.listener, TIOCOUTQ, &bytes));
    ::fcntl(server.listener, F_SETFL, O_NONBLOCK);
    show("nobody there", ::accept(server.listener, nullptr, nullptr));
    timeval time{0, 20'000};
    ::setsockopt(server.listener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::fcntl(server.listener, F_SETFL, 0);
    show("nobody in time", ::accept(server.listener, nullptr, nullptr));
    Socket client{AF_INET, SOCK_STREAM};
    show("connect", connect_to(client, server.at));
    show_events("somebody", server.listener);
    show("bad flags", ::accept4(server.listener, nullptr, nullptr, 4));
    Address from;
    Socket peer{::accept4(server.listener, from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    std::printf("from %s, size %u, the right port: %d, flags %#x %d\n", from.text().c_str(), from.size, from.port() == name_of(client).port(),
                static_cast<unsigned>(::fcntl(peer, F_GETFL)), ::fcntl(peer, F_GETFD));
    std::printf("ends agree: %d %d\n", peer_of(client).port() == server.at.port(), peer_of(peer).port() == name_of(client).port());
    std::printf("names: %s %s\n", name_of(peer).text().c_str(), peer_of(client).text().c_str());
    show("connect again", connect_to(client, server.at));
    show("listen when connected", ::listen(client, 1));
    show("bind when connected", bind_to(client, address_of("127.0.0.1")));
    show("shutdown of the listener", ::shutdown(server.listener, SHUT_RD));
    show("accept after it", ::accept(server.listener, nullptr, nullptr));
    show("bound still", name_of(server.listener).port() == server.at.port());
    show("listen anew", ::listen(server.listener, 1));
    Address small;
    small.size = 4;
    show("short name", ::getsockname(client, small.get(), &small.size));
    std::printf("whole size: %u\n", small.size);
    small.size = static_cast<socklen_t>(-1);
    show("negative size", ::getsockname(client, small.get(), &small.size));
    show("no address", ::getsockname(client, nullptr, &small.size));
    show("no socket", ::getsockname(0, small.get(), &small.size));
    show("no descriptor", ::getsockname(99, small.get(), &small.size));
}

void refusals() {
    Address nobody;
    {
        Server gone{"127.0.0.1"};
        nobody = gone.at;
    }
    Socket s{AF_INET, SOCK_STREAM};
    show("refused", connect_to(s, nobody));
    show_option("error after it", s, SOL_SOCKET, SO_ERROR);
    show_events("after it", s);
    show("refused again", connect_to(s, nobody));
    Server server{"127.0.0.1"};
    show("the same socket to a server", connect_to(s, server.at));
    Socket n{AF_INET, SOCK_STREAM | SOCK_NONBLOCK};
    const int started = connect_to(n, nobody);
    std::printf("in progress or refused: %d\n", started < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    if (started < 0 && errno == EINPROGRESS) {
        await(n, POLLOUT);
        show_events("refused later", n);
        show_option("error", n, SOL_SOCKET, SO_ERROR);
        show_option("error is gone", n, SOL_SOCKET, SO_ERROR);
    }
    Address a = nobody;
    a.v4().sin_port = 0;
    show("port 0", connect_to(Socket{AF_INET, SOCK_STREAM}, a));
    show("multicast", connect_to(Socket{AF_INET, SOCK_STREAM}, address_of("224.0.0.9", 5)));
    show("broadcast", connect_to(Socket{AF_INET, SOCK_STREAM}, address_of("255.255.255.255", 5)));
    show("no route", connect_to(Socket{AF_INET, SOCK_STREAM}, address_of("192.0.2.1", 5)));
    show("no route for IPv6", connect_to(Socket{AF_INET6, SOCK_STREAM}, address_of("2001:db8::1", 5)));
    show("wrong family", connect_to(Socket{AF_INET, SOCK_STREAM}, address_of("::1", 5)));
    show("IPv4 address, IPv6 socket", connect_to(Socket{AF_INET6, SOCK_STREAM}, address_of("127.0.0.1", 5)));
    show("short", ::connect(Socket{AF_INET, SOCK_STREAM}, a.get(), 3));
    a.storage.ss_family = AF_UNSPEC;
    show("disconnect what was not connected", connect_to(Socket{AF_INET, SOCK_STREAM}, a));
}

void nonblocking_connect() {
    Server server{"127.0.0.1"};
    Socket s{AF_INET, SOCK_STREAM | SOCK_NONBLOCK};
    const int first = connect_to(s, server.at);
    std::printf("in progress: %d\n", first < 0 && errno == EINPROGRESS);
    std::printf("writable: %d\n", await(s, POLLOUT));
    show_option("error", s, SOL_SOCKET, SO_ERROR);
    show("getpeername", find_peer(s));
    // POSIX lets a second call succeed once.
    show("then", connect_to(s, server.at));
    show("and then", connect_to(s, server.at));
    show_events("connected", s);
    char byte;
    show("nothing", ::recv(s, &byte, 1, 0));
}

void resets() {
    {
        Connection c;
        linger hard{1, 0};
        show("linger", ::setsockopt(c.client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard));
        c.client.close();
        await(c.peer, POLLHUP);
        show_events("reset", c.peer);
        show_received("reset", c.peer, 10, 0);
        show_received("end", c.peer, 10, 0);
        show("send", ::send(c.peer, "x", 1, MSG_NOSIGNAL));
        show_events("after", c.peer);
        show("getpeername", find_peer(c.peer));
        show("shutdown", ::shutdown(c.peer, SHUT_RDWR));
    }
    {
        Connection c;
        ::send(c.peer, "unread", 6, 0);
        await(c.client, POLLIN);
        c.client.close();
        await(c.peer, POLLHUP);
        show("unread data reset, send", ::send(c.peer, "x", 1, MSG_NOSIGNAL));
        show("then", ::send(c.peer, "x", 1, MSG_NOSIGNAL));
        show_received("end", c.peer, 1, 0);
    }
    {
        Connection c;
        c.client.close();
        await(c.peer, POLLIN);
        show_events("closed", c.peer);
        show("sent to nobody", ::send(c.peer, "x", 1, MSG_NOSIGNAL));
        await(c.peer, POLLHUP);
        show_events("answered", c.peer);
        show_option("error", c.peer, SOL_SOCKET, SO_ERROR);
        show("again", ::send(c.peer, "x", 1, MSG_NOSIGNAL));
    }
    {
        Server server{"127.0.0.1"};
        Socket client{AF_INET, SOCK_STREAM};
        connect_to(client, server.at);
        server.listener.close();
        await(client, POLLHUP);
        show_received("never accepted", client, 1, 0);
    }
    {
        Connection c;
        Address none;
        none.storage.ss_family = AF_UNSPEC;
        show("disconnect", connect_to(c.client, none));
        show_events("disconnected", c.client);
        await(c.peer, POLLHUP);
        show_received("the peer", c.peer, 1, 0);
        Server server{"127.0.0.1"};
        show("connect again", connect_to(c.client, server.at));
    }
}

void families() {
    {
        Connection c{"::1"};
        std::printf("%s %s\n", name_of(c.client).text().c_str(), peer_of(c.peer).text().c_str());
        ::send(c.client, "six", 3, 0);
        show_received("over IPv6", c.peer, 10, 0);
    }
    Server both{"::"};
    show_option("only IPv6", both.listener, IPPROTO_IPV6, IPV6_V6ONLY);
    Socket four{AF_INET, SOCK_STREAM};
    Address to = address_of("127.0.0.1");
    to.port() = both.at.port();
    show("IPv4 to a server of both", connect_to(four, to));
    Socket accepted{::accept(both.listener, nullptr, nullptr)};
    std::printf("%s %s\n", name_of(accepted).text().c_str(), peer_of(accepted).text().c_str());
    ::send(four, "four", 4, 0);
    show_received("over IPv4", accepted, 10, 0);
    Socket mapped{AF_INET6, SOCK_STREAM};
    Address mapped_to = address_of("::ffff:127.0.0.1");
    mapped_to.port() = both.at.port();
    show("mapped", connect_to(mapped, mapped_to));
    std::printf("%s %s\n", name_of(mapped).text().c_str(), peer_of(mapped).text().c_str());
    Socket clash{AF_INET, SOCK_STREAM};
    Address any = address_of("0.0.0.0");
    any.port() = both.at.port();
    show("IPv4 port is taken", bind_to(clash, any));
    Socket only{AF_INET6, SOCK_STREAM};
    show("only IPv6", set_option(only, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    show("bind", bind_to(only, address_of("::")));
    show("then no change", set_option(only, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    any.port() = name_of(only).port();
    int bound = bind_to(clash, any);
    // Now and then an earlier connection over IPv4 still holds the port that was chosen.
    for (int i = 0; i < 3 && bound < 0 && errno == EADDRINUSE; ++i) {
        only = Socket{AF_INET6, SOCK_STREAM};
        set_option(only, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        bind_to(only, address_of("::"));
        any.port() = name_of(only).port();
        bound = bind_to(clash, any);
    }
    show("IPv4 port is free", bound);
    ::listen(only, 1);
    Address refused = mapped_to;
    refused.port() = name_of(only).port();
    show("mapped to one of IPv6 only", connect_to(Socket{AF_INET6, SOCK_STREAM}, refused));
    show("mapped from one of IPv6 only", connect_to(only, refused));
    Socket self{AF_INET, SOCK_STREAM};
    Address zero = address_of("0.0.0.0");
    zero.port() = both.at.port();
    show("to the unspecified address", connect_to(self, zero));
    std::printf("%s\n", peer_of(self).text().c_str());
    show("another address of the loopback", bind_to(Socket{AF_INET, SOCK_STREAM}, address_of("127.1.2.3")));
}

void to_itself() {
    // Both ends open at once: one socket that connects to its own address (RFC 9293 figure 8).
    Socket s{AF_INET, SOCK_STREAM};
    bind_to(s, address_of("127.0.0.1"));
    show("to itself", connect_to(s, name_of(s)));
    show("send", ::send(s, "echo", 4, 0));
    show_received("received", s, 10, 0);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    creation();
    binding("127.0.0.1", "0.0.0.0", "192.0.2.7");
    binding("::1", "::", "2001:db8::7");
    listening();
    refusals();
    nonblocking_connect();
    resets();
    families();
    to_itself();
}
