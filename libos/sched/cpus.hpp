#pragma once
// Bringing CPUs into service.
#include <cstdint>
#include <span>

namespace eremite::sched {

// Starts the CPUs with these ids of the hardware, the first one not being among them. Returns how many run then, that one
// included; what does not start is named in the log.
unsigned start_cpus(std::span<const uint32_t> hardware_ids);

}  // namespace eremite::sched
