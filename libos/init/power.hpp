#pragma once
// The end of the machine.

namespace eremite::init {

// Unmounts volumes, reports the exit status (0 to 255) and the figures that were asked for, and powers off. May wait.
[[noreturn]] void end(int status);
// The same without volumes: for a kernel that no longer knows what it does.
[[noreturn]] void end_at_once(int status);

}  // namespace eremite::init
