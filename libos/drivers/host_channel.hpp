#pragma once
// The ports to the command that started the image (abi/host_channel.hpp). Without it everything here goes to the serial
// port or nowhere.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.hpp"

namespace eremite::drivers {

// Looks for the ports.
void start_host_channel();
[[nodiscard]] bool has_log_port();
[[nodiscard]] bool has_report_port();
void write_log_port(std::span<const char> text);
// One report line, without its newline: "exit 0".
void report(std::string_view format, std::span<const FormatArgument> arguments);
template <typename... A>
void report(std::string_view text, const A&... a) {
    const FormatArgument list[] = {FormatArgument{a}...};
    report(text, std::span<const FormatArgument>{list});
}
// A `stack` report of the given bytes, which the caller has made sure are readable.
void report_stack(uint64_t address, std::span<const uint8_t> bytes);

}  // namespace eremite::drivers
