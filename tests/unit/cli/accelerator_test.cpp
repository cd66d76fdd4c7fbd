#include "cli/accelerator.hpp"

#include <gtest/gtest.h>

namespace eremite::cli {
namespace {

KvmMeasurement working(double ring0_ns, bool ring3_works = true) {
    return {.state = KvmState::Works, .detail = {}, .ring0_ns = ring0_ns, .ring3_ns = 0.2, .ring3_works = ring3_works};
}

TEST(ChooseAccelerator, HardwareKvm) {
    for (const Machine machine : {Machine::Microvm, Machine::Q35})
        EXPECT_EQ(choose_accelerator(machine, working(0.3)).accelerator, Accelerator::Kvm);
}

TEST(ChooseAccelerator, InterpretedRing0) {
    for (const Machine machine : {Machine::Microvm, Machine::Q35}) {
        const AcceleratorChoice choice = choose_accelerator(machine, working(600));
        EXPECT_EQ(choice.accelerator, Accelerator::Tcg);
        EXPECT_NE(choice.reason.find("600 ns"), std::string::npos);
    }
}

TEST(ChooseAccelerator, NoUsableKvm) {
    for (const KvmState state : {KvmState::Absent, KvmState::NotPermitted, KvmState::Broken}) {
        const AcceleratorChoice choice =
            choose_accelerator(Machine::Microvm, {.state = state, .detail = "why", .ring0_ns = 0, .ring3_ns = 0, .ring3_works = false});
        EXPECT_EQ(choice.accelerator, Accelerator::Tcg);
        EXPECT_FALSE(choice.reason.empty());
    }
    EXPECT_EQ(choose_accelerator(Machine::Microvm, working(0.3, false)).accelerator, Accelerator::Tcg);
}

TEST(ChooseVmm, CellWhereKvmIsUsed) {
    EXPECT_EQ(choose_vmm(Accelerator::Kvm, {}).vmm, Vmm::Cell);
    EXPECT_EQ(choose_vmm(Accelerator::Tcg, {}).vmm, Vmm::Qemu);
}

TEST(ChooseVmm, WhatIsQemuSAloneNeedsQemu) {
    const VmmChoice choice = choose_vmm(Accelerator::Kvm, "--cpu-model");
    EXPECT_EQ(choice.vmm, Vmm::Qemu);
    EXPECT_NE(choice.reason.find("--cpu-model"), std::string::npos);
}

}  // namespace
}  // namespace eremite::cli
