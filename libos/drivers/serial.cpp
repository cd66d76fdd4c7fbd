#include "libos/drivers/serial.hpp"

#include <algorithm>

#include "abi/host_channel.hpp"
#include "libos/arch/supervisor.hpp"

namespace eremite::drivers {

namespace {

enum Register : uint16_t { Data = 0, InterruptEnable = 1, FifoControl = 2, LineControl = 3, ModemControl = 4, LineStatus = 5, Scratch = 7 };
constexpr uint32_t status_data_ready = 1 << 0, status_transmitter_empty = 1 << 5;
constexpr size_t fifo_size = 16;
constexpr uint32_t line_8n1 = 3, divisor_access = 0x80;  // line control: 8 bits, no parity, one stop bit
constexpr uint32_t fifo_on_threshold_14 = 0xc1;

}  // namespace

bool Serial::start(uint16_t port) {
    const auto scratch = [port] { return static_cast<uint8_t>(arch::port_in(port + Scratch, 1)); };
    port_ = port;
    // A monitor may have done all of this: each access takes 75 us on a host that interprets ring 0.
    if (scratch() == abi::serial_is_set_up) return true;
    arch::port_out(port + Scratch, 1, abi::serial_is_set_up);
    if (scratch() != abi::serial_is_set_up) {
        port_ = 0;
        return false;
    }
    arch::port_out(port + InterruptEnable, 1, 0);
    // The fastest rate: it sets how soon less than a FIFO's threshold of input raises an interrupt.
    arch::port_out(port + LineControl, 1, line_8n1 | divisor_access);
    arch::port_out(port + Data, 1, 1);
    arch::port_out(port + InterruptEnable, 1, 0);
    arch::port_out(port + LineControl, 1, line_8n1);
    arch::port_out(port + FifoControl, 1, fifo_on_threshold_14);  // what arrived before us is kept
    arch::port_out(port + ModemControl, 1, 0xb); // DTR, RTS, OUT2: the interrupt line is connected
    return true;
}

void Serial::write(std::span<const char> bytes) {
    if (!present()) return;
    while (!bytes.empty()) {
        while (!(arch::port_in(port_ + LineStatus, 1) & status_transmitter_empty)) __builtin_ia32_pause();
        const size_t piece = std::min(bytes.size(), fifo_size);
        arch::port_out_string(port_ + Data, bytes.data(), piece);
        bytes = bytes.subspan(piece);
    }
}

std::optional<uint8_t> Serial::read() {
    if (!present() || !(arch::port_in(port_ + LineStatus, 1) & status_data_ready)) return std::nullopt;
    return static_cast<uint8_t>(arch::port_in(port_ + Data, 1));
}

void Serial::enable_receive_interrupt() {
    if (present()) arch::port_out(port_ + InterruptEnable, 1, 1);
}

}  // namespace eremite::drivers
