#pragma once
// `--net user[,ip=ADDRESS/LENGTH,gateway=ADDRESS]|tap:NAME,ip=...`: how the machine reaches others; and `--publish [ADDRESS:]PORT:PORT`, which
// connects a port of the host with one of the program.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::cli {

struct PublishedPort {
    std::string address;  // of the host; empty: all
    uint16_t host_port = 0;
    uint16_t program_port = 0;
    bool udp = false;
};

struct NetworkOption {
    std::string tap;      // a TAP device of the host; empty: QEMU is the network, by itself
    std::string address;  // ADDRESS/LENGTH of the machine
    std::string gateway;  // empty: none
    std::vector<PublishedPort> published;
};

// Throws Failure: not of that form.
NetworkOption parse_network_option(std::string_view text);
// [ADDRESS:]PORT:PORT[/udp]
PublishedPort parse_publish_option(std::string_view text);

}  // namespace eremite::cli
