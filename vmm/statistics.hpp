#pragma once
// What a machine cost the host, for `--stats`.
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vmm/bus.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/kvm/exits.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm {

// A dotted name each.
using Figures = std::vector<std::pair<std::string, uint64_t>>;

// Why processors came out of the machine, all of them together.
[[nodiscard]] Figures count_exits(std::span<const kvm::ExitCounts* const> cpus, const Bus& ports, const Bus& memory);

// Memory and page faults of this process. Made before the process gives up files.
class ProcessStatistics {
public:
    ProcessStatistics();
    // `memory`: the machine's, which is not the monitor's.
    [[nodiscard]] Figures figures(const GuestMemory& memory) const;

private:
    UniqueFd status_, counters_;
};

}  // namespace eremite::vmm
