#pragma once
// What was found out about this host, remembered between runs in the cache folder (file `accelerator`): measuring takes longer than
// booting. A memory is good for the same start of the host's kernel.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/accelerator.hpp"

namespace eremite::cli {

struct HostFacts {
    std::string key;  // of what the facts hold for
    uint64_t tsc_khz = 0;
    KvmMeasurement kvm;
};

// The facts as lines "name=value", and back. Nothing for text that is not such lines or lacks one.
std::string serialize(const HostFacts& facts);
std::optional<HostFacts> parse_host_facts(std::string_view text);

// The remembered facts, or new ones after a measurement (up to some seconds on a bad host). Whether this user may open /dev/kvm is looked up every time.
HostFacts host_facts(bool measure_anew = false);

}  // namespace eremite::cli
