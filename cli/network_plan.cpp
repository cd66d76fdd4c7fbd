#include "cli/network_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/tap_device.hpp"

namespace eremite::cli {

std::vector<std::string> network_arguments(const NetworkOption& network) {
    std::vector<std::string> words;
    for (const std::string& address : network.addresses) words.push_back("ip=" + address);
    for (const std::string& gateway : network.gateways) words.push_back("gateway=" + gateway);
    if (!network.name_servers.empty()) words.push_back(fmt::format("dns={}", fmt::join(network.name_servers, ",")));
    if (!network.mtu.empty()) words.push_back("mtu=" + network.mtu);
    return words;
}

NetworkInterface network_interface(const NetworkOption& network, unsigned cpus) {
    const unsigned queues = network.tap.empty() ? 1 : tap_queues(takes_several_queues(network.tap), cpus);
    NetworkInterface interface{.tap = network.tap, .queues = queues, .machine_address = {}, .forwarded = {}};
    for (const std::string& address : network.addresses)
        if (address.find(':') == std::string::npos) interface.machine_address = address.substr(0, address.find('/'));
    for (const PublishedPort& port : network.published) interface.forwarded.push_back({port.address, port.host_port, port.program_port, port.udp});
    return interface;
}

}  // namespace eremite::cli
