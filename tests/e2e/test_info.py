"""`eremite info`: what a file is, how large, and what it will miss."""

import json
import subprocess

from support import BUILD, HELLO, CommandTest, need_tool, program


class Info(CommandTest):
    def facts(self, name):
        result = self.check(self.eremite("info", "--json", program(name)), errors=b"")
        return json.loads(result.text)

    def test_flavours(self):
        for name, flavour, runnable in (("hello", "linked image", True),
                                        ("hello_static", "static executable", True),
                                        ("hello_static_pie", "static-PIE executable", True),
                                        ("hello_dynamic", "dynamic executable", False)):
            with self.subTest(name):
                facts = self.facts(name)
                self.assertEqual((facts["file"], facts["flavour"], facts["runnable"]), (program(name), flavour, runnable))
                self.check(self.eremite("info", program(name)), output=f": {flavour}$", errors=b"")

    def test_machine_entry(self):
        self.assertIsNone(self.facts("hello_static")["pvh_entry"])
        self.assertGreater(self.facts("hello")["pvh_entry"], 0)
        self.check(self.eremite("info", HELLO), output=[r"entry +0x", r"machine entry 0x.*PVH"])

    def test_sizes(self):
        facts = self.facts("hello")
        parts = [facts[name] for name in ("program_bytes", "library_os_bytes", "supervisor_bytes")]
        for part in parts:
            self.assertGreater(part, 0)
        # Sections and the pages they are loaded in: the same but for what lies between.
        self.assertAlmostEqual(sum(parts), facts["load_bytes"], delta=facts["load_bytes"] * 0.05)
        self.check(self.eremite("info", HELLO), output=[r"in memory +\d.*[KM]iB", r"program +\d", r"library OS +\d", r"supervisor +\d"])

    def test_sizes_are_those_of_binutils(self):
        need_tool("size")
        table = subprocess.run(["size", "-A", HELLO], capture_output=True, text=True, timeout=30, check=True).stdout
        rows = [line.split() for line in table.splitlines()]
        supervisor = sum(int(row[1]) for row in rows if row and row[0].startswith("eremite_supervisor"))
        self.assertEqual(self.facts("hello")["supervisor_bytes"], supervisor)

    def test_system_calls(self):
        facts = self.facts("hello")
        for name in ("write", "brk", "exit_group"):
            self.assertIn(name, facts["syscalls"])
        self.assertGreater(facts["syscall_sites"], facts["syscall_sites_unknown"])

    def test_call_that_is_missing_is_named(self):
        self.assertIn("kexec_load", self.facts("refused_calls")["syscalls_missing"])
        self.check(self.eremite("info", program("refused_calls")), output=r"missing .*kexec_load.*ENOSYS")

    def test_calls_that_work_are_not_missing(self):
        missing = self.facts("hello")["syscalls_missing"]
        for name in ("read", "write", "openat", "lseek", "ioctl", "newfstatat", "brk", "mmap", "exit_group"):
            self.assertNotIn(name, missing)

    def test_without_a_c_library(self):
        facts = self.facts("no_libc")
        self.assertEqual((facts["syscalls"], facts["syscall_sites"], facts["syscall_sites_unknown"]), (["write", "exit_group"], 2, 0))
        self.assertEqual(facts["syscalls_missing"], [])

    def test_kernel_itself(self):
        self.check(self.eremite("info", BUILD / "lib/eremite-kernel"), output=r"machine entry 0x")
