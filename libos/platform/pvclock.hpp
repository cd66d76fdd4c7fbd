#pragma once
// KVM's paravirtual clock (Linux: Documentation/virt/kvm/x86/msr.rst): the hypervisor writes how to scale the time stamp
// counter to nanoseconds.
#include <cstdint>
#include <optional>

namespace eremite::platform {

// Frequency of the time stamp counter; 0 when the hypervisor has no such clock.
[[nodiscard]] uint64_t read_pvclock_khz();
// The host's wall clock, in nanoseconds since 1970. Nothing when the hypervisor does not tell it.
[[nodiscard]] std::optional<int64_t> read_pvclock_realtime();

}  // namespace eremite::platform
