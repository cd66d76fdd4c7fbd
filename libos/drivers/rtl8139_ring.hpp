#pragma once
// The receive ring of the RTL8139: the device writes each frame behind a header of status and length, one after the other.
#include <cstdint>

namespace eremite::drivers {

class Rtl8139Ring {
public:
    static constexpr uint32_t size = 32 * 1024;
    // A frame that begins at the end of the ring goes on behind it.
    static constexpr uint32_t bytes = size + 16 + 2048;

    enum class Next : uint8_t {
        Frame,
        Unfinished,  // the device still writes it
        Broken,      // what stands there cannot be a frame, and so nobody knows where the next one is
    };
    struct Frame {
        const uint8_t* data;  // without the check sum at its end
        uint32_t length;
    };

    // Requires: `bytes` bytes at `memory`, which the device may change at any time.
    explicit Rtl8139Ring(const uint8_t* memory) : memory_{memory} {}

    // Looks at what stands at the place of the next frame, and moves behind it. Requires: the device says that there is something.
    [[nodiscard]] Next next(Frame& frame);
    // For the device: how far the ring was read.
    [[nodiscard]] uint16_t read_pointer() const { return static_cast<uint16_t>(offset_ - 16); }
    void restart() { offset_ = 0; }

private:
    const uint8_t* memory_;
    uint32_t offset_ = 0;
};

}  // namespace eremite::drivers
