// Sockets with names inside the machine (unix(7)): paths, abstract names, streams, datagrams, packets, files and credentials.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstddef>
#include <thread>

#include "show.hpp"

namespace {

struct Name {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    Name() = default;
    // One that starts with '@' is abstract.
    explicit Name(const std::string& text) {
        address.sun_family = AF_UNIX;
        std::copy(text.begin(), text.end(), address.sun_path);
        size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
        if (text[0] != '@') return;
        address.sun_path[0] = '\0';
        --size;
    }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&address); }
    std::string text() const {
        if (size <= offsetof(sockaddr_un, sun_path)) return "(none, " + std::to_string(size) + ")";
        std::string path{address.sun_path, size - offsetof(sockaddr_un, sun_path)};
        if (path[0] == '\0') path[0] = '@';
        else path = path.c_str();
        return path + " (" + std::to_string(size) + ")";
    }
};

int bind_to(int s, Name name) { return ::bind(s, name.get(), name.size); }
int connect_to(int s, Name name) { return ::connect(s, name.get(), name.size); }
ssize_t send_to(int s, const char* text, Name name) { return ::sendto(s, text, std::strlen(text), MSG_NOSIGNAL, name.get(), name.size); }
void show_names(const char* what, int s) {
    Name own, peer;
    ::getsockname(s, own.get(), &own.size);
    const int connected = ::getpeername(s, peer.get(), &peer.size);
    std::printf("%s: %s, peer %s\n", what, own.text().c_str(), connected < 0 ? std::strerror(errno) : peer.text().c_str());
}
void show_from(const char* what, int s, int flags = MSG_DONTWAIT) {
    char buffer[100];
    Name from;
    const ssize_t n = ::recvfrom(s, buffer, sizeof buffer, flags, from.get(), &from.size);
    const int error = errno;
    if (n < 0) std::printf("%s: %s\n", what, std::strerror(error));
    else std::printf("%s: \"%.*s\" from %s\n", what, static_cast<int>(n), buffer, from.size == 0 ? "nobody" : from.text().c_str());
}

void paths() {
    ::unlink("/tmp/eremite_a");
    Socket s{AF_UNIX, SOCK_STREAM};
    show_names("fresh", s);
    show_events("fresh", s);
    show("listen", ::listen(s, 1));
    show("no such folder", bind_to(s, Name{"/tmp/none/such"}));
    show("a folder", bind_to(s, Name{"/tmp"}));
    show("not a folder", bind_to(s, Name{"/proc/version/x"}));
    Name bad{"/tmp/eremite_a"};
    bad.address.sun_family = AF_INET;
    show("wrong family", bind_to(s, bad));
    show("too long", ::bind(s, Name{"/tmp/eremite_a"}.get(), 200));
    show("too short", ::bind(s, Name{"/tmp/eremite_a"}.get(), 1));
    ::umask(022);
    show("bind", bind_to(s, Name{"/tmp/eremite_a"}));
    show_names("bound", s);
    show("again", bind_to(s, Name{"/tmp/eremite_b"}));
    struct stat status {};
    show("stat", ::stat("/tmp/eremite_a", &status));
    std::printf("mode %o\n", status.st_mode);
    show("open", ::open("/tmp/eremite_a", O_RDWR));
    Socket other{AF_UNIX, SOCK_STREAM};
    show("taken", bind_to(other, Name{"/tmp/eremite_a"}));
    show("not listening", connect_to(other, Name{"/tmp/eremite_a"}));
    show("nobody", connect_to(other, Name{"/tmp/eremite_none"}));
    show("no socket", connect_to(other, Name{"/proc/version"}));
    show("listen", ::listen(s, 1));
    show("datagrams to a stream", connect_to(Socket{AF_UNIX, SOCK_DGRAM}, Name{"/tmp/eremite_a"}));
    show("connect", connect_to(other, Name{"/tmp/eremite_a"}));
    show_names("connected", other);
    show("connect again", connect_to(other, Name{"/tmp/eremite_a"}));
    show("listener connects", connect_to(s, Name{"/tmp/eremite_a"}));
    show_events("listener", s);
    Name from;
    Socket peer{::accept4(s, from.get(), &from.size, SOCK_NONBLOCK)};
    std::printf("from %s\n", from.text().c_str());
    show_names("accepted", peer);
    show("nothing", ::recv(peer, &from, 1, 0));
    show("rename", ::rename("/tmp/eremite_a", "/tmp/eremite_c"));
    Socket third{AF_UNIX, SOCK_STREAM};
    show("old name", connect_to(third, Name{"/tmp/eremite_a"}));
    show("new name", connect_to(third, Name{"/tmp/eremite_c"}));
    show_names("its name stays", third);
    show("unlink", ::unlink("/tmp/eremite_c"));
    show("gone", connect_to(Socket{AF_UNIX, SOCK_STREAM}, Name{"/tmp/eremite_c"}));
    show("the name is free", bind_to(Socket{AF_UNIX, SOCK_STREAM}, Name{"/tmp/eremite_c"}));
    show("a file is left", connect_to(Socket{AF_UNIX, SOCK_STREAM}, Name{"/tmp/eremite_c"}));
    show("taken by a dead one", bind_to(Socket{AF_UNIX, SOCK_STREAM}, Name{"/tmp/eremite_c"}));
    ::unlink("/tmp/eremite_c");
    s.close();
    show_events("never accepted", third);
    show_received("it", third, 1);
    show_received("end", third, 1);
}

void abstract_names() {
    Socket s{AF_UNIX, SOCK_SEQPACKET}, t{AF_UNIX, SOCK_SEQPACKET};
    show("bind", bind_to(s, Name{"@eremite test"}));
    show_names("bound", s);
    show("taken", bind_to(t, Name{"@eremite test"}));
    show("other length", bind_to(t, Name{"@eremite test2"}));
    ::listen(s, 5);
    Socket c{AF_UNIX, SOCK_SEQPACKET};
    show("receive", ::recv(c, &c, 1, 0));
    show("send", ::send(c, "x", 1, 0));
    show("nobody", connect_to(c, Name{"@eremite none"}));
    show("connect", connect_to(c, Name{"@eremite test"}));
    Socket p{::accept(s, nullptr, nullptr)};
    show("first", ::send(c, "one", 3, 0));
    show("second", ::send(c, "second", 6, 0));
    show("third", ::send(c, "", 0, 0));
    show_received("first", p, 2);
    show_received("second", p, 100);
    show_received("third", p, 100);
    s.close();
    show("the name is free", bind_to(Socket{AF_UNIX, SOCK_SEQPACKET}, Name{"@eremite test"}));
    Socket automatic{AF_UNIX, SOCK_DGRAM};
    Name none{"@"};
    none.size = sizeof(sa_family_t);
    show("automatic name", bind_to(automatic, none));
    Name own;
    ::getsockname(automatic, own.get(), &own.size);
    std::printf("its size %u, abstract: %d\n", own.size, own.address.sun_path[0] == '\0');
    show("connect to no name", connect_to(Socket{AF_UNIX, SOCK_DGRAM}, none));
}

void streams() {
    Socket s{AF_UNIX, SOCK_STREAM};
    bind_to(s, Name{"@eremite stream"});
    ::listen(s, 0);
    Socket a{AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK}, b{AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK}, c{AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK};
    show("receive before", ::recv(a, &a, 1, 0));
    show("send before", ::send(a, "x", 1, MSG_NOSIGNAL));
    show("send to", send_to(a, "x", Name{"@eremite stream"}));
    show("first", connect_to(a, Name{"@eremite stream"}));
    const int second = connect_to(b, Name{"@eremite stream"});
    std::printf("second: %s\n", second == 0 ? "connected" : std::strerror(errno));
    show("no room", connect_to(c, Name{"@eremite stream"}));
    std::thread waiting{[] {
        Socket d{AF_UNIX, SOCK_STREAM};
        if (connect_to(d, Name{"@eremite stream"}) < 0 || ::send(d, "late", 4, 0) != 4) std::printf("not connected\n");
    }};
    show("data before it is accepted", ::send(a, "early", 5, 0));
    Socket p{::accept(s, nullptr, nullptr)};
    show_received("early", p, 100);
    ::fcntl(s, F_SETFL, O_NONBLOCK);
    if (second == 0) ::close(::accept(s, nullptr, nullptr));
    waiting.join();
    Socket q{::accept(s, nullptr, nullptr)};
    show_received("late", q, 100);
    show_received("end", q, 100);
    show("nobody", ::accept(s, nullptr, nullptr));
    show("connected: send to", send_to(a, "x", Name{"@eremite stream"}));
    p.close();
    show_events("closed", a);
    show_received("end", a, 1);
    show("send", ::send(a, "x", 1, MSG_NOSIGNAL));
    show("shutdown of the listener", ::shutdown(s, SHUT_RDWR));
    show("accept", ::accept(s, nullptr, nullptr));
    show("connect", connect_to(c, Name{"@eremite stream"}));
}

void datagrams() {
    Socket a{AF_UNIX, SOCK_DGRAM}, b{AF_UNIX, SOCK_DGRAM}, c{AF_UNIX, SOCK_DGRAM};
    bind_to(a, Name{"@eremite datagrams"});
    show("listen", ::listen(a, 1));
    show("accept", ::accept(a, nullptr, nullptr));
    show("nowhere", ::send(b, "x", 1, 0));
    show("to nobody", send_to(b, "x", Name{"@eremite none"}));
    show("to no file", send_to(b, "x", Name{"/tmp/eremite_none"}));
    show("to", send_to(Socket{AF_UNIX, SOCK_DGRAM}, "one", Name{"@eremite datagrams"}));
    bind_to(b, Name{"@eremite b"});
    show("to", send_to(b, "two", Name{"@eremite datagrams"}));
    show_events("there", a);
    int bytes = 0;
    ::ioctl(a, FIONREAD, &bytes);
    std::printf("next: %d\n", bytes);
    show_from("peek", a, MSG_PEEK);
    show_from("one", a);
    show_from("two", a);
    show_from("none", a);
    show("connect", connect_to(c, Name{"@eremite datagrams"}));
    show_names("connected", c);
    show("send", ::send(c, "three", 5, 0));
    show("send to", send_to(c, "four", Name{"@eremite b"}));
    show_from("three", a);
    show_from("four", b);
    show("connected to b", connect_to(a, Name{"@eremite b"}));
    show("another sends", ::send(c, "five", 4, 0));
    show("b sends", send_to(b, "six", Name{"@eremite datagrams"}));
    show_from("six", a);
    Name nobody;
    nobody.address.sun_family = AF_UNSPEC;
    show("disconnect", connect_to(a, nobody));
    show_names("disconnected", a);
    show("another sends", ::send(c, "five", 4, 0));
    a.close();
    show("the peer is gone", ::send(c, "seven", 5, 0));
    show("then", ::send(c, "seven", 5, 0));
    show_names("then", c);
    std::string big(300'000, 'x');
    show("too big", ::sendto(c, big.data(), big.size(), 0, Name{"@eremite b"}.get(), Name{"@eremite b"}.size));
    show("no reading", ::shutdown(b, SHUT_RD));
    show("to one that does not read", send_to(c, "x", Name{"@eremite b"}));
}

void credentials() {
    int ends[2];
    ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    Socket a{ends[0]}, b{ends[1]};
    ucred peer{};
    socklen_t size = sizeof peer;
    show("of the peer", ::getsockopt(a, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    std::printf("this process: %d %d %d (%u)\n", peer.pid == ::getpid(), peer.uid == ::getuid(), peer.gid == ::getgid(), size);
    show_option("passes", a, SOL_SOCKET, SO_PASSCRED);
    show("pass", set_option(b, SOL_SOCKET, SO_PASSCRED, 1));
    show_option("passes", b, SOL_SOCKET, SO_PASSCRED);
    ::send(a, "x", 1, 0);
    Message message{CMSG_SPACE(sizeof(ucred))};
    const auto show_room = [&] {
        std::printf("control %zu flags %#x\n", static_cast<size_t>(message.header.msg_controllen), static_cast<unsigned>(message.header.msg_flags));
    };
    show("receive", message.receive(b));
    const cmsghdr* const c = message.first();
    show_room();
    if (c) {
        std::memcpy(&peer, CMSG_DATA(c), sizeof peer);
        std::printf("level %d type %d length %zu: %d %d %d\n", c->cmsg_level, c->cmsg_type, static_cast<size_t>(c->cmsg_len), peer.pid == ::getpid(),
                    peer.uid == ::getuid(), peer.gid == ::getgid());
    }
    ::send(a, "x", 1, 0);
    message.header.msg_controllen = sizeof(cmsghdr) + 4;
    show("little room", message.receive(b));
    show_room();
    Socket alone{AF_UNIX, SOCK_STREAM};
    size = sizeof peer;
    show("of no peer", ::getsockopt(alone, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    std::printf("%d %d %d\n", peer.pid, static_cast<int>(peer.uid), static_cast<int>(peer.gid));
    Socket automatic{AF_UNIX, SOCK_DGRAM}, receiver{AF_UNIX, SOCK_DGRAM};
    bind_to(receiver, Name{"@eremite receiver"});
    set_option(automatic, SOL_SOCKET, SO_PASSCRED, 1);
    send_to(automatic, "x", Name{"@eremite receiver"});
    Name own;
    ::getsockname(automatic, own.get(), &own.size);
    std::printf("got a name: %d\n", own.size > sizeof(sa_family_t));
}

void files() {
    Socket receiver{AF_UNIX, SOCK_DGRAM}, sender{AF_UNIX, SOCK_DGRAM};
    bind_to(receiver, Name{"@eremite files"});
    int ends[2];
    ::pipe(ends);
    Name to{"@eremite files"};
    Message sent{CMSG_SPACE(sizeof(int))};
    sent.vector.iov_len = 4;
    std::memcpy(sent.data, "file", 4);
    sent.header.msg_name = to.get();
    sent.header.msg_namelen = to.size;
    cmsghdr* const c = sent.first();
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
    show("send", ::sendmsg(sender, &sent.header, 0));
    Message received{CMSG_SPACE(sizeof(int))};
    show("receive", received.receive(receiver, MSG_CMSG_CLOEXEC));
    int got = -1;
    std::memcpy(&got, CMSG_DATA(received.first()), sizeof got);
    std::printf("flags of it: %d, of the message: %#x\n", ::fcntl(got, F_GETFD), static_cast<unsigned>(received.header.msg_flags));
    ::close(ends[1]);
    show("write", ::write(got, "through", 7));
    ::close(got);
    show("read", ::read(ends[0], received.data, sizeof received.data));
    show("end", ::read(ends[0], received.data, sizeof received.data));
    ::close(ends[0]);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    show("stream by another protocol", ::socket(AF_UNIX, SOCK_STREAM, 6));
    show("no such type", ::socket(AF_UNIX, SOCK_RDM, 0));
    paths();
    abstract_names();
    streams();
    datagrams();
    credentials();
    files();
}
