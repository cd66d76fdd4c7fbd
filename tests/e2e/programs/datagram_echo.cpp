// Gives datagrams back, until an empty one comes: datagram_echo PORT SEGMENT. SEGMENT: what is longer comes back as datagrams of so many bytes,
// sent in one call (UDP_SEGMENT); 0: as it came.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0), segment = std::atoi(argv[2]);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
    if (bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        setsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) {
        std::perror("datagram_echo");
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    std::vector<uint8_t> data(65536);
    for (;;) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t got = recvfrom(socket, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (got == 0) return 0;
        if (got < 0 || sendto(socket, data.data(), static_cast<size_t>(got), 0, reinterpret_cast<const sockaddr*>(&from), size) != got) {
            std::perror("datagram_echo");
            return 1;
        }
    }
}
