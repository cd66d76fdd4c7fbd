// What sockets cost without a device: messages and connections over the loopback, in one thread. One line per measurement: `name unit value`,
// each for a message that is sent and received, or for a call.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "first_process.hpp"
#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::Options;

int check(int result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

sockaddr_in address_of(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return address;
}

int bound(int type) {
    const int fd = check(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    return fd;
}

int connected_to(int peer, int type) {
    const int fd = check(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
    const sockaddr_in address = address_of(peer);
    check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    return fd;
}

// Sends and receives `data`, which fits into the buffers between the two.
void pass(int from, int to, std::vector<char>& data) {
    if (send(from, data.data(), data.size(), 0) != static_cast<ssize_t>(data.size())) fail("send");
    for (size_t left = data.size(); left > 0;) {
        const ssize_t count = recv(to, data.data(), left, 0);
        if (count <= 0) fail("recv");
        left -= static_cast<size_t>(count);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = eremite::bench::parse_options(argc, argv);
    if (options.first_process) eremite::bench::start_loopback();

    const int receiver = bound(SOCK_DGRAM), sender = connected_to(receiver, SOCK_DGRAM);
    std::vector<char> one(1), packet(1400), large(32 * 1024);
    measure(options, "udp_1", [&] { pass(sender, receiver, one); });
    measure(options, "udp_1400", [&] { pass(sender, receiver, packet); });

    const int listener = bound(SOCK_STREAM);
    check(listen(listener, 16), "listen");
    const int client = connected_to(listener, SOCK_STREAM), server = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
    const int yes = 1;
    for (const int fd : {client, server}) check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "TCP_NODELAY");
    measure(options, "tcp_round_trip_1", [&] {
        pass(client, server, one);
        pass(server, client, one);
    });
    measure(options, "tcp_1400", [&] { pass(client, server, packet); });
    measure(options, "tcp_32k", [&] { pass(client, server, large); });
    // Small pieces of what has arrived.
    std::vector<char> piece(64);
    constexpr int pieces = 512;
    measure(
        options, "tcp_read_64",
        [&] {
            if (send(client, large.data(), large.size(), 0) != static_cast<ssize_t>(large.size())) fail("send");
            for (int i = 0; i < pieces; ++i)
                if (recv(server, piece.data(), piece.size(), MSG_WAITALL) != static_cast<ssize_t>(piece.size())) fail("recv");
        },
        pieces);
    measure(options, "connection", [&] {
        const int from = connected_to(listener, SOCK_STREAM), to = check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
        // The client's end has no state to keep then.
        check(close(to), "close");
        check(close(from), "close");
    });
    return eremite::bench::finish(options, 0);
}
