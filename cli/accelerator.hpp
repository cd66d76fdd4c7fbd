#pragma once
// Which monitor and which accelerator a virtual machine should use on this host, and what was measured to decide it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eremite::cli {

enum class Machine { Microvm, Q35 };
enum class Accelerator { Kvm, Tcg };
// What runs the machine: QEMU, or our own monitor for KVM.
enum class Vmm : uint8_t { Qemu, Cell };

std::string_view name_of(Machine machine);
std::string_view name_of(Accelerator accelerator);
std::string_view name_of(Vmm vmm);

enum class KvmState {
    Absent,        // there is no /dev/kvm
    NotPermitted,  // there is one, and this user may not open it
    Broken,        // a trial machine could not be made, or never came back
    Works,
};

// What a throwaway virtual machine showed.
struct KvmMeasurement {
    KvmState state = KvmState::Absent;
    std::string detail;   // why, when it is Broken
    double ring0_ns = 0;  // nanoseconds per instruction of a loop in ring 0
    double ring3_ns = 0;  // the same in ring 3
    bool ring3_works = false;
};

struct AcceleratorChoice {
    Accelerator accelerator;
    std::string reason;  // a clause for `eremite doctor` and `--log debug`
};

// A hypervisor whose ring 0 takes longer than this for an instruction has no hardware for it and interprets. Hardware takes
// less than 1 ns, an interpreter some hundreds.
inline constexpr double interpreted_ring0_ns = 10;

// The policy, in one place: KVM where hardware runs ring 0; else TCG. A host that interprets ring 0 may still run ring 3
// natively, which pays for long computations, but there PC firmware takes minutes and single instructions are missing, so
// such a KVM is used only when the user asks for it (--accel kvm).
AcceleratorChoice choose_accelerator(Machine machine, const KvmMeasurement& kvm);

struct VmmChoice {
    Vmm vmm;
    std::string reason;  // as of AcceleratorChoice
};

// Our own monitor where KVM is used anyway and nothing is asked for that is QEMU's alone. `qemu_option`: such an option; empty: none.
VmmChoice choose_vmm(Accelerator accelerator, std::string_view qemu_option);

}  // namespace eremite::cli
