#pragma once
// The console as the file layer sees it: bytes out, bytes in.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "libos/fs/readiness.hpp"

namespace eremite::drivers {

// Standard output, to the serial port. `text` is memory of the library OS, never a pointer from the program.
void console_write(std::span<const char> text);
// Standard error: the host's log channel where there is one, else the serial port.
void console_write_error(std::span<const char> text);
// Waits for at least one byte unless `nonblocking` (then EAGAIN). 0: end of input.
[[nodiscard]] Result<size_t> console_read(std::span<char> buffer, bool nonblocking);
// What a read would return without waiting for it: at the end, what is left is read first.
struct ConsoleInput {
    bool data, ended;
};
[[nodiscard]] ConsoleInput console_input();
// Notified of interrupts of the input: console_input() tells what they brought.
[[nodiscard]] fs::ReadinessSource& console_readiness_source();
// Whether the console is a terminal (kernel argument `tty=`).
[[nodiscard]] bool console_is_terminal();

}  // namespace eremite::drivers
