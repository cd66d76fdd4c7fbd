#pragma once
// A device that carries standard streams of the program, many bytes a request.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.hpp"

namespace eremite::drivers {

class Stream {
public:
    // Output: all of it, or nothing. No more than `longest` bytes. Waits for room, unless `nonblocking` (then EAGAIN); restart_if_asked: a signal came;
    // EIO: the device does not work. What was taken is gathered until push().
    static constexpr size_t longest = 4096;
    [[nodiscard]] virtual Result<void> write(std::span<const char> text, bool nonblocking) = 0;
    // Hands over what was gathered: now, or when the device is done with what it has.
    virtual void push() = 0;
    // Whether write() would find room. Else its owner is told when there is.
    [[nodiscard]] virtual bool writable() = 0;
    // Waits until the device has taken everything.
    virtual void flush() = 0;

    // Input. Has no lock: one caller at a time. The next byte that came.
    [[nodiscard]] virtual std::optional<uint8_t> read() = 0;
    // Asks to be told when more bytes come. True: there are some already.
    [[nodiscard]] virtual bool listen() = 0;
    // Nothing comes any more.
    [[nodiscard]] virtual bool input_failed() const = 0;

protected:
    ~Stream() = default;
};

// Called in an interrupt, without locks. `input`: bytes came; null: there is no input. `room`: there is room for output again.
struct StreamCallbacks {
    void (*input)() = nullptr;
    void (*room)() = nullptr;
};

// Starts the next virtio console of the machine that nobody has, which stays. ENODEV: there is none; ENOMEM, or as the device fails.
[[nodiscard]] Result<Stream*> claim_virtio_stream(const StreamCallbacks& callbacks);

}  // namespace eremite::drivers
