#pragma once
// A 16550 UART at an I/O port (the National Semiconductor PC16550D data sheet).
#include <cstdint>
#include <optional>
#include <span>

namespace eremite::drivers {

class Serial {
public:
    // Looks whether there is a UART and sets it up. False: none; then output vanishes and there is no input.
    bool start(uint16_t port);
    [[nodiscard]] bool present() const { return port_ != 0; }
    // Waits as long as the other side does not take the bytes.
    void write(std::span<const char> bytes);
    [[nodiscard]] std::optional<uint8_t> read();
    // Raises an interrupt for every received byte from now on.
    void enable_receive_interrupt();

private:
    uint16_t port_ = 0;
};

}  // namespace eremite::drivers
