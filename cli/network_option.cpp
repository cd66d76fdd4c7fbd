#include "cli/network_option.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {

namespace {

// QEMU's user network: it answers as 10.0.2.2, resolves names as 10.0.2.3, and expects the machine at 10.0.2.15.
constexpr const char *user_address = "10.0.2.15/24", *user_gateway = "10.0.2.2", *user_name_server = "10.0.2.3", *user_prefix = "10.0.2.";

std::string_view cut(std::string_view& text, char separator) {
    const size_t at = text.find(separator);
    const std::string_view first = text.substr(0, at);
    text = at == text.npos ? std::string_view{} : text.substr(at + 1);
    return first;
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
    T number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<uint16_t> parse_port(std::string_view text) {
    const auto port = parse_number<uint16_t>(text);
    return port == uint16_t{0} ? std::nullopt : port;
}

// The number of bits of such an address; 0: it is none.
unsigned address_bits(std::string_view text) {
    in6_addr parsed{};
    const std::string address{text};
    if (::inet_pton(AF_INET, address.c_str(), &parsed) == 1) return 32;
    return ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1 ? 128 : 0;
}

bool is_address_with_length(std::string_view text) {
    const size_t slash = text.find('/');
    const unsigned bits = address_bits(text.substr(0, slash));
    const auto length = slash == text.npos ? std::nullopt : parse_number<unsigned>(text.substr(slash + 1));
    return bits != 0 && length && *length <= bits;
}

// [tcp|udp]:[ADDRESS]:PORT-:PORT, as QEMU writes it.
std::optional<PublishedPort> parse_forward(std::string_view rule) {
    const std::string_view protocol = cut(rule, ':');
    const std::string_view address = cut(rule, ':');
    const auto host_port = parse_port(cut(rule, '-'));
    if (!host_port || !rule.starts_with(':') || (protocol != "tcp" && protocol != "udp" && !protocol.empty())) return std::nullopt;
    const auto program_port = parse_port(rule.substr(1));
    if (!program_port || (!address.empty() && address_bits(address) != 32)) return std::nullopt;
    return PublishedPort{std::string{address}, *host_port, *program_port, protocol == "udp"};
}

std::string tap_recipe(std::string_view name) {
    return fmt::format("sudo ip tuntap add dev {0} mode tap multi_queue user $USER && sudo ip addr add 10.0.5.1/24 dev {0} && sudo ip link set {0} up", name);
}

// Why the host does not let us have a port, now that QEMU did not get it: 0 if it does. Like QEMU, this takes a port that connections
// of an earlier owner still linger on.
int port_error(const PublishedPort& port) {
    const UniqueFd socket{::socket(AF_INET, (port.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0)};
    if (!socket) return errno;
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port.host_port);
    if (!port.address.empty() && ::inet_pton(AF_INET, port.address.c_str(), &address.sin_addr) != 1) return EINVAL;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 || (!port.udp && ::listen(socket.get(), 1) < 0))
        return errno;
    return 0;
}

std::string explain_ports(const NetworkOption& option) {
    for (const PublishedPort& port : option.published) {
        const int error = port_error(port);
        if (error == 0) continue;
        const char* const advice = error == EADDRINUSE  ? "; another program has it: choose another one"
                                   : error == EACCES    ? "; ports below 1024 take privileges: choose another one"
                                   : error == EADDRNOTAVAIL ? "; this host has no such address"
                                                        : "";
        return fmt::format("--publish: port {}{}{} of the host ({}): {}{}", port.address, port.address.empty() ? "" : ":", port.host_port,
                           port.udp ? "UDP" : "TCP", std::strerror(error), advice);
    }
    return "--publish: is a port given twice?";
}

}  // namespace

NetworkOption parse_network_option(std::string_view text) {
    constexpr std::string_view tap = "tap:", ip = "ip=", gateway = "gateway=", dns = "dns=", mtu = "mtu=", forward = "hostfwd=";
    const auto refuse = [&](std::string_view why) { throw Failure{exit_status::usage, fmt::format("run: --net {}: {}", text, why)}; };
    NetworkOption option;
    std::string_view rest = text;
    const std::string_view kind = cut(rest, ',');
    if (kind.starts_with(tap) && kind.size() > tap.size() && kind.size() - tap.size() < IFNAMSIZ) option.tap = kind.substr(tap.size());
    else if (kind != "user") refuse("write user or tap:NAME, with a name of at most 15 bytes");
    while (!rest.empty()) {
        const std::string_view word = cut(rest, ',');
        std::string_view value = word;
        cut(value, '=');
        if (word.starts_with(ip)) {
            const bool none = value == "off" && !option.tap.empty();
            if (!none && !is_address_with_length(value)) refuse(fmt::format("{}: write ip=ADDRESS/LENGTH, for example ip=10.0.5.3/24", word));
            if (option.tap.empty() && value.find(':') == value.npos && !value.starts_with(user_prefix))
                refuse(fmt::format("{}: on QEMU's network the machine has an address of 10.0.2.0/24", word));
            option.addresses.emplace_back(value);
        } else if (word.starts_with(gateway) || word.starts_with(dns)) {
            if (address_bits(value) == 0) refuse(fmt::format("{}: not an address", word));
            (word.starts_with(dns) ? option.name_servers : option.gateways).emplace_back(value);
        } else if (word.starts_with(mtu)) {
            if (!parse_number<uint16_t>(value)) refuse(fmt::format("{}: not a number of bytes", word));
            option.mtu = value;
        } else if (word.starts_with(forward) && option.tap.empty()) {
            const auto port = parse_forward(value);
            if (!port) refuse(fmt::format("{}: write hostfwd=tcp:[ADDRESS]:PORT-:PORT, the host's first, or --publish PORT:PORT", word));
            option.published.push_back(*port);
        } else {
            refuse(fmt::format("{}: what may follow is ip=ADDRESS/LENGTH, gateway=ADDRESS, dns=ADDRESS, mtu=BYTES and, behind user, "
                               "hostfwd=tcp::PORT-:PORT",
                               word));
        }
    }
    if (option.tap.empty()) {
        if (option.addresses.empty()) option.addresses.emplace_back(user_address);
        if (option.gateways.empty()) option.gateways.emplace_back(user_gateway);
        if (option.name_servers.empty()) option.name_servers.emplace_back(user_name_server);
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
    const std::string_view address = first == of_host.npos ? std::string_view{} : of_host.substr(0, first);
    const auto host_port = parse_port(first == of_host.npos ? of_host : of_host.substr(first + 1));
    const auto program_port = last == rest.npos ? std::nullopt : parse_port(rest.substr(last + 1));
    if (!host_port || !program_port || (first != of_host.npos && address_bits(address) != 32)) {
        throw Failure{exit_status::usage,
                      fmt::format("run: --publish {}: write PORT:PORT or ADDRESS:PORT:PORT, the host's first, with an IPv4 address of the host, "
                                  "and /udp behind it if wanted",
                                  text)};
    }
    port.address = address;
    port.host_port = *host_port;
    port.program_port = *program_port;
    return port;
}

NetworkOption network_option(std::string_view net, const std::vector<std::string>& published) {
    NetworkOption option = parse_network_option(net.empty() ? "user" : net);
    for (const std::string& port : published) option.published.push_back(parse_publish_option(port));
    if (!option.tap.empty() && !option.published.empty())
        throw Failure{exit_status::usage, "run: --publish is for --net user; on a TAP device the program has an address of its own"};
    return option;
}

void require_tap(const NetworkOption& option) {
    if (option.tap.empty() || ::if_nametoindex(option.tap.c_str()) != 0) return;
    throw Failure{exit_status::eremite_failed,
                  fmt::format("--net tap:{0}: there is no device {0}; this makes one: {1}", option.tap, tap_recipe(option.tap))};
}

std::string explain_network_failure(std::string_view messages, const NetworkOption& option) {
    const auto says = [messages](std::string_view text) { return messages.find(text) != std::string_view::npos; };
    if (says("Could not set up host forwarding rule")) return explain_ports(option);
    if (!says("/dev/net/tun")) return {};
    if (says("busy")) return fmt::format("another machine or program uses {}: each needs a TAP device of its own", option.tap);
    if (says("not permitted"))
        return fmt::format("this user may not use {0}; this makes one that you may use: sudo ip link del {0}; {1}", option.tap,
                           tap_recipe(option.tap));
    if (says("Invalid argument")) return fmt::format("{} is no TAP device", option.tap);
    return "/dev/net/tun cannot be opened: sudo modprobe tun, or see `eremite doctor`";
}

}  // namespace eremite::cli
