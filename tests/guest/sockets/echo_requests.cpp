// ICMP by programs: echo sockets without privileges (icmp(7)) and raw ones (raw(7)), which need them.
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>

#include <csignal>

#include "show.hpp"

namespace {

struct Request {
    uint8_t type = 8, code = 0;
    uint16_t checksum = 0, identifier = 0, sequence = 0;
    char data[8] = {'p', 'i', 'n', 'g', '1', '2', '3', '4'};
};

uint16_t checksum_of(const Request& r) {
    uint16_t words[sizeof r / 2];
    std::memcpy(words, &r, sizeof r);
    uint32_t sum = 0;
    for (const uint16_t w : words) sum += w;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

void without_privileges(const char* address, int protocol, uint8_t request_type) {
    std::printf("echo socket, %s\n", address);
    Address to = address_of(address);
    Socket s{to.storage.ss_family, SOCK_DGRAM, protocol};
    if (s < 0) return void(std::printf("none: %s\n", std::strerror(errno)));
    Request r;
    r.type = request_type;
    r.sequence = htons(5);
    r.identifier = htons(77);
    show("send", ::sendto(s, &r, sizeof r, 0, to.get(), to.size));
    std::printf("has an identifier: %d\n", name_of(s).port() != 0);
    std::printf("comes: %d\n", await(s, POLLIN));
    Request answer;
    Address from;
    show("receive", ::recvfrom(s, &answer, sizeof answer, 0, from.get(), &from.size));
    std::printf("type %d code %d sequence %d its own identifier: %d data %.8s from %s\n", answer.type, answer.code, ntohs(answer.sequence),
                answer.identifier == name_of(s).port(), answer.data, from.text().c_str());
    show_received("no more", s, 1);
    r.type = 3;
    show("not an echo", ::sendto(s, &r, sizeof r, 0, to.get(), to.size));
    show("too short", ::sendto(s, &r, 4, 0, to.get(), to.size));
    show("nowhere", ::send(s, &r, sizeof r, 0));
    show("connect", connect_to(s, to));
    r.type = request_type;
    show("send", ::send(s, &r, sizeof r, 0));
    await(s, POLLIN);
    show("receive", ::recv(s, &answer, sizeof answer, 0));
}

void raw_v4() {
    std::printf("raw, IPv4\n");
    Socket s{AF_INET, SOCK_RAW, IPPROTO_ICMP};
    show("no protocol", ::socket(AF_INET, SOCK_RAW, 0));
    Address to = address_of("127.0.0.1");
    Request r;
    r.identifier = htons(7);
    r.sequence = htons(9);
    r.checksum = checksum_of(r);
    icmp_filter filter{~(1U << ICMP_ECHOREPLY)};
    show("filter", ::setsockopt(s, SOL_RAW, ICMP_FILTER, &filter, sizeof filter));
    show("send", ::sendto(s, &r, sizeof r, 0, to.get(), to.size));
    await(s, POLLIN);
    unsigned char buffer[100];
    Address from;
    const ssize_t n = ::recvfrom(s, buffer, sizeof buffer, 0, from.get(), &from.size);
    iphdr header;
    std::memcpy(&header, buffer, sizeof header);
    Request answer;
    std::memcpy(&answer, buffer + header.ihl * 4, sizeof answer);
    std::printf("%zd bytes, version %d, protocol %d, length %d from %s\n", n, header.version, header.protocol, ntohs(header.tot_len),
                from.text().c_str());
    std::printf("type %d identifier %d sequence %d checksum right: %d\n", answer.type, ntohs(answer.identifier), ntohs(answer.sequence),
                checksum_of(answer) == 0);
    show_received("no more", s, 1);
}

void raw_v6() {
    std::printf("raw, IPv6\n");
    Socket s{AF_INET6, SOCK_RAW, IPPROTO_ICMPV6};
    Address to = address_of("::1");
    Request r;
    r.type = ICMP6_ECHO_REQUEST;
    r.identifier = htons(7);
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    show("filter", ::setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter));
    show("hops wanted", set_option(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
    show("send", ::sendto(s, &r, sizeof r, 0, to.get(), to.size));
    await(s, POLLIN);
    Request answer;
    Address from;
    show("receive", ::recvfrom(s, &answer, sizeof answer, 0, from.get(), &from.size));
    std::printf("type %d identifier %d from %s\n", answer.type, ntohs(answer.identifier), from.text().c_str());
}

// Packets whose header the program writes (IP_HDRINCL).
void with_header() {
    std::printf("raw, with a header\n");
    Socket s{AF_INET, SOCK_RAW, IPPROTO_RAW}, receiver{AF_INET, SOCK_RAW, IPPROTO_ICMP}, other{AF_INET, SOCK_RAW, IPPROTO_ICMP};
    if (s < 0) return void(std::printf("none: %s\n", std::strerror(errno)));
    show_option("of all protocols", s, IPPROTO_IP, IP_HDRINCL);
    show_option("of one", other, IPPROTO_IP, IP_HDRINCL);
    show("set", set_option(other, IPPROTO_IP, IP_HDRINCL, 1));
    show_option("of one", other, IPPROTO_IP, IP_HDRINCL);
    show("of UDP", set_option(Socket{AF_INET, SOCK_DGRAM}, IPPROTO_IP, IP_HDRINCL, 1));
    struct {
        iphdr ip{};
        Request request{};
    } packet;
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.tos = 0x20;
    packet.ip.ttl = 77;
    packet.ip.protocol = IPPROTO_ICMP;
    packet.ip.daddr = htonl(INADDR_LOOPBACK);
    packet.request.type = 253;  // for experiments: nobody answers
    packet.request.code = 3;
    packet.request.checksum = checksum_of(packet.request);
    Address to = address_of("127.0.0.1");
    for (const uint32_t source : {0U, 0x7f000009U}) {
        packet.ip.saddr = htonl(source);
        packet.ip.id = source == 0 ? 0 : htons(1234);
        show("send", ::sendto(source == 0 ? s : other, &packet, sizeof packet, 0, to.get(), to.size));
        std::printf("comes: %d\n", await(receiver, POLLIN));
        decltype(packet) got;
        Address from;
        show("receive", ::recvfrom(receiver, &got, sizeof got, 0, from.get(), &from.size));
        uint32_t sum = 0;
        uint16_t words[10];
        std::memcpy(words, &got.ip, sizeof words);
        for (const uint16_t w : words) sum += w;
        std::printf("from %s, length %d, class %#x, ttl %d, protocol %d, type %d, code %d, data %.8s\n", from.text().c_str(), ntohs(got.ip.tot_len), got.ip.tos,
                    got.ip.ttl, got.ip.protocol, got.request.type, got.request.code, got.request.data);
        std::printf("identified: %d, header sum %#x\n", source == 0 ? got.ip.id != 0 : got.ip.id == htons(1234), (sum & 0xffff) + (sum >> 16));
    }
    show("no whole header", ::sendto(s, &packet, 19, 0, to.get(), to.size));
    packet.ip.ihl = 15;
    show("a header longer than the packet", ::sendto(s, &packet, sizeof packet, 0, to.get(), to.size));
    show_received("nothing comes there", s, 1);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    without_privileges("127.0.0.1", IPPROTO_ICMP, 8);
    without_privileges("::1", IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST);
    raw_v4();
    raw_v6();
    with_header();
}
