// UDP_SEGMENT: one call that sends several datagrams (udp(7)).
#include <netinet/udp.h>

#include "show.hpp"

namespace {

void receive_all(int s) {
    char data[4096];
    while (await(s, POLLIN)) {
        const ssize_t n = ::recv(s, data, sizeof data, 0);
        std::printf("%zd bytes, first %c, last %c\n", n, n > 0 ? data[0] : '-', n > 0 ? data[n - 1] : '-');
        if (n > 0 && data[n - 1] == '.') return;
    }
    std::printf("no end\n");
}

ssize_t send_by(int s, const std::string& data, const void* value, size_t size) {
    iovec vector{const_cast<char*>(data.data()), data.size()};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(uint64_t))]{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(c), value, size);
    return ::sendmsg(s, &message, 0);
}

// With what the kernel says of datagrams that came joined.
void receive_joined(int s) {
    char data[4096];
    iovec vector{data, sizeof data};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    if (!await(s, POLLIN)) return;
    std::printf("%zd bytes", ::recvmsg(s, &message, 0));
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        int value = 0;
        std::memcpy(&value, CMSG_DATA(c), sizeof value);
        std::printf(", level %d type %d: %d", c->cmsg_level, c->cmsg_type, value);
    }
    std::puts("");
}

void segments(const char* address) {
    std::printf("%s\n", address);
    const Address any = address_of(address);
    Socket a{any.storage.ss_family, SOCK_DGRAM}, b{any.storage.ss_family, SOCK_DGRAM};
    bind_to(b, any);
    connect_to(a, name_of(b));
    show_option("none", a, IPPROTO_UDP, UDP_SEGMENT);
    std::string data;
    for (int i = 0; i < 1000; ++i) data += static_cast<char>('a' + i / 300);
    data.back() = '.';
    show("set", set_option(a, IPPROTO_UDP, UDP_SEGMENT, 300));
    show_option("set", a, IPPROTO_UDP, UDP_SEGMENT);
    show("send", ::send(a, data.data(), data.size(), 0));
    receive_all(b);
    show("no more than one", ::send(a, data.data() + 800, 200, 0));
    receive_all(b);
    show("nothing", ::send(a, data.data(), 0, 0));
    show_received("an empty one", b, 1, 0);
    const uint16_t other = 500, none = 0;
    const uint32_t wrong = 500;
    show("by control data", send_by(a, data, &other, sizeof other));
    receive_all(b);
    show("whole by control data", send_by(a, data, &none, sizeof none));
    receive_all(b);
    show("of a wrong size", send_by(a, data, &wrong, sizeof wrong));
    show("too many", set_option(a, IPPROTO_UDP, UDP_SEGMENT, 5));
    show("send", ::send(a, data.data(), data.size(), 0));
    show("as many as can be", ::send(a, data.data() + 1000 - 640, 640, 0));
    for (int i = 0; i < 127; ++i) {
        char piece[20];
        ::recv(b, piece, sizeof piece, 0);
    }
    receive_all(b);
    show("larger than a packet", set_option(a, IPPROTO_UDP, UDP_SEGMENT, 65535));
    show("send little", ::send(a, data.data() + 990, 10, 0));
    receive_all(b);
    show("negative", set_option(a, IPPROTO_UDP, UDP_SEGMENT, -1));
    show("too large", set_option(a, IPPROTO_UDP, UDP_SEGMENT, 65536));
    show("off", set_option(a, IPPROTO_UDP, UDP_SEGMENT, 0));
    show("send", ::send(a, data.data(), data.size(), 0));
    receive_all(b);
    show_option("join", b, IPPROTO_UDP, UDP_GRO);
    show("join", set_option(b, IPPROTO_UDP, UDP_GRO, 1));
    show_option("join", b, IPPROTO_UDP, UDP_GRO);
    const uint16_t third = 300;
    show("joined", send_by(a, data, &third, sizeof third));
    receive_joined(b);
    show("one", ::send(a, data.data(), 300, 0));
    receive_joined(b);
    show("join no more", set_option(b, IPPROTO_UDP, UDP_GRO, 0));
    show("cut", send_by(a, data, &third, sizeof third));
    receive_all(b);
}

}  // namespace

int main() {
    segments("127.0.0.1");
    segments("::1");
}
