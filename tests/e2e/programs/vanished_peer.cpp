// Connects to a peer that vanishes, which a line on the standard input tells: vanished_peer ADDRESS PORT WAY. What the program hears then, and
// after how many seconds. WAY is
//   keep-alive   nothing is sent; the peer is asked for every second after the first, twice
//   timeout      data are sent that nobody acknowledges, for two seconds at most
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void set(int socket, int level, int option, int value) {
    if (setsockopt(socket, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::string_view way = argv[3];
    const int peer = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 || connect(peer, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("connect");
    if (way == "keep-alive") {
        set(peer, IPPROTO_TCP, TCP_KEEPIDLE, 1);
        set(peer, IPPROTO_TCP, TCP_KEEPINTVL, 1);
        set(peer, IPPROTO_TCP, TCP_KEEPCNT, 2);
        set(peer, SOL_SOCKET, SO_KEEPALIVE, 1);
    } else {
        set(peer, IPPROTO_TCP, TCP_USER_TIMEOUT, 2000);
    }
    std::puts("connected");
    std::fflush(stdout);
    if (std::getchar() == EOF) fail("getchar");
    const auto start = std::chrono::steady_clock::now();
    if (way == "timeout" && send(peer, "anybody there?", 14, 0) != 14) fail("send");
    char byte;
    const ssize_t got = recv(peer, &byte, 1, 0);
    const int error = got < 0 ? errno : 0;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("%s after %.1f s\n", got == 0 ? "the end of the stream" : got > 0 ? "data" : std::strerror(error), passed.count());
    // It was told once; from now on there is nothing to send to.
    const ssize_t sent = send(peer, "x", 1, MSG_NOSIGNAL);
    std::printf("then %s\n", sent < 0 ? std::strerror(errno) : "data were taken");
}
