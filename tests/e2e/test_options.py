"""Options with bad values: the option and the value are named, and nothing is started."""

import os
import re

from support import HELLO, MONITOR, CommandTest, clean_environment, program, why_not_on_cell

USAGE, FAILED = 2, 125


class RunOptions(CommandTest):
    def refuse(self, *words, errors, status=USAGE):
        result = self.check(self.eremite("run", *words, HELLO), status, output=b"", errors=errors)
        self.assertLess(len(result.error_text), 500, f"not to be read{result}")

    def test_memory(self):
        for value in ("0", "xyz", "-1", "12Q", "1023K", "99999999999999999999G"):
            with self.subTest(value):
                self.refuse(f"--memory={value}", errors="--memory")

    def test_memory_message_says_what_is_right(self):
        self.refuse("--memory", "xyz", errors=["--memory xyz", "8M or 1G"])

    def test_timeout(self):
        for value in ("0", "-1", "xyz"):
            with self.subTest(value):
                self.refuse(f"--timeout={value}", errors=["--timeout", value])

    def test_timeout_message_can_be_read(self):
        self.refuse("--timeout", "xyz", errors="(positive|greater than 0|seconds)")

    def test_machine(self):
        self.refuse("--machine", "foo", errors=["--machine", "foo", "microvm", "q35"])

    def test_accelerator(self):
        self.refuse("--accel", "foo", errors=["--accel", "foo", "kvm", "tcg"])

    def test_cpus(self):
        for value in ("0", "65", "-1", "many"):
            with self.subTest(value):
                self.refuse(f"--cpus={value}", errors=["--cpus", value])

    def test_log(self):
        self.refuse("--log", "loud", errors=["--log", "loud", "error", "debug"])

    def test_env(self):
        for value in ("NAME", "=value", "="):
            with self.subTest(value):
                self.refuse("--env", value, errors="--env .*NAME=VALUE")

    def test_gdb_port(self):
        self.refuse("--gdb=99999", errors=["--gdb", "99999"])

    def test_icount_with_kvm(self):
        self.refuse("--icount", "--accel", "kvm", errors=["--icount", "TCG"])

    def test_unknown_option(self):
        self.refuse("--frobnicate", errors=["--frobnicate", "--help"])

    def test_option_without_its_value(self):
        self.check(self.eremite("run", HELLO, "--", "--memory"), output=b"hello world\n", errors=b"")
        self.check(self.eremite("run", "--memory"), USAGE, output=b"", errors="--memory")

    def test_files(self):
        self.refuse("--files", self.folder / "nothing", status=FAILED, errors="nothing: .*(No such file|not a folder)")
        self.refuse("--files", self.write("file", "x"), status=FAILED, errors="file: not a folder")


class Monitor(CommandTest):
    """Which one is taken, and why."""

    def reason(self, *words, status=0):
        result = self.eremite("run", "--log", "debug", "--timeout", 50, *words, HELLO)
        self.check(result, status, output=b"hello world\n")
        return next(line for line in result.error_text.splitlines() if line.startswith("eremite: monitor "))

    def test_emulation_is_qemu_s(self):
        self.assertIn("monitor qemu: ", self.reason("--accel", "tcg"))

    def test_chosen(self):
        self.assertIn("monitor qemu: the user's choice", self.reason("--vmm", "qemu", "--accel", "tcg"))

    def test_kvm_is_cell_s_unless_an_option_is_qemu_s(self):
        why = why_not_on_cell(["--vmm", "cell"])
        if why:
            self.skipTest(why)
        self.assertIn("monitor cell: ", self.reason("--accel", "kvm"))
        self.assertIn("monitor qemu: --cpu-model", self.reason("--accel", "kvm", "--cpu-model", "host,-arch-capabilities"))

    def test_options_of_cell_that_are_not_possible(self):
        why = why_not_on_cell(["--vmm", "cell"])
        if why:
            self.skipTest(why)
        for words, errors in ((["--affinity", "100000"], "--affinity: .* CPU 100000"), (["--affinity", "0", "--cpus", "2"], "--affinity names 1 of"),
                              (["--memory", "1024T"], "this host has .* available"), (["--memory", "1024T", "--huge-pages"], "huge pages .* free")):
            with self.subTest(words):
                self.check(self.eremite("run", "--vmm", "cell", *words, HELLO), FAILED, output=b"", errors=errors)
        cpu = max(os.sched_getaffinity(0))
        self.check(self.eremite("run", "--vmm", "cell", "--cpus", "2", "--affinity", f"{cpu},{cpu}", HELLO), output=b"hello world\n", errors=b"")

    def test_qemu_has_no_options_of_cell(self):
        for words in (["--affinity", "0"], ["--huge-pages"], ["--trace-exits"]):
            with self.subTest(words):
                self.check(self.eremite("run", "--vmm", "qemu", *words, HELLO), USAGE, output=b"", errors=[words[0], "--vmm cell"])

    def test_cell_has_no_options_of_qemu(self):
        for words in (["--machine", "q35"], ["--accel", "tcg"], ["--icount"], ["--dry-run"], ["--cpu-model", "max"], ["--qemu", "other"]):
            with self.subTest(words):
                self.check(self.eremite("run", "--vmm", "cell", *words, HELLO), USAGE, output=b"", errors=[words[0], "--vmm qemu"])


class Config(CommandTest):
    """--config: options from a file."""

    def test_program_with_arguments_and_environment(self):
        config = self.write("my.toml", f"""
program = "{program('arguments')}"
arguments = ["one", "--memory"]
vmm = "qemu"
accel = "tcg"
memory = "24M"
stats = true
[env]
NAME = "a value"
""")
        result = self.check(self.eremite("run", "--config", config), output=[r"^argument 3 \[one\]$", r"^argument 8 \[--memory\]$",
                                                                            r"^variable 12 \[NAME=a value\]$"])
        total = int(re.search(r"^memory.total +(\d+)", result.error_text, re.MULTILINE)[1])
        self.assertLess(total, 24 << 20)

    def test_command_line_wins(self):
        config = self.write("my.toml", f'program = "{program("exit_status")}"\narguments = ["5"]\naccel = "tcg"\nvmm = "qemu"\nmemory = "1K"\n')
        self.check(self.eremite("run", "--config", config), USAGE, output=b"", errors="--memory 1K")
        self.check(self.eremite("run", "--config", config, "--memory", "64M"), 5, errors=b"")
        self.check(self.eremite("run", "--config", config, "--memory", "64M", HELLO), output=b"hello world\n", errors=b"")

    def test_mistakes(self):
        for text, errors in (("\ncolour = 1\n", ":2: colour: no such option"), ("cpus = true\n", ":1: cpus: a number"), ("cpus = \n", ":1: ")):
            with self.subTest(text):
                config = self.write("my.toml", text)
                self.check(self.eremite("run", "--config", config, HELLO), USAGE, output=b"", errors=f"eremite: {config}{errors}")
        self.check(self.eremite("run", "--config", self.folder / "nothing", HELLO), USAGE, output=b"", errors="--config .*nothing: No such file")

    def test_no_program(self):
        self.check(self.eremite("run", "--config", self.write("my.toml", "cpus = 2\n")), USAGE, output=b"", errors="no PROGRAM given")


class Usage(CommandTest):
    def test_no_subcommand(self):
        self.check(self.eremite(), USAGE, output=b"", errors="subcommand")

    def test_unknown_subcommand_is_named(self):
        self.check(self.eremite("frobnicate"), USAGE, output=b"", errors="frobnicate")

    def test_run_without_a_program(self):
        for words in (["run"], ["run", "--"], ["run", "--memory", "8M"]):
            with self.subTest(words):
                self.check(self.eremite(*words), USAGE, output=b"", errors=["PROGRAM", "eremite run --help"])

    def test_help(self):
        subcommands = [rf"^\s+{name}\b" for name in ("run", "build", "info", "doctor")]
        self.check(self.eremite("--help"), output=[r"^Usage: eremite", *subcommands], errors=b"")
        for subcommand, word in (("run", "--memory"), ("build", "--output"), ("info", "--json"), ("doctor", "Usage")):
            self.check(self.eremite(subcommand, "--help"), output=word, errors=b"")

    def test_version(self):
        self.check(self.eremite("--version"), output=r"^\d+\.\d+\.\d+$", errors=b"")

    def test_help_of_the_program_is_the_program_s(self):
        self.check(self.eremite("run", *MONITOR, program("arguments"), "--help"), output=r"^argument 6 \[--help\]$")


class Qemu(CommandTest):
    def test_not_installed(self):
        empty = self.folder / "empty"
        empty.mkdir()
        result = self.eremite("run", "--vmm", "qemu", HELLO, env=clean_environment(PATH=str(empty)))
        self.check(result, FAILED, output=b"", errors=["not installed", "qemu-system-x86", "apt-get install"])

    def test_named_one_is_not_there(self):
        self.check(self.eremite("run", "--qemu", "/nowhere/qemu", HELLO), FAILED, output=b"", errors=["/nowhere/qemu", "not installed"])

    def test_fails_without_a_word(self):
        # What did not run did not succeed.
        fake = self.write("qemu", "#!/bin/sh\nexit 1\n", 0o755)
        self.check(self.eremite("run", *MONITOR, "--qemu", fake, HELLO), FAILED, output=b"", errors="QEMU|machine")

    def test_ends_early_as_if_all_were_well(self):
        fake = self.write("qemu", "#!/bin/sh\nexit 0\n", 0o755)
        self.check(self.eremite("run", *MONITOR, "--qemu", fake, HELLO), FAILED, output=b"", errors="without an exit status")

    def test_its_message_is_shown(self):
        fake = self.write("qemu", "#!/bin/sh\necho qemu: something is wrong >&2\nexit 1\n", 0o755)
        self.check(self.eremite("run", *MONITOR, "--qemu", fake, HELLO), FAILED, output=b"",
                   errors=["QEMU did not start", "something is wrong", "doctor"])

    def test_killed(self):
        fake = self.write("qemu", "#!/bin/sh\nkill -9 $$\n", 0o755)
        self.check(self.eremite("run", *MONITOR, "--qemu", fake, HELLO), FAILED, output=b"", errors="QEMU died by signal 9")

    def test_not_an_executable(self):
        fake = self.write("qemu", "no program", 0o755)
        result = self.eremite("run", *MONITOR, "--qemu", fake, HELLO)
        self.check(result, FAILED, output=b"", errors=["QEMU did not start", "doctor"])


class KernelArguments(CommandTest):
    """As someone writes them who starts QEMU by hand."""

    def boot(self, kernel_arguments, **how):
        def change(words):
            at = words.index("-append") + 1
            words[at] = f"{kernel_arguments} {words[at]}"

        return self.raw_qemu(HELLO, change=change, **how)

    def test_malformed(self):
        for word in ("log=loud", "tsc_mhz=fast", "tty=2", "stdin=odd", "stats=maybe", "log", "env.=x"):
            with self.subTest(word):
                self.check(self.boot(word), FAILED, output=b"", errors=f"malformed kernel argument: {word}")

    def test_quote_that_does_not_end(self):
        def change(words):
            words[words.index("-append") + 1] += ' "never'

        self.check(self.raw_qemu(HELLO, change=change), FAILED, output=b"", errors="malformed kernel argument: never")

    def test_unknown_is_named_and_ignored(self):
        result = self.boot("colour=blue quiet")
        self.check(result, output=b"hello world\n", errors=["unknown kernel argument: colour=blue", "unknown kernel argument: quiet"])

    def test_no_arguments_at_all(self):
        def change(words):
            at = words.index("-append")
            del words[at:at + 2]

        # The console is a terminal then.
        self.check(self.raw_qemu(HELLO, change=change), output=b"hello world\r\n", errors=b"")
