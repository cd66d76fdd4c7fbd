#pragma once
// What a processor was at when its machine failed, for a backtrace: lines of the report port (abi/host_channel.hpp).
#include <linux/kvm.h>

#include <string>

#include "vmm/guest_memory.hpp"

namespace eremite::vmm::crash {

// The registers, and the stack from the stack pointer up as far as it is mapped and of use. What stands in the machine's memory is hostile: it may be
// anything, and only its amount is bounded.
[[nodiscard]] std::string crash_report(const kvm_regs& registers, const kvm_sregs& special, const GuestMemory& memory);

// The same of a processor that does not run any more, by its descriptor; empty: KVM does not say.
[[nodiscard]] std::string crash_report(int cpu, const GuestMemory& memory);

}  // namespace eremite::vmm::crash
