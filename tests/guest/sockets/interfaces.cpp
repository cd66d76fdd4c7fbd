// What programs learn about interfaces, addresses and routes: netdevice(7), rtnetlink(7), the C library's functions for them, /proc/net.
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "show.hpp"

namespace {

void by_name() {
    Socket s{AF_INET, SOCK_DGRAM};
    const struct {
        const char* name;
        unsigned long request;
    } questions[] = {{"index", SIOCGIFINDEX}, {"flags", SIOCGIFFLAGS},        {"address", SIOCGIFADDR},     {"netmask", SIOCGIFNETMASK},
                     {"broadcast", SIOCGIFBRDADDR}, {"hardware", SIOCGIFHWADDR}, {"queue", SIOCGIFTXQLEN}};
    for (const auto& q : questions) {
        ifreq r{};
        std::strcpy(r.ifr_name, "lo");
        if (::ioctl(s, q.request, &r) < 0) {
            std::printf("%s: %s\n", q.name, std::strerror(errno));
            continue;
        }
        std::printf("%s:", q.name);
        for (size_t i = 0; i < 14; ++i) std::printf(" %02x", static_cast<unsigned char>(reinterpret_cast<char*>(&r.ifr_ifru)[i]));
        std::printf("\n");
    }
    ifreq r{};
    std::strcpy(r.ifr_name, "none0");
    show("no such name", ::ioctl(s, SIOCGIFINDEX, &r));
    r.ifr_ifindex = 1;
    show("name", ::ioctl(s, SIOCGIFNAME, &r));
    std::printf("%s\n", r.ifr_name);
    r.ifr_ifindex = 77;
    show("no such index", ::ioctl(s, SIOCGIFNAME, &r));
    show("bad memory", ::ioctl(s, SIOCGIFINDEX, 8));
    ifreq list[4]{};
    ifconf c{};
    c.ifc_len = sizeof list;
    c.ifc_req = list;
    show("list", ::ioctl(Socket{AF_INET, SOCK_DGRAM}, SIOCGIFCONF, &c));
    std::printf("%d bytes, %s\n", c.ifc_len, list[0].ifr_name);
    c.ifc_req = nullptr;
    show("its size", ::ioctl(Socket{AF_INET, SOCK_STREAM}, SIOCGIFCONF, &c));
    std::printf("%d bytes\n", c.ifc_len);
    std::printf("if_nametoindex: %u, none: %u\n", if_nametoindex("lo"), if_nametoindex("none0"));
    char name[IF_NAMESIZE];
    std::printf("if_indextoname: %s\n", if_indextoname(1, name));
    Socket bound{AF_INET, SOCK_STREAM};
    show("bind to a device", ::setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
    socklen_t size = sizeof name;
    show("it", ::getsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, name, &size));
    std::printf("%s (%u)\n", name, size);
    show("no such device", ::setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, "none0", 5));
    show("none", ::setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
}

void by_library() {
    ifaddrs* all = nullptr;
    show("getifaddrs", getifaddrs(&all));
    for (const ifaddrs* a = all; a; a = a->ifa_next) {
        std::printf("%s %#x family %d", a->ifa_name, a->ifa_flags, a->ifa_addr ? a->ifa_addr->sa_family : -1);
        char text[INET6_ADDRSTRLEN];
        for (const sockaddr* s : {a->ifa_addr, a->ifa_netmask}) {
            if (!s) continue;
            if (s->sa_family == AF_INET) inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(s)->sin_addr, text, sizeof text);
            else if (s->sa_family == AF_INET6) inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(s)->sin6_addr, text, sizeof text);
            else continue;
            std::printf(" %s", text);
        }
        std::printf("\n");
    }
    freeifaddrs(all);
    struct if_nameindex* const names = if_nameindex();
    for (const struct if_nameindex* n = names; n && n->if_name; ++n) std::printf("%u %s\n", n->if_index, n->if_name);
    if_freenameindex(names);
}

void by_netlink() {
    Socket s{AF_NETLINK, SOCK_RAW, NETLINK_ROUTE};
    show("no such protocol", ::socket(AF_NETLINK, SOCK_RAW, 99));
    show("no stream", ::socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    sockaddr_nl own{};
    own.nl_family = AF_NETLINK;
    show("bind", ::bind(s, reinterpret_cast<sockaddr*>(&own), sizeof own));
    socklen_t size = sizeof own;
    show("name", ::getsockname(s, reinterpret_cast<sockaddr*>(&own), &size));
    std::printf("family %d size %u port: %d\n", own.nl_family, size, own.nl_pid != 0);
    show_events("events", s);
    for (const int type : {int{RTM_GETLINK}, int{RTM_GETADDR}, RTM_GETNEIGH + 1000}) {
        struct {
            nlmsghdr header;
            rtgenmsg body;
        } request{};
        request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
        request.header.nlmsg_type = static_cast<uint16_t>(type);
        request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        request.header.nlmsg_seq = 5;
        show("ask", ::send(s, &request, request.header.nlmsg_len, 0));
        for (bool done = false; !done;) {
            alignas(nlmsghdr) char buffer[16384];
            sockaddr_nl from{};
            size = sizeof from;
            const ssize_t n = ::recvfrom(s, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 0) break;
            auto left = static_cast<unsigned>(n);
            for (const auto* m = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
                std::printf("type %d flags %d sequence %u mine: %d from %u", m->nlmsg_type, m->nlmsg_flags & NLM_F_MULTI, m->nlmsg_seq,
                            m->nlmsg_pid == own.nl_pid, from.nl_pid);
                if (m->nlmsg_type == NLMSG_ERROR) std::printf(" error %s", std::strerror(-static_cast<const nlmsgerr*>(NLMSG_DATA(m))->error));
                std::printf("\n");
                done = done || m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR;
            }
        }
    }
}

void resolving() {
    for (const int flags : {AI_ADDRCONFIG | AI_NUMERICHOST, AI_PASSIVE | AI_NUMERICHOST}) {
        addrinfo hints{};
        hints.ai_flags = flags;
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        show("getaddrinfo", getaddrinfo((flags & AI_PASSIVE) != 0 ? nullptr : "127.0.0.1", "80", &hints, &found));
        for (const addrinfo* a = found; a; a = a->ai_next) std::printf("family %d\n", a->ai_family);
        if (found) freeaddrinfo(found);
    }
}

// The lines of a file of /proc/net that have a word, without what differs from run to run: words of the given numbers.
void show_lines(const char* path, const std::string& word, const std::vector<size_t>& kept) {
    std::ifstream file{path};
    std::string line;
    bool first = true;
    for (; std::getline(file, line); first = false) {
        if (first && word.empty()) std::printf("%s: %zu: %s|\n", path, line.size(), line.c_str());
        if (word.empty() || line.find(word) == line.npos) continue;
        std::istringstream words{line};
        std::string w;
        std::printf("%s:", path);
        for (size_t i = 0; words >> w; ++i)
            if (std::find(kept.begin(), kept.end(), i) != kept.end()) std::printf(" %s", w.c_str());
        std::printf("\n");
    }
}

void files() {
    for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6", "/proc/net/dev", "/proc/net/route",
                             "/proc/net/arp", "/proc/net/unix"})
        show_lines(path, "", {});
    show_lines("/proc/net/if_inet6", "lo", {0, 1, 2, 3, 4, 5});
    show_lines("/proc/net/dev", "lo:", {0});
    Socket l{AF_INET, SOCK_STREAM}, six{AF_INET6, SOCK_STREAM}, u{AF_INET, SOCK_DGRAM}, u6{AF_INET6, SOCK_DGRAM}, c{AF_INET, SOCK_STREAM};
    bind_to(l, address_of("127.0.0.1", 7001));
    ::listen(l, 3);
    set_option(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bind_to(six, address_of("::1", 7002));
    ::listen(six, 3);
    bind_to(u, address_of("127.0.0.1", 7003));
    bind_to(u6, address_of("::1", 7004));
    connect_to(c, address_of("127.0.0.1", 7001));
    ::send(c, "abc", 3, 0);
    Socket a{::accept(l, nullptr, nullptr)};
    await(a, POLLIN);
    show_lines("/proc/net/tcp", "0100007F:1B59 00000000:0000", {1, 2, 3, 4, 7});
    show_lines("/proc/net/tcp", "0100007F:1B59 0100007F", {1, 3, 4, 7});
    show_lines("/proc/net/tcp6", ":1B5A ", {1, 2, 3, 4, 7});
    show_lines("/proc/self/net/udp", ":1B5B ", {1, 2, 3, 4, 7});
    show_lines("/proc/net/udp6", ":1B5C ", {1, 2, 3, 4, 7});
    // A socket's number is that of its file.
    char link[64];
    const std::string path = "/proc/self/fd/" + std::to_string(int{l});
    const ssize_t n = ::readlink(path.c_str(), link, sizeof link);
    std::string number{link, n > 0 ? static_cast<size_t>(n) : 0};
    number = number.substr(8, number.size() - 9);
    show_lines("/proc/net/tcp", " " + number + " ", {1, 3});
    for (const char* setting : {"/proc/sys/net/core/somaxconn", "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/tcp_keepalive_time"}) {
        std::ifstream file{setting};
        std::string text;
        std::getline(file, text);
        std::printf("%s: %s\n", setting, text.c_str());
    }
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    by_name();
    by_library();
    by_netlink();
    resolving();
    files();
}
