// TCP over the loopback: what is sent and received, in whole and in part, until one end or both have no more to say.
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <csignal>
#include <fcntl.h>
#include <vector>

#include "show.hpp"

namespace {

volatile std::sig_atomic_t pipes = 0;

void data() {
    Connection c;
    show("send", ::send(c.client, "hello world", 11, 0));
    await(c.peer, POLLIN);
    show_events("readable", c.peer);
    int bytes = 0;
    ::ioctl(c.peer, FIONREAD, &bytes);
    std::printf("waiting: %d\n", bytes);
    show_received("peek", c.peer, 5, MSG_PEEK);
    show_received("peek more", c.peer, 100, MSG_PEEK);
    show_received("truncated: thrown away", c.peer, 3, MSG_TRUNC);
    show_received("part", c.peer, 4, 0);
    show_received("nothing wanted", c.peer, 0, 0);
    show_received("rest", c.peer, 100, 0);
    show_received("empty", c.peer, 100);
    show("write", ::write(c.client, "", 0));
    show("bad memory", ::send(c.client, reinterpret_cast<void*>(8), 10, 0));
    iovec out[3] = {{const_cast<char*>("abc"), 3}, {const_cast<char*>(""), 0}, {const_cast<char*>("defgh"), 5}};
    show("writev", ::writev(c.client, out, 3));
    msghdr message{};
    message.msg_iov = out;
    message.msg_iovlen = 3;
    show("sendmsg", ::sendmsg(c.client, &message, 0));
    char a[4], b[20];
    iovec in[2] = {{a, sizeof a}, {b, sizeof b}};
    Address from;
    msghdr received{};
    received.msg_name = from.get();
    received.msg_namelen = from.size;
    received.msg_iov = in;
    received.msg_iovlen = 2;
    show("recvmsg", ::recvmsg(c.peer, &received, MSG_WAITALL | MSG_DONTWAIT));
    std::printf("%.4s %.4s name size %u flags %#x\n", a, b, received.msg_namelen, static_cast<unsigned>(received.msg_flags));
    show("rest", ::recv(c.peer, b, sizeof b, MSG_DONTWAIT));
    show("an address is ignored", ::sendto(c.client, "x", 1, 0, address_of("192.0.2.1", 9).get(), sizeof(sockaddr_in)));
    from = Address{};
    show("recvfrom", ::recvfrom(c.peer, a, 1, 0, from.get(), &from.size));
    std::printf("no address: %u\n", from.size);
    show("out of band wanted, none", ::recv(c.client, a, 1, MSG_OOB));
}

void timeouts() {
    Connection c;
    timeval time{0, 30'000};
    show("receive timeout", ::setsockopt(c.client, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    auto start = std::chrono::steady_clock::now();
    show_received("nothing came", c.client, 10, 0);
    show_waited("it", start, 29);
    ::send(c.peer, "abc", 3, 0);
    await(c.client, POLLIN);
    show_received("not all came", c.client, 10, MSG_WAITALL);
    show("send timeout", ::setsockopt(c.client, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    std::vector<char> much(16 << 20);
    start = std::chrono::steady_clock::now();
    const ssize_t sent = ::send(c.client, much.data(), much.size(), 0);
    std::printf("some was sent: %d\n", sent > 0 && sent < static_cast<ssize_t>(much.size()));
    show_waited("it", start, 29);
    show_events("full", c.client);
    int bytes = 0;
    ::ioctl(c.client, TIOCOUTQ, &bytes);
    std::printf("some is not acknowledged: %d\n", bytes > 0);
    time = {0, 1'000'000};
    show("bad time", ::setsockopt(c.client, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    show("short time", ::setsockopt(c.client, SOL_SOCKET, SO_RCVTIMEO, &time, 8));
}

void half_closed(const char* address) {
    std::printf("half closed, %s\n", address);
    Connection c{address};
    ::send(c.client, "last", 4, 0);
    show("no more from here", ::shutdown(c.client, SHUT_WR));
    show("again", ::shutdown(c.client, SHUT_WR));
    await(c.peer, POLLRDHUP);
    show_events("the peer", c.peer);
    show_received("all of it", c.peer, 100, MSG_WAITALL);
    show_received("end", c.peer, 100, 0);
    show_received("end again", c.peer, 100, 0);
    show("the other way", ::send(c.peer, "answer", 6, 0));
    await(c.client, POLLIN);
    show_events("here", c.client);
    show_received("answer", c.client, 100, 0);
    show("send after the end", ::send(c.client, "x", 1, MSG_NOSIGNAL));
    pipes = 0;
    show("with a signal", ::send(c.client, "x", 1, 0));
    show("write with a signal", ::write(c.client, "x", 1));
    std::printf("signals: %d\n", static_cast<int>(pipes));
    show("the peer ends too", ::shutdown(c.peer, SHUT_WR));
    await(c.client, POLLHUP);
    show_events("both ended", c.client);
    show_received("end", c.client, 1, 0);
    show("shutdown then", ::shutdown(c.client, SHUT_RD));
    show("address of the peer", find_peer(c.client));
}

void reading_shut() {
    Connection c;
    show("no reading", ::shutdown(c.client, SHUT_RD));
    show_events("after it", c.client);
    show_received("end", c.client, 10, 0);
    show("sent all the same", ::send(c.peer, "abc", 3, 0));
    await(c.client, POLLIN);
    show_received("and read", c.client, 10, 0);
    show_received("end", c.client, 10, 0);
    show("sending works", ::send(c.client, "abc", 3, 0));
}

void lingering() {
    Connection c;
    linger soft{1, 5};
    ::setsockopt(c.client, SOL_SOCKET, SO_LINGER, &soft, sizeof soft);
    linger found{};
    socklen_t size = sizeof found;
    ::getsockopt(c.client, SOL_SOCKET, SO_LINGER, &found, &size);
    std::printf("linger %d %d (%u)\n", found.l_onoff, found.l_linger, size);
    show("short", ::setsockopt(c.client, SOL_SOCKET, SO_LINGER, &soft, 4));
    ::send(c.client, "bye", 3, 0);
    c.client.close();
    show_received("bye", c.peer, 10, MSG_WAITALL);
}

void files() {
    Connection c;
    char name[] = "/tmp/socket_file_XXXXXX";
    const int file = ::mkstemp(name);
    ::unlink(name);
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += std::to_string(i);
    show("file", ::write(file, text.data(), text.size()));
    off_t offset = 5;
    show("sendfile", ::sendfile(c.client, file, &offset, 50'000));
    std::printf("offset %lld\n", static_cast<long long>(offset));
    std::string got(50'000, ' ');
    show("received", ::recv(c.peer, got.data(), got.size(), MSG_WAITALL));
    std::printf("equal: %d\n", got == text.substr(5, 50'000));
    int ends[2];
    show("pipe", ::pipe(ends));
    ::send(c.client, "spliced", 7, 0);
    await(c.peer, POLLIN);
    show("from the socket", ::splice(c.peer, nullptr, ends[1], nullptr, 100, 0));
    show("to the socket", ::splice(ends[0], nullptr, c.peer, nullptr, 100, 0));
    show_received("came back", c.client, 100, 0);
    loff_t at = 0;
    show("with an offset", ::splice(c.peer, &at, ends[1], nullptr, 100, 0));
    for (const int d : {ends[0], ends[1], file}) ::close(d);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::signal(SIGPIPE, [](int) { pipes = pipes + 1; });
    data();
    timeouts();
    half_closed("127.0.0.1");
    half_closed("::1");
    reading_shut();
    lingering();
    files();
}
