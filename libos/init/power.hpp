#pragma once
// The end of the machine.

namespace eremite::init {

// Reports the exit status (0 to 255) and the figures that were asked for, and powers off.
[[noreturn]] void end(int status);

}  // namespace eremite::init
