#pragma once
// What carries the program's standard streams, if it is not the ports.
#include "libos/drivers/console.hpp"
#include "libos/drivers/stream.hpp"

namespace eremite::drivers {

// The machine has virtio consoles for them: one for standard input and output, then one for standard error.
void want_streams(const StreamCallbacks& callbacks);
// Starts them, if they are wanted, and not started yet. Called without locks of rank DeviceStart or behind it.
void start_streams();
// Where `size` bytes of output go. Null: to a port.
[[nodiscard]] Stream* stream_for(ConsoleOutput output, size_t size);

}  // namespace eremite::drivers
