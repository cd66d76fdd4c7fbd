#pragma once
// The first port of a virtio console (virtio 1.2 section 5.3), as a way for bytes out of the machine.
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "libos/drivers/virtio/device.hpp"

namespace eremite::drivers {

// Has no lock: one caller at a time.
class VirtioConsole {
public:
    // One that nobody has yet. ENODEV: there is none; ENOMEM, or as the device fails.
    [[nodiscard]] static Result<VirtioConsole*> claim();

    // Bytes are gathered, and given to the device when they are many.
    void write(std::span<const uint8_t> bytes);
    // Waits until the device has taken everything. A device that fails is logged, and gets nothing more.
    void flush();
    // Bytes in all, those that got lost too.
    [[nodiscard]] uint64_t written() const { return written_; }

private:
    explicit VirtioConsole(virtio::Transport& transport) : device_{transport} {}
    [[nodiscard]] Result<void> start();
    [[nodiscard]] bool hand_over();

    virtio::Device device_;
    virtio::Queue* queue_ = nullptr;
    std::span<uint8_t> memory_;
    size_t used_ = 0;
    uint64_t written_ = 0;
    bool failed_ = false;
};

}  // namespace eremite::drivers
