#include "cli/accelerator.hpp"

#include <fmt/format.h>

namespace eremite::cli {

std::string_view name_of(Machine machine) {
    return machine == Machine::Microvm ? "microvm" : "q35";
}

std::string_view name_of(Accelerator accelerator) {
    return accelerator == Accelerator::Kvm ? "kvm" : "tcg";
}

std::string_view name_of(Vmm vmm) {
    return vmm == Vmm::Cell ? "cell" : "qemu";
}

AcceleratorChoice choose_accelerator(Machine machine, const KvmMeasurement& kvm) {
    switch (kvm.state) {
        case KvmState::Absent:
            return {Accelerator::Tcg, "this host has no /dev/kvm"};
        case KvmState::NotPermitted:
            return {Accelerator::Tcg, "this user may not open /dev/kvm"};
        case KvmState::Broken:
            return {Accelerator::Tcg, fmt::format("a trial under KVM failed: {}", kvm.detail)};
        case KvmState::Works:
            break;
    }
    if (!kvm.ring3_works) return {Accelerator::Tcg, "ring 3 does not work under this KVM"};
    if (kvm.ring0_ns < interpreted_ring0_ns) {
        return {Accelerator::Kvm, fmt::format("KVM runs ring 0 in hardware ({:.2f} ns an instruction)", kvm.ring0_ns)};
    }
    if (machine == Machine::Q35) {
        return {Accelerator::Tcg,
                fmt::format("KVM interprets ring 0 here ({:.0f} ns an instruction), and a PC's firmware would take minutes", kvm.ring0_ns)};
    }
    return {Accelerator::Tcg, fmt::format("KVM interprets ring 0 here ({:.0f} ns an instruction)", kvm.ring0_ns)};
}

VmmChoice choose_vmm(Accelerator accelerator, std::string_view qemu_option) {
    if (!qemu_option.empty()) return {Vmm::Qemu, fmt::format("{} is QEMU's", qemu_option)};
    if (accelerator == Accelerator::Tcg) return {Vmm::Qemu, "emulation is QEMU's"};
    return {Vmm::Cell, "KVM is used, and no option is QEMU's alone"};
}

}  // namespace eremite::cli
