#include "libos/drivers/host_channel.hpp"

#include "abi/host_channel.hpp"
#include "libos/arch/supervisor.hpp"

namespace eremite::drivers {

namespace {

constinit bool log_port_found = false;
constinit bool report_port_found = false;

bool answers(uint16_t port) { return (arch::port_in(port, 1) & 0xff) == abi::debugcon_answer; }

}  // namespace

void start_host_channel() {
    log_port_found = answers(abi::log_port);
    report_port_found = log_port_found && answers(abi::report_port);
}

bool has_log_port() { return log_port_found; }
bool has_report_port() { return report_port_found; }

void write_log_port(std::span<const char> text) { arch::port_out_string(abi::log_port, text.data(), text.size()); }

void report(std::string_view format, std::span<const FormatArgument> arguments) {
    if (!report_port_found) return;
    char line[256];
    BufferSink sink{line};
    format_to(sink, format, arguments);
    sink.write("\n");
    arch::port_out_string(abi::report_port, sink.view().data(), sink.view().size());
}

void report_stack(uint64_t address, std::span<const uint8_t> bytes) {
    constexpr size_t per_line = 64;
    while (!bytes.empty()) {
        char text[2 * per_line];
        size_t length = 0;
        const size_t count = bytes.size() < per_line ? bytes.size() : per_line;
        for (uint8_t byte : bytes.first(count)) {
            text[length++] = "0123456789abcdef"[byte >> 4];
            text[length++] = "0123456789abcdef"[byte & 15];
        }
        report("stack {:x} {}", address, std::string_view{text, length});
        address += count;
        bytes = bytes.subspan(count);
    }
}

}  // namespace eremite::drivers
