#pragma once
// How init brings the console up.

namespace eremite::drivers {

// Finds the serial port and the host channel. First thing at boot, so that errors can be said.
void start_serial();
// From the kernel arguments `tty=`, `stdin=framed` and `streams=console`: behind the one of a capture, the machine has a virtio console for
// standard input and output, and one for standard error.
struct ConsoleSetup {
    bool terminal = true;
    bool framed_input = false;
    bool virtio = false;
};
void start_console(const ConsoleSetup& setup);

}  // namespace eremite::drivers
