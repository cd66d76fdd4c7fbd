"""The machines that a program can have."""

import os
import shlex
import unittest

from support import COMMAND, HELLO, CommandTest, need_tool, program


class Q35(CommandTest):
    def run_there(self, name, *arguments, **how):
        options = ["--machine", "q35", *how.pop("options", [])]
        return self.run_program(program(name), *arguments, options=options, **how)

    def test_hello(self):
        self.check(self.run_there("hello"), output=b"hello world\n", errors=b"")

    def test_power_off_carries_the_status(self):
        for status in (0, 1, 42, 255):
            with self.subTest(status):
                self.check(self.run_there("exit_status", status), status, errors=b"")

    def test_power_off_without_the_debug_exit_device(self):
        """As on a real PC: by ACPI, which has no status."""
        printed = self.check(self.eremite("run", "--accel", "tcg", "--dry-run", "--machine", "q35", HELLO))
        words = shlex.split(printed.text)
        at = next(i for i, word in enumerate(words) if word.startswith("isa-debug-exit"))
        del words[at - 1:at + 1]
        self.check(self.execute(*words, limit=30), 0, output=b"hello world\n", errors=b"")

    def test_unmodified_executable(self):
        self.check(self.run_there("hello_static"), output=b"hello world\n", errors=b"")

    def test_input_and_files(self):
        self.check(self.run_there("copy_input", input=b"through a PC\n"), output=b"through a PC\n")
        self.write("files/one", "1")
        self.check(self.run_there("list_files", "/one", options=["--files", self.folder / "files"]), output="^file 0644 /one 1 ")

    def test_fault(self):
        self.check(self.run_there("faults", "read_null"), 139, output=b"started\n", errors=["SIGSEGV", "read_null"])

    def test_little_memory(self):
        self.check(self.run_there("hello", options=["--memory", "16M"]), output=b"hello world\n", errors=b"")


class Cpus(CommandTest):
    def test_several(self):
        for machine in ("microvm", "q35"):
            with self.subTest(machine):
                self.check(self.run_program(HELLO, options=["--cpus", "4", "--machine", machine]), output=b"hello world\n", errors=b"")


class OldCpu(CommandTest):
    def test_without_fsgsbase(self):
        def older(words):
            words[words.index("-cpu") + 1] = "max,-fsgsbase"
        result = self.raw_qemu(HELLO, change=older)
        self.assertIn("no FSGSBASE", result.text + result.error_text, str(result))
        self.assertEqual(result.status, 125, str(result))


class CountedInstructions(CommandTest):
    def test_icount(self):
        self.check(self.run_program(HELLO, options=["--icount"]), output=b"hello world\n", errors=b"")


class Kvm(CommandTest):
    def run_kvm(self, name, *options, before=()):
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise unittest.SkipTest("there is no usable /dev/kvm")
        result = self.execute(*before, COMMAND, "run", "--vmm", "qemu", "--accel", "kvm", "--timeout", 20, *options, program(name))
        if result.status == 125 and "KVM" in result.error_text:
            raise unittest.SkipTest(f"KVM cannot be used here: {result.error_text.strip()[-300:]}")
        return result

    def check_pinned(self, name, *options, **expected):
        """Holds on one of the host's CPUs after the other: a host that interprets ring 0 shows in ring 3 which one it is."""
        taskset = need_tool("taskset")
        for cpu in sorted(os.sched_getaffinity(0))[:4]:
            with self.subTest(host_cpu=cpu):
                self.check(self.run_kvm(name, *options, before=[taskset, "--cpu-list", cpu]), **expected)

    def test_hello(self):
        self.check(self.run_kvm("hello"), output=b"hello world\n", errors=b"")

    def test_two_cpus_on_each_of_the_host(self):
        self.check_pinned("hello", "--cpus", "2", output=b"hello world\n", errors=b"")

    def test_interrupts_of_devices_on_each_cpu_of_the_host(self):
        self.check_pinned("entropy", output="^0 failures$")

    def test_more_memory_than_one_huge_page(self):
        self.check(self.run_kvm("hello", "--memory", "3G"), output=b"hello world\n", errors=b"")

    def test_absence_is_explained(self):
        if os.access("/dev/kvm", os.R_OK | os.W_OK):
            raise unittest.SkipTest("there is a /dev/kvm")
        self.check(self.eremite("run", "--vmm", "qemu", "--accel", "kvm", HELLO), 125, output=b"", errors=["KVM is not usable here", "--accel tcg"])
