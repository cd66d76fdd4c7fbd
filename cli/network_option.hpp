#pragma once
// `--net`, how the machine reaches others, and `--publish`, which connects a port of the host with one of the program.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::cli {

struct PublishedPort {
    std::string address;  // IPv4, of the host; empty: all
    uint16_t host_port = 0;
    uint16_t program_port = 0;
    bool udp = false;
};

struct NetworkOption {
    std::string tap;                     // a TAP device of the host; empty: QEMU is the network, by itself
    std::vector<std::string> addresses;  // ADDRESS/LENGTH of the machine; empty: by DHCP
    std::vector<std::string> gateways;
    std::vector<std::string> name_servers;
    std::string mtu;  // empty: the device's
    std::vector<PublishedPort> published;
};

// user|tap:NAME[,ip=ADDRESS/LENGTH|off][,gateway=ADDRESS][,dns=ADDRESS][,mtu=BYTES][,hostfwd=RULE]. A machine on QEMU's network is given the
// addresses that are expected there, since that starts faster than DHCP. Throws Failure: not of that form.
NetworkOption parse_network_option(std::string_view text);
// [ADDRESS:]PORT:PORT[/udp], the host's first. Throws Failure.
PublishedPort parse_publish_option(std::string_view text);
// What these options ask for together. Throws Failure: options that do not go together.
NetworkOption network_option(std::string_view net, const std::vector<std::string>& published);

// Throws Failure when the TAP device is not there: QEMU as root would make one, which nobody has given an address.
void require_tap(const NetworkOption& option);
// What QEMU's messages of a failed start mean, if they are about the network; else empty.
std::string explain_network_failure(std::string_view messages, const NetworkOption& option);

}  // namespace eremite::cli
