#include "cli/network_option.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

// QEMU's user network is 10.0.2.0/24: it answers as 10.0.2.2, and expects the machine at 10.0.2.15.
constexpr std::string_view user_address = "10.0.2.15/24", user_gateway = "10.0.2.2";

std::string_view cut(std::string_view& text, char separator) {
    const size_t at = text.find(separator);
    const std::string_view first = text.substr(0, at);
    text = at == text.npos ? std::string_view{} : text.substr(at + 1);
    return first;
}

std::optional<uint16_t> parse_port(std::string_view text) {
    uint16_t port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

}  // namespace

NetworkOption parse_network_option(std::string_view text) {
    constexpr std::string_view tap = "tap:", ip = "ip=", gateway = "gateway=";
    const auto refuse = [&](std::string_view why) { throw Failure{exit_status::usage, fmt::format("run: --net {}: {}", text, why)}; };
    NetworkOption option;
    std::string_view rest = text;
    const std::string_view kind = cut(rest, ',');
    if (kind.starts_with(tap) && kind.size() > tap.size()) option.tap = kind.substr(tap.size());
    else if (kind != "user") refuse("write user or tap:NAME");
    while (!rest.empty()) {
        const std::string_view word = cut(rest, ',');
        if (word.starts_with(ip)) option.address = word.substr(ip.size());
        else if (word.starts_with(gateway)) option.gateway = word.substr(gateway.size());
        else refuse(fmt::format("{}: what may follow is ip=ADDRESS/LENGTH and gateway=ADDRESS", word));
    }
    if (option.tap.empty()) {
        if (option.address.empty()) option.address = user_address;
        if (option.gateway.empty()) option.gateway = user_gateway;
    } else if (option.address.empty()) {
        refuse("a TAP device needs ip=ADDRESS/LENGTH for the machine");
    }
    return option;
}

PublishedPort parse_publish_option(std::string_view text) {
    constexpr std::string_view udp = "/udp";
    PublishedPort port;
    std::string_view rest = text;
    if (rest.ends_with(udp)) {
        port.udp = true;
        rest.remove_suffix(udp.size());
    }
    const size_t last = rest.rfind(':');
    const std::string_view of_host = last == rest.npos ? std::string_view{} : rest.substr(0, last);
    const size_t first = of_host.rfind(':');
    const auto host_port = parse_port(first == of_host.npos ? of_host : of_host.substr(first + 1));
    const auto program_port = last == rest.npos ? std::nullopt : parse_port(rest.substr(last + 1));
    if (!host_port || !program_port)
        throw Failure{exit_status::usage, fmt::format("run: --publish {}: write PORT:PORT or ADDRESS:PORT:PORT, the host's first, and /udp behind it if wanted", text)};
    if (first != of_host.npos) port.address = of_host.substr(0, first);
    port.host_port = *host_port;
    port.program_port = *program_port;
    return port;
}

}  // namespace eremite::cli
