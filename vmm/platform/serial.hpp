#pragma once
// A serial port as PCs have it (National Semiconductor PC16550D): its output goes to a descriptor, its input comes from one. The line has no speed:
// what is sent is gone at once.
#include <array>
#include <cstdint>
#include <mutex>

#include "abi/host_channel.hpp"
#include "vmm/bus.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/snapshot/state.hpp"

namespace eremite::vmm {

class Serial final : public Registers {
public:
    static constexpr uint16_t size = 8;

    // `input` and `output` stay the caller's; -1: there is none. `interrupt`: an event descriptor for edges on the port's line.
    Serial(EventLoop& loop, int input, int output, int interrupt);

    void read(uint64_t offset, std::span<std::byte> data) override;
    void write(uint64_t offset, std::span<const std::byte> data) override;

    // For a snapshot.
    void save(StateWriter& state);
    void restore(StateReader& state);

private:
    [[nodiscard]] uint8_t read_register(uint64_t offset);
    void write_register(uint64_t offset, uint8_t value);
    void send(std::span<const std::byte> data);
    void take_input();
    void watch_input();
    // Requires the lock.
    void raise_if_due();

    EventLoop& loop_;
    const int input_, output_, interrupt_;
    std::mutex lock_;
    static constexpr size_t fifo_size = 16;
    std::array<uint8_t, fifo_size> fifo_{};
    size_t first_ = 0, count_ = 0;
    bool watched_ = false, ended_ = false;
    UniqueFd room_;  // told when the FIFO has room again
    // As one that was set up, which it says (abi/host_channel.hpp).
    uint8_t interrupt_enable_ = 0, line_control_ = 3, modem_control_ = 0xb, scratch_ = abi::serial_is_set_up, divisor_low_ = 1, divisor_high_ = 0;
    bool sent_is_due_ = false;  // the interrupt that tells that the transmitter is empty
};

}  // namespace eremite::vmm
