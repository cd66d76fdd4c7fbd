#pragma once
// KVM's paravirtual clock (Linux: Documentation/virt/kvm/x86/msr.rst): the hypervisor writes how to scale the time stamp
// counter to nanoseconds.
#include <cstdint>

namespace eremite::platform {

// Frequency of the time stamp counter; 0 when the hypervisor has no such clock.
[[nodiscard]] uint64_t read_pvclock_khz();

}  // namespace eremite::platform
