// Tells what it knows of the network, one question for each connection: names PORT. A question is a line: `name` (the host's own),
// `addresses`, `router`, `servers` (of names) or `resolve NAME`. An empty line ends the answer.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string text_of(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET) inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
    else inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof text);
    return text;
}

// Of IPv4, but for the loopback's.
std::string addresses() {
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) return "getifaddrs failed\n";
    std::string answer;
    for (const ifaddrs* a = first; a; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET && !(a->ifa_flags & IFF_LOOPBACK))
            answer += std::string{a->ifa_name} + " " + text_of(a->ifa_addr) + " " + text_of(a->ifa_netmask) + "\n";
    freeifaddrs(first);
    return answer;
}

std::string router() {
    std::ifstream routes{"/proc/net/route"};
    std::string line, answer;
    std::getline(routes, line);
    while (std::getline(routes, line)) {
        std::istringstream words{line};
        std::string interface;
        in_addr_t destination, gateway;
        words >> interface >> std::hex >> destination >> gateway;
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = gateway;
        if (destination == 0) answer += interface + " " + text_of(reinterpret_cast<const sockaddr*>(&at)) + "\n";
    }
    return answer;
}

std::string resolve(const std::string& name) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0) return std::string{gai_strerror(error)} + "\n";
    std::string answer;
    for (const addrinfo* a = found; a; a = a->ai_next) answer += text_of(a->ai_addr) + "\n";
    freeaddrinfo(found);
    return answer;
}

std::string answer(const std::string& question) {
    constexpr std::string_view to_resolve = "resolve ";
    if (question.starts_with(to_resolve)) return resolve(question.substr(to_resolve.size()));
    if (question == "addresses") return addresses();
    if (question == "router") return router();
    std::ostringstream out;
    if (question == "servers") out << std::ifstream{"/etc/resolv.conf"}.rdbuf();
    else if (question == "name") {
        char name[256];
        if (gethostname(name, sizeof name) == 0) out << name << "\n";
    } else out << "what?\n";
    return out.str();
}

}  // namespace

int main(int argc, char** argv) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
    if (bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(listener, 8) != 0) {
        std::perror("bind");
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        const int client = accept(listener, nullptr, nullptr);
        if (client < 0) return 1;
        std::string question;
        for (char c; read(client, &c, 1) == 1 && c != '\n';) question += c;
        const std::string text = answer(question) + "\n";
        if (write(client, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::perror("write");
        close(client);
    }
}
