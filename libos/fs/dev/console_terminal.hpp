#pragma once
// The terminal on the console and the rest of the kernel.

namespace eremite::fs::dev {

// Called without locks when a key asks for a signal (^C, ^\, ^Z).
using SignalSender = void (*)(int signal);
void set_terminal_signal_sender(SignalSender sender);

}  // namespace eremite::fs::dev
