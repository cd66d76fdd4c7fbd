#pragma once
// The console as the file layer sees it: bytes out, bytes in.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "libos/fs/readiness.hpp"

namespace eremite::drivers {

// Which of the host's channels output goes to.
enum class ConsoleOutput : uint8_t { Standard, Error };

// These write at once, byte by byte, and from anywhere in the kernel. `text` is memory of the library OS, never a pointer from the program.
// Standard output, to the serial port.
void console_write(std::span<const char> text);
// Standard error: the host's log channel where there is one, else the serial port.
void console_write_error(std::span<const char> text);

// What the program writes: all of it (at most 4096 bytes), or nothing. Through a virtio console, if the kernel argument `streams=console` says that
// there is one and it is worth it, where it is gathered until console_push(). EAGAIN: there is no room, and `nonblocking`; restart_if_asked: a signal
// came; EIO: the console does not work. May wait: without locks.
[[nodiscard]] Result<void> console_send(ConsoleOutput output, std::span<const char> text, bool nonblocking);
void console_push(ConsoleOutput output);
// Whether console_send() finds room. Else the readiness source is notified when it does.
[[nodiscard]] bool console_writable(ConsoleOutput output);
// At the end: waits until all that was written has left the machine.
void finish_console();
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
