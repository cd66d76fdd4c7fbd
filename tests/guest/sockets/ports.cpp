// All ports that the system chooses from are in use: who asks for one is refused until one is free again.
#include <sys/resource.h>

#include <vector>

#include "show.hpp"

namespace {

// The first and the last (ip(7), ip_local_port_range).
std::pair<unsigned, unsigned> range_of_ports() {
    std::FILE* const file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
    unsigned first = 0, last = 0;
    if (!file || std::fscanf(file, "%u %u", &first, &last) != 2) std::printf("no range of ports\n");
    if (file) std::fclose(file);
    return {first, last};
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto [first, last] = range_of_ports();
    const rlimit enough{last - first + 100, last - first + 100};
    if (::setrlimit(RLIMIT_NOFILE, &enough) != 0) {
        std::fprintf(stderr, "no more descriptors: %s\n", std::strerror(errno));
        return 77;
    }
    Socket listener{AF_INET, SOCK_STREAM};
    show("listener", bind_to(listener, address_of("127.0.0.1", 5000)));
    show("listen", ::listen(listener, 8));
    std::vector<Socket> sockets;
    unsigned bound = 0;
    for (unsigned port = first; port <= last; ++port) {
        bound += bind_to(sockets.emplace_back(AF_INET, SOCK_STREAM), address_of("127.0.0.1", static_cast<uint16_t>(port))) == 0;
    }
    std::printf("all are bound: %d\n", bound == last - first + 1);
    Socket client{AF_INET, SOCK_STREAM};
    show("connect", connect_to(client, name_of(listener)));
    show("bind to any port", bind_to(Socket{AF_INET, SOCK_STREAM}, address_of("127.0.0.1")));
    show("by UDP there are others", bind_to(Socket{AF_INET, SOCK_DGRAM}, address_of("127.0.0.1")));
    sockets[sockets.size() / 2].close();
    show("connect when one is free", connect_to(client, name_of(listener)));
    std::printf("that one: %d\n", ntohs(name_of(client).port()) == first + sockets.size() / 2);
}
