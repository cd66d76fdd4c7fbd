#pragma once
// What this host's KVM can do for a debugger.
#include "vmm/kvm/system.hpp"

namespace eremite::vmm::gdb {

// Whether breakpoints, watchpoints and steps in ring 3 come out of a machine. Where KVM interprets ring 0 and runs ring 3 as a process's own, they
// go to the machine's kernel instead, as exceptions, and watchpoints come from nowhere. A machine of one page of code finds it out.
[[nodiscard]] bool ring_3_is_debugged(const kvm::System& system);

}  // namespace eremite::vmm::gdb
