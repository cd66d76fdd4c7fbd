#pragma once
// A machine for the console's tests. Each scenario has a process of its own, since the console lives as long as the kernel; what it noted down is
// compared in the test.
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "abi/host_channel.hpp"
#include "libos/drivers/console.hpp"
#include "libos/drivers/console_setup.hpp"
#include "libos/drivers/stream.hpp"
#include "tests/unit/drivers/uart.hpp"
#include "tests/unit/random/fresh.hpp"

namespace eremite::test {

// What happens while the kernel waits. Without it a wait would last for ever.
extern std::function<void()> on_wait;
// Interrupts that were routed, and complaints in the log.
extern std::string routed;

// The virtio consoles of the machine, how many there are, and how many of them somebody has.
class TestStream final : public drivers::Stream {
public:
    Result<void> write(std::span<const char> text, bool) override {
        if (full) return Error{EAGAIN};
        gathered.append(text.data(), text.size());
        return {};
    }
    void push() override { sent += std::exchange(gathered, {}); }
    bool writable() override { return !full; }
    void flush() override { sent += std::exchange(gathered, {}) + "$"; }
    std::optional<uint8_t> read() override {
        if (typed.empty()) return std::nullopt;
        const auto byte = static_cast<uint8_t>(typed[0]);
        typed.erase(0, 1);
        return byte;
    }
    bool listen() override { return !typed.empty(); }
    bool input_failed() const override { return failed; }

    drivers::StreamCallbacks callbacks;
    std::string gathered, sent, typed;
    bool full = false, failed = false;
};
extern TestStream streams[2];
extern unsigned consoles, claimed;

// A machine whose console has just been started, and notes of what it did.
struct Scene {
    enum Devices : unsigned { Nothing = 0, Serial = 1, Log = 2, Report = 4 };

    explicit Scene(bool framed, unsigned devices = Serial | Log | Report, bool terminal = false) {
        if (devices & Serial) uart.emplace(ports, abi::serial_port);
        if (devices & Log) log.emplace(ports, abi::log_port);
        if (devices & Report) report.emplace(ports, abi::report_port);
        drivers::start_serial();
        drivers::start_console({.terminal = terminal, .framed_input = framed});
    }
    // Reads once and notes the bytes in brackets, or the error.
    void read(size_t size = 4096, bool nonblocking = true) {
        std::string buffer(size, '?');
        const auto count = drivers::console_read(buffer, nonblocking);
        notes += count.ok() ? "[" + buffer.substr(0, count.value()) + "]" : "{" + std::to_string(count.code()) + "}";
    }
    // Notes whether there is something to read, and the end.
    void look() {
        const drivers::ConsoleInput input = drivers::console_input();
        notes += input.data ? "+" : "-";
        if (input.ended) notes += ".";
    }

    Ports ports;
    std::optional<Uart> uart;
    std::optional<DebugPort> log, report;
    std::string notes;
};

// The notes of a scenario.
template <typename Body>
std::string play(Body&& body) {
    const Octets bytes = in_fresh_process([&] {
        const std::string notes = body();
        return Octets(notes.begin(), notes.end());
    });
    return {bytes.begin(), bytes.end()};
}

const std::string again = "{" + std::to_string(EAGAIN) + "}";

}  // namespace eremite::test
