"""Virtio devices on their transports: the entropy device, as the boot reads it (polled) and as programs do (interrupts)."""

import os
import unittest

from support import CommandTest, program

MICROVM = ("microvm", "virtio-rng-device", "MMIO, split")
MICROVM_PACKED = ("microvm", "virtio-rng-device,packed=on", "MMIO, packed")
MICROVM_PCI = ("microvm", "virtio-rng-pci", "PCI, split")
Q35 = ("q35", "virtio-rng-pci,disable-legacy=on", "PCI, split")
Q35_PACKED = ("q35", "virtio-rng-pci,packed=on", "PCI, packed")
Q35_LEGACY = ("q35", "virtio-rng-pci,disable-modern=on", "legacy PCI, split")
OK = "^0 failures$"


class VirtioTest(CommandTest):
    accelerator = "tcg"

    def entropy(self, machine, device, *arguments, cpus=2, change=None, log="info"):
        """Runs the program with its entropy device replaced, on a CPU without random numbers of its own."""
        def replace(words):
            at = next(i for i, word in enumerate(words) if word.startswith("virtio-rng"))
            words[at - 1:at + 1] = ["-device", *device.split()] if device else []
            if machine == "microvm" and "-pci" in device:
                words[words.index("-M") + 1] += ",pcie=on"
            words[words.index("-cpu") + 1] += ",-rdrand,-rdseed"
            if change:
                change(words)
        options = ["--machine", machine, "--cpus", cpus, "--log", log]
        return self.raw_qemu(program("entropy"), *arguments, options=options, change=replace, accelerator=self.accelerator, limit=100)

    def check_entropy(self, machine, device, ring, **how):
        result = self.check(self.entropy(machine, device, **how), output=OK, errors=f"virtio-rng: {ring} ring")
        self.assertNotIn("ENTROPY", result.error_text, str(result))
        return result


class Mmio(VirtioTest):
    def test_split(self):
        self.check_entropy(*MICROVM)

    def test_packed(self):
        self.check_entropy(*MICROVM_PACKED)

    def test_legacy(self):
        def older(words):
            words[words.index("virtio-mmio.force-legacy=false")] = "virtio-mmio.force-legacy=true"
        self.check_entropy("microvm", "virtio-rng-device", "legacy MMIO, split", change=older)

    def test_without_features_of_the_rings(self):
        self.check_entropy("microvm", "virtio-rng-device,event_idx=off,indirect_desc=off", "MMIO, split")

    def test_announced_on_the_command_line(self):
        """As by a monitor without ACPI."""
        def announce(words):
            at = words.index("-M") + 1
            words[at] = words[at].replace("auto-kernel-cmdline=off", "auto-kernel-cmdline=on,acpi=off")
        self.check_entropy(*MICROVM, change=announce, cpus=1)

    def test_many_cpus(self):
        self.check_entropy(*MICROVM, cpus=4)


class MicrovmPci(VirtioTest):
    def test_addresses_are_assigned(self):
        """There is no firmware that does it."""
        self.check_entropy(*MICROVM_PCI)

    def test_packed(self):
        self.check_entropy("microvm", "virtio-rng-pci,packed=on", "PCI, packed")


class Q35Pci(VirtioTest):
    def test_modern(self):
        self.check_entropy(*Q35)

    def test_packed(self):
        self.check_entropy(*Q35_PACKED)

    def test_transitional_as_modern(self):
        self.check_entropy("q35", "virtio-rng-pci,disable-legacy=off", "PCI, split")

    def test_legacy(self):
        self.check_entropy(*Q35_LEGACY)

    def test_behind_a_bridge(self):
        self.check_entropy("q35", "pcie-root-port,id=behind -device virtio-rng-pci,bus=behind", "PCI, split")

    def test_behind_an_iommu_that_is_off(self):
        self.check_entropy("q35", "virtio-rng-pci,disable-legacy=on,iommu_platform=on", "PCI, split")

    def test_many_cpus(self):
        self.check_entropy(*Q35, cpus=4)


class Messages(VirtioTest):
    """MSI-X with few or no messages."""

    def test_one_for_all(self):
        self.check_entropy("q35", "virtio-rng-pci,vectors=1", "PCI, split")

    def test_none(self):
        result = self.check_entropy("q35", "virtio-rng-pci,vectors=0", "PCI, split")
        self.assertIn("is polled", result.error_text, str(result))

    def test_none_legacy(self):
        self.check_entropy("q35", "virtio-rng-pci,vectors=0,disable-modern=on", "legacy PCI, split")


class Absence(VirtioTest):
    def test_no_device(self):
        for machine in ("microvm", "q35"):
            with self.subTest(machine):
                result = self.entropy(machine, "")
                self.check(result, 1, output="^read: No such device$", errors="NO SOURCE OF ENTROPY")

    def test_ports_that_nobody_can_assign(self):
        result = self.entropy("microvm", "virtio-rng-pci,disable-modern=on")
        self.check(result, 1, output="^read: No such device$", errors="a device cannot be used")


class Slow(VirtioTest):
    def test_signals_end_waiting(self):
        slow = "rng=random,max-bytes=16,period=1000 -object rng-builtin,id=random"
        for machine, device in (("microvm", "virtio-rng-device"), ("q35", "virtio-rng-pci")):
            with self.subTest(machine):
                def quick_cpu(words):
                    # The boot asks the CPU, so that the device is not used before.
                    at = words.index("-cpu") + 1
                    words[at] = words[at].removesuffix(",-rdrand,-rdseed")
                result = self.entropy(machine, f"{device},{slow}", "interrupted", change=quick_cpu)
                self.check(result, output=b"interrupted\n")


class VirtioKvm(VirtioTest):
    accelerator = "kvm"

    def setUp(self):
        super().setUp()
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise unittest.SkipTest("there is no usable /dev/kvm")

    def check_entropy(self, machine, device, ring, **how):
        try:
            return super().check_entropy(machine, device, ring, **how)
        except AssertionError as failure:
            if "KVM" in str(failure) and "failed to initialize" in str(failure):
                raise unittest.SkipTest("KVM cannot be used here") from failure
            raise

    def test_mmio(self):
        self.check_entropy(*MICROVM)

    def test_mmio_packed(self):
        self.check_entropy(*MICROVM_PACKED)

    def test_pci_on_microvm(self):
        self.check_entropy(*MICROVM_PCI)

    def test_pci(self):
        self.check_entropy(*Q35)

    def test_pci_packed(self):
        self.check_entropy(*Q35_PACKED)

    def test_pci_legacy(self):
        self.check_entropy(*Q35_LEGACY)
