// What sockets tell of beside their data: MSG_ZEROCOPY and IP_RECVERR, read with MSG_ERRQUEUE.
#include <time.h>

#include <linux/errqueue.h>

#include "show.hpp"

namespace {

void show_note(const char* what, int s) {
    Message message;
    const ssize_t n = message.receive(s, MSG_ERRQUEUE);
    if (n < 0) return void(std::printf("%s: %s\n", what, std::strerror(errno)));
    std::printf("%s: flags %#x\n", what, static_cast<unsigned>(message.header.msg_flags));
    for (cmsghdr* c = message.first(); c; c = CMSG_NXTHDR(&message.header, c)) {
        sock_extended_err e;
        std::memcpy(&e, CMSG_DATA(c), sizeof e);
        std::printf("level %d type %d length %zu: error %u origin %d type %d code %d info %u data %u\n", c->cmsg_level, c->cmsg_type,
                    static_cast<size_t>(c->cmsg_len), e.ee_errno, e.ee_origin, e.ee_type, e.ee_code, e.ee_info, e.ee_data);
    }
}

void zero_copy(const char* address) {
    std::printf("zero copy, %s\n", address);
    Connection c{address};
    show("not asked for", ::send(c.client, "abc", 3, MSG_ZEROCOPY));
    show_note("nothing", c.client);
    show("ask", set_option(c.client, SOL_SOCKET, SO_ZEROCOPY, 1));
    show("twice", set_option(c.client, SOL_SOCKET, SO_ZEROCOPY, 2));
    show_option("it", c.client, SOL_SOCKET, SO_ZEROCOPY);
    for (int i = 0; i < 3; ++i) {
        show("send", ::send(c.client, "abc", 3, MSG_ZEROCOPY));
        // Linux tells when the peer has taken it; each call is told of by itself then.
        char buffer[8];
        show("taken", ::recv(c.peer, buffer, i == 0 ? 6 : 3, MSG_WAITALL));
        std::printf("told: %d\n", await(c.client, POLLERR));
        show_note("copied", c.client);
    }
    show_note("no more", c.client);
}

void refused(const char* address, int level, int option) {
    std::printf("errors, %s\n", address);
    Address nobody;
    {
        Socket gone{address_of(address).storage.ss_family, SOCK_DGRAM};
        bind_to(gone, address_of(address));
        nobody = name_of(gone);
    }
    Socket s{nobody.storage.ss_family, SOCK_DGRAM};
    show("ask", set_option(s, level, option, 1));
    connect_to(s, nobody);
    show("send", ::send(s, "x", 1, 0));
    await(s, POLLERR);
    show_events("told", s);
    show_note("refused", s);
    show_note("no more", s);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    zero_copy("127.0.0.1");
    refused("127.0.0.1", IPPROTO_IP, IP_RECVERR);
    refused("::1", IPPROTO_IPV6, IPV6_RECVERR);
}
