#pragma once
// What generic code may ask of the CPU it runs on.
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.hpp"

namespace eremite::arch {

// A counter that never goes back, in ticks of platform::tsc_khz().
[[nodiscard]] inline uint64_t cycle_counter() {
    // SAFETY: rdtsc has no memory effects.
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return uint64_t{high} << 32 | low;
}

// In a loop that waits for another CPU.
inline void relax() { __builtin_ia32_pause(); }

// A random number from the CPU (RDSEED, else RDRAND); nothing when it has none.
[[nodiscard]] std::optional<uint64_t> hardware_random();

// The thread pointer register of the program's TLS (FS base).
void set_thread_pointer(uint64_t value);
[[nodiscard]] uint64_t thread_pointer();

// What the CPU or hypervisor announces of its own time stamp counter; 0 when it does not say.
[[nodiscard]] uint64_t announced_tsc_khz();
// Frequency of the local timer behind arm_timer in LAPIC mode, when the hypervisor announces or implies it; 0 otherwise.
[[nodiscard]] uint64_t announced_timer_khz();
// The hypervisor's name ("KVMKVMKVM", "TCGTCGTCGTCG"), 12 characters; empty on bare metal.
[[nodiscard]] std::string_view hypervisor_name();
// KVM's leaf of features (Linux: Documentation/virt/kvm/x86/cpuid.rst), bits KVM_FEATURE_*; 0: the hypervisor is not KVM.
[[nodiscard]] uint32_t kvm_features();
// Is every instruction emulated (QEMU's TCG)? What is cheap then is not what is cheap on a CPU.
[[nodiscard]] bool emulated();

struct CpuDescription {
    char vendor[13];
    char brand[49];
    uint32_t family, model, stepping;
    uint32_t hardware_capabilities;  // AT_HWCAP: CPUID.1:EDX
};
[[nodiscard]] CpuDescription describe_cpu();

// Space-separated feature flags as /proc/cpuinfo names them, written to `buffer`; returns the length.
size_t describe_features(char* buffer, size_t size);

}  // namespace eremite::arch
