#pragma once
// Measures what this host's /dev/kvm does with a little code in ring 0 and in ring 3, in a throwaway virtual machine made through
// the KVM API (Linux Documentation/virt/kvm/api.rst).
#include <chrono>

#include "cli/accelerator.hpp"

namespace eremite::cli {

// What opening /dev/kvm says, without a measurement: Absent, NotPermitted or Works.
KvmState kvm_permission();

// Takes a few milliseconds on a good host. The machine runs in a child process, which is killed at `limit`: some hosts' KVM never comes
// back.
KvmMeasurement measure_kvm(std::chrono::milliseconds limit = std::chrono::seconds{5});

}  // namespace eremite::cli
