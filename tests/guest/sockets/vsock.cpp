// Sockets between machines, as far as they need no other machine: names, states, options and errors. What goes over the wire has tests of its own.
#include <sys/time.h>

#include <csignal>

#include "vsock_address.hpp"

namespace {

void show_name(const char* what, int s) {
    const Address a = name_of(s);
    const sockaddr_vm name = as_vsock(a);
    const char* const port = name.svm_port == VMADDR_PORT_ANY ? "any" : name.svm_port > 1023 ? "a high one" : "a low one";
    std::printf("%s: %u bytes, family %u, number %#x, port %s\n", what, a.size, name.svm_family, name.svm_cid, port);
}

void kinds() {
    show("protocol of the family", Socket{AF_VSOCK, SOCK_STREAM, PF_VSOCK} >= 0 ? 0 : -1);
    show("another protocol", Socket{AF_VSOCK, SOCK_STREAM, 6});
    show("raw", Socket{AF_VSOCK, SOCK_RAW});
    show("datagrams", Socket{AF_VSOCK, SOCK_DGRAM});
    int pair[2];
    show("pair", ::socketpair(AF_VSOCK, SOCK_STREAM, 0, pair));
}

void fresh() {
    const Socket s{AF_VSOCK, SOCK_STREAM};
    show_name("fresh", s);
    show("peer", find_peer(s));
    show_events("fresh", s);
    show_option("type", s, SOL_SOCKET, SO_TYPE);
    show_option("domain", s, SOL_SOCKET, SO_DOMAIN);
    show_option("error", s, SOL_SOCKET, SO_ERROR);
    show_option("accepts", s, SOL_SOCKET, SO_ACCEPTCONN);
    show_received("receive", s, 10);
    show_received("urgent", s, 10, MSG_OOB);
    show("send", ::send(s, "x", 1, MSG_NOSIGNAL));
    show("send urgent", ::send(s, "x", 1, MSG_NOSIGNAL | MSG_OOB));
    const Address to = vsock_address(7777, 1);
    show("send to", ::sendto(s, "x", 1, MSG_NOSIGNAL, to.get(), to.size));
    show("shutdown", ::shutdown(s, SHUT_RDWR));
    show("shutdown of what", ::shutdown(s, 3));
    show("accept", ::accept(s, nullptr, nullptr));
    show("listen", ::listen(s, 1));
}

void binding() {
    const Socket s{AF_VSOCK, SOCK_STREAM}, other{AF_VSOCK, SOCK_STREAM};
    Address wrong = vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY);
    wrong.size = sizeof(sockaddr_vm) - 1;
    show("short", bind_to(s, wrong));
    wrong.size = sizeof(sockaddr_vm);
    wrong.storage.ss_family = AF_INET;
    show("family", bind_to(s, wrong));
    show("another machine", bind_to(s, vsock_address(7777, VMADDR_PORT_ANY)));
    show("bind", bind_to(s, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)));
    show_name("bound", s);
    show("again", bind_to(s, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)));
    const uint32_t port = as_vsock(name_of(s)).svm_port;
    show("in use", bind_to(other, vsock_address(VMADDR_CID_ANY, port)));
    show("in use by name", bind_to(other, vsock_address(7777, port)));
    {
        Socket third{AF_VSOCK, SOCK_STREAM};
        show("any other", bind_to(third, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)));
        std::printf("the same: %d\n", as_vsock(name_of(third)).svm_port == port);
    }
    show_events("bound", s);
}

void listening() {
    Socket s{AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK};
    show("bind", bind_to(s, vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY)));
    show("listen", ::listen(s, 1));
    show("listen again", ::listen(s, 5));
    show_option("accepts", s, SOL_SOCKET, SO_ACCEPTCONN);
    show("accept", ::accept(s, nullptr, nullptr));
    show_events("nobody", s);
    show("connect", connect_to(s, vsock_address(7777, 1)));
    show("shutdown", ::shutdown(s, SHUT_RDWR));
    show_received("receive", s, 10);
    show("send", ::send(s, "x", 1, MSG_NOSIGNAL));
    show_name("listening", s);
    const uint32_t port = as_vsock(name_of(s)).svm_port;
    s.close();
    const Socket other{AF_VSOCK, SOCK_STREAM};
    show("free again", bind_to(other, vsock_address(VMADDR_CID_ANY, port)));
    const timeval soon{0, 20'000};
    show("listen", ::listen(other, 1));
    show("timeout", ::setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon));
    show("nobody in time", ::accept(other, nullptr, nullptr));
}

void connecting() {
    const Socket s{AF_VSOCK, SOCK_STREAM};
    Address wrong = vsock_address(7777, 1);
    wrong.size = 8;
    show("short", connect_to(s, wrong));
    wrong.size = sizeof(sockaddr_vm);
    wrong.storage.ss_family = AF_UNIX;
    show("family", connect_to(s, wrong));
    show_name("unbound still", s);
}

void show_size(const char* what, int s, int name) {
    uint64_t value = 0;
    socklen_t size = sizeof value;
    const int result = ::getsockopt(s, AF_VSOCK, name, &value, &size);
    if (result < 0) std::printf("%s: %s\n", what, std::strerror(errno));
    else std::printf("%s: %llu (%u bytes)\n", what, static_cast<unsigned long long>(value), size);
}

void set_size(const char* what, int s, int name, uint64_t value) {
    show(what, ::setsockopt(s, AF_VSOCK, name, &value, sizeof value));
    show_size("size", s, SO_VM_SOCKETS_BUFFER_SIZE);
    show_size("least", s, SO_VM_SOCKETS_BUFFER_MIN_SIZE);
    show_size("most", s, SO_VM_SOCKETS_BUFFER_MAX_SIZE);
}

void set_timeout(const char* what, int s, timeval value) {
    show(what, ::setsockopt(s, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &value, sizeof value));
    timeval now{};
    socklen_t size = sizeof now;
    show("read", ::getsockopt(s, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &now, &size));
    std::printf("%ld s %ld us, %u bytes\n", now.tv_sec, now.tv_usec / 20'000 * 20'000, size);
}

void options() {
    const Socket s{AF_VSOCK, SOCK_STREAM};
    set_size("a size", s, SO_VM_SOCKETS_BUFFER_SIZE, 8192);
    set_size("too large", s, SO_VM_SOCKETS_BUFFER_SIZE, 1 << 20);
    set_size("too small", s, SO_VM_SOCKETS_BUFFER_SIZE, 1);
    set_size("larger most", s, SO_VM_SOCKETS_BUFFER_MAX_SIZE, 1 << 20);
    set_size("large", s, SO_VM_SOCKETS_BUFFER_SIZE, 1 << 20);
    set_size("smaller most", s, SO_VM_SOCKETS_BUFFER_MAX_SIZE, 4096);
    set_size("larger least", s, SO_VM_SOCKETS_BUFFER_MIN_SIZE, 16384);
    const int small = 4096;
    show("an int", ::setsockopt(s, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &small, sizeof small));
    uint32_t room = 0;
    socklen_t size = sizeof room;
    show("no room", ::getsockopt(s, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &room, &size));
    uint64_t value = 1;
    show("unknown", ::setsockopt(s, AF_VSOCK, 99, &value, sizeof value));
    show_size("unknown", s, 99);
    show("level", ::setsockopt(s, IPPROTO_TCP, 1, &value, sizeof value));
    set_timeout("a timeout", s, {5, 200'000});
    set_timeout("negative", s, {-1, 0});
    set_timeout("malformed", s, {1, 1'000'000});
    set_timeout("none", s, {0, 0});
}

}  // namespace

int main() {
    kinds();
    fresh();
    binding();
    listening();
    connecting();
    options();
}
