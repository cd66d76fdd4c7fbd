#pragma once
// Bringing CPUs into service.
#include <cstdint>
#include <span>

#include "base/time.hpp"

namespace eremite::sched {

// Starts the CPUs with these ids of the hardware, the first one not being among them. Returns how many run then, that one
// included; what does not start is named in the log.
unsigned start_cpus(std::span<const uint32_t> hardware_ids);

// What the only CPU does before it sleeps: it looks for interrupts for so long at most, once they come as soon as that. 200 µs unless
// this was called; 0: it sleeps at once, as do several then. `relaxed`: it saves power meanwhile, or leaves it to a sibling.
void set_idle_poll(Duration most, bool relaxed);
// For how long others that look for something in place of it may do so; 0 with several CPUs, which together would keep the host from what they
// look for.
[[nodiscard]] Duration longest_idle_poll();
// How long it is good to look the next time, after it was so long and what was looked for then took so long to come: longer, or not at all.
[[nodiscard]] Duration adapted_poll_time(Duration poll_time, Duration waited);

}  // namespace eremite::sched
