#pragma once
// A 16550 at fake ports, after the PC16550D data sheet: what of it the driver uses, and what the driver must not do.
#include <deque>
#include <string>
#include <string_view>

#include "tests/unit/platform/ports.hpp"

namespace eremite::test {

class Uart {
public:
    static constexpr size_t fifo_size = 16;

    Uart(Ports& ports, uint16_t base) {
        ports[base + 0] = {[this](unsigned) { return divisor_latch() ? divisor : take(); }, [this](unsigned, uint32_t value) { put(value); }};
        ports[base + 1] = {[this](unsigned) { return interrupt_enable; }, [this](unsigned, uint32_t value) {
            if (divisor_latch()) divisor = (divisor & 0xff) | value << 8;
            else interrupt_enable = value;
        }};
        ports[base + 2].out = [this](unsigned, uint32_t value) {
            fifo_control = value;
            if (value & 2) input.clear();
        };
        ports[base + 3] = {[this](unsigned) { return line_control; }, [this](unsigned, uint32_t value) { line_control = value; }};
        ports[base + 4].out = [this](unsigned, uint32_t value) { modem_control = value; };
        ports[base + 5].in = [this](unsigned) { return status(); };
        ports[base + 7] = {[this](unsigned) { return scratch; }, [this](unsigned, uint32_t value) { scratch = value; }};
    }
    Uart(const Uart&) = delete;
    Uart& operator=(const Uart&) = delete;

    void receive(std::string_view bytes) { input.insert(input.end(), bytes.begin(), bytes.end()); }

    std::deque<char> input;       // received, not read yet
    std::string output;           // sent
    unsigned slowness = 0;        // how often the status is read until the transmitter has sent what it holds
    size_t overruns = 0;          // bytes lost since the transmitter's FIFO was full
    size_t reads_of_nothing = 0;  // of the data register
    uint32_t divisor = 12, interrupt_enable = 0, fifo_control = 0, line_control = 0, modem_control = 0, scratch = 0;

private:
    [[nodiscard]] bool divisor_latch() const { return line_control & 0x80; }
    uint32_t take() {
        if (input.empty()) {
            ++reads_of_nothing;
            return 0;
        }
        const auto byte = static_cast<uint8_t>(input.front());
        input.pop_front();
        return byte;
    }
    void put(uint32_t value) {
        if (divisor_latch()) {
            divisor = (divisor & 0xff00) | (value & 0xff);
        } else if (held_ == fifo_size) {
            ++overruns;
        } else {
            ++held_;
            busy_ = slowness;
            output += static_cast<char>(value);
        }
    }
    uint32_t status() {
        if (busy_ > 0) --busy_;
        else held_ = 0;
        return (input.empty() ? 0u : 1u) | (held_ == 0 ? 0x60u : 0u);
    }
    size_t held_ = 0;
    unsigned busy_ = 0;
};

// A port of QEMU's isa-debugcon.
class DebugPort {
public:
    DebugPort(Ports& ports, uint16_t port) {
        ports[port] = {[](unsigned) { return 0xe9u; }, [this](unsigned, uint32_t value) { text += static_cast<char>(value); }};
    }
    DebugPort(const DebugPort&) = delete;
    DebugPort& operator=(const DebugPort&) = delete;
    std::string text;
};

}  // namespace eremite::test
