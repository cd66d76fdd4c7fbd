// Urgent data of TCP: MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI (tcp(7), RFC 6093).
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include "show.hpp"

namespace {

void show_mark(const char* what, int s) {
    int mark = -1, bytes = -1;
    ::ioctl(s, SIOCATMARK, &mark);
    ::ioctl(s, FIONREAD, &bytes);
    std::printf("%s: at the mark %d, before it %d bytes\n", what, mark, bytes);
}
void say(int s, const char* text, int flags = 0) { show(text, ::send(s, text, std::strlen(text), flags)); }
// Until a byte that is sent now has come, and all before it.
void await_bytes(int s, int wanted) {
    for (int bytes = 0; bytes < wanted; ::ioctl(s, FIONREAD, &bytes)) await(s, POLLIN);
}

void apart() {
    std::printf("apart from the stream\n");
    Connection c;
    show_received("none", c.peer, 1, MSG_OOB);
    show_events("before", c.peer);
    say(c.client, "abc");
    say(c.client, "x", MSG_OOB);
    std::printf("urgent: %d\n", await(c.peer, POLLPRI));
    show_events("after", c.peer);
    show_mark("nothing read", c.peer);
    show_received("look", c.peer, 1, MSG_OOB | MSG_PEEK);
    char byte = '?';
    iovec vector{&byte, 1};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    show("take", ::recvmsg(c.peer, &message, MSG_OOB));
    std::printf("%c, flags %#x\n", byte, static_cast<unsigned>(message.msg_flags));
    show_received("again", c.peer, 1, MSG_OOB);
    show_events("taken", c.peer);
    show_mark("taken", c.peer);
    show_received("before it", c.peer, 100);
    show_mark("read up to it", c.peer);
    show_events("at the mark", c.peer);
    say(c.client, "def");
    await(c.peer, POLLIN);
    show_mark("more is there", c.peer);
    show_received("look behind", c.peer, 100, MSG_PEEK | MSG_DONTWAIT);
    show_mark("still", c.peer);
    show_received("behind", c.peer, 100);
    show_mark("past it", c.peer);
    show_received("empty", c.peer, 1);
}

void several() {
    std::printf("the last byte of several\n");
    Connection c;
    say(c.client, "hello", MSG_OOB);
    await(c.peer, POLLPRI);
    show_mark("hello", c.peer);
    show_received("nowhere to", c.peer, 0, MSG_OOB);
    show_received("not taken", c.peer, 1, MSG_OOB);
    say(c.client, "hello", MSG_OOB);
    await(c.peer, POLLPRI);
    show_received("four", c.peer, 100);
    show_mark("at it", c.peer);
    say(c.client, "bye");
    await(c.peer, POLLIN);
    show_received("it is left out", c.peer, 100);
    show_received("and is gone", c.peer, 1, MSG_OOB);
}

void replaced() {
    std::printf("a second one\n");
    Connection c;
    say(c.client, "1", MSG_OOB);
    await(c.peer, POLLPRI);
    say(c.client, "a2", MSG_OOB);
    await_bytes(c.peer, 1);
    show_mark("the first was next", c.peer);
    show_received("the second", c.peer, 1, MSG_OOB);
    show_received("data", c.peer, 100);
    show_mark("at it", c.peer);
    say(c.client, "b3", MSG_OOB);
    await(c.peer, POLLPRI);
    say(c.client, "c4", MSG_OOB);
    await_bytes(c.peer, 3);
    show_mark("the first was not next", c.peer);
    show_received("data", c.peer, 100);
    show_received("the second", c.peer, 1, MSG_OOB);
}

void in_line() {
    std::printf("inline\n");
    Connection c;
    show_option("inline", c.peer, SOL_SOCKET, SO_OOBINLINE);
    show("set", set_option(c.peer, SOL_SOCKET, SO_OOBINLINE, 1));
    show_option("inline", c.peer, SOL_SOCKET, SO_OOBINLINE);
    say(c.client, "abc");
    say(c.client, "x", MSG_OOB);
    say(c.client, "def");
    await(c.peer, POLLPRI);
    await_bytes(c.peer, 7);
    show_events("after", c.peer);
    show_mark("nothing read", c.peer);
    show_received("not so", c.peer, 1, MSG_OOB);
    show_received("up to the mark", c.peer, 100, MSG_WAITALL | MSG_DONTWAIT);
    show_mark("at it", c.peer);
    show_received("from the mark", c.peer, 100);
    show_mark("past it", c.peer);
    show_events("then", c.peer);
}

void observed() {
    std::printf("observed\n");
    Connection c;
    const int epoll = ::epoll_create1(0);
    epoll_event wanted{EPOLLPRI | EPOLLET, {.fd = 1}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, c.peer, &wanted);
    epoll_event got{};
    say(c.client, "x", MSG_OOB);
    show("epoll", ::epoll_wait(epoll, &got, 1, 10'000));
    std::printf("%#x\n", got.events);
    show("once", ::epoll_wait(epoll, &got, 1, 0));
    fd_set exceptional;
    FD_ZERO(&exceptional);
    FD_SET(c.peer, &exceptional);
    timeval time{0, 0};
    show("select", ::select(c.peer + 1, nullptr, nullptr, &exceptional, &time));
    std::printf("%d\n", FD_ISSET(c.peer, &exceptional) != 0);
    ::close(epoll);
}

void ends() {
    std::printf("ends\n");
    Connection c;
    say(c.client, "x", MSG_OOB);
    await(c.peer, POLLPRI);
    c.client.close();
    await(c.peer, POLLRDHUP);
    show_mark("the peer is gone", c.peer);
    show_received("it is here", c.peer, 1, MSG_OOB);
    show_received("twice", c.peer, 1, MSG_OOB);
    show_received("the end", c.peer, 1);
    Socket fresh{AF_INET, SOCK_STREAM};
    show_received("no connection", fresh, 1, MSG_OOB);
    Server server{"127.0.0.1"};
    show_received("listener", server.listener, 1, MSG_OOB);
    show_mark("listener", server.listener);
    Socket udp{AF_INET, SOCK_DGRAM};
    int mark = -1;
    show("udp", ::ioctl(udp, SIOCATMARK, &mark));
    show_option("udp", udp, SOL_SOCKET, SO_OOBINLINE);
}

}  // namespace

int main() {
    apart();
    several();
    replaced();
    in_line();
    observed();
    ends();
}
