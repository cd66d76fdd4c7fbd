// Sends one datagram and ends at once: datagram ADDRESS PORT TEXT.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) return 2;
    to.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    const size_t size = std::strlen(argv[3]);
    if (sendto(socket, argv[3], size, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == static_cast<ssize_t>(size)) return 0;
    std::perror("sendto");
    return 1;
}
