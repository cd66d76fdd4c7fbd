#pragma once
// How init brings the console up.

namespace eremite::drivers {

// Finds the serial port and the host channel. First thing at boot, so that errors can be said.
void start_serial();
// From the kernel arguments `tty=` and `stdin=framed`.
void start_console(bool is_terminal, bool framed_input);

}  // namespace eremite::drivers
