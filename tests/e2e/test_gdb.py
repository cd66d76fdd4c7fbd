"""--gdb: a debugger stops the program where it likes."""

import signal
import socket
import subprocess
import unittest

from support import COMMAND, HELLO, LIMIT, MONITOR, ON_CELL, CommandTest, clean_environment, need_tool, program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gdb(CommandTest):
    @classmethod
    def setUpClass(cls):
        need_tool("gdb")

    def start(self, image, words=(), options=()):
        """A machine that waits, and its debugger's port."""
        port = free_port()
        run = subprocess.Popen([COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), "--gdb", str(port), *options, image, *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        for stream in (run.stdout, run.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        announced = run.stderr.readline().decode()
        self.assertIn(f"target remote localhost:{port}", announced)
        self.assertIn(image, announced)
        return run, port

    def attach(self, port, image, *commands):
        # gdb itself tries again until the machine listens.
        script = ["set tcp connect-timeout 30", f"target remote localhost:{port}", *commands]
        return self.execute("gdb", "-nx", "-batch", image, *(word for command in script for word in ("-ex", command)), input=None)

    def debug(self, image, *commands, words=(), options=()):
        """What gdb printed, and how the run ended that it was attached to."""
        run, port = self.start(image, words, options)
        gdb = self.attach(port, image, *commands)
        output, errors = run.communicate(timeout=LIMIT)
        return gdb, run.returncode, output, errors.decode()

    def test_breakpoint_in_main(self):
        gdb, status, output, _ = self.debug(HELLO, "break main", "continue", "backtrace 1", "detach")
        self.check(gdb, output=[r"Breakpoint 1, main \(", r"#0 +main \(\) at .*hello\.cpp:\d+"])
        self.assertEqual((status, output), (0, b"hello world\n"))

    def test_variables_and_steps(self):
        commands = ["break main", "continue", "print 40 + 2", "stepi", "info registers rip", "detach"]
        gdb, status, _, _ = self.debug(program("exit_status"), *commands, words=["11"])
        self.check(gdb, output=[r"Breakpoint 1, main \(", r"\$1 = 42", r"rip +0x"])
        self.assertEqual(status, 11)

    @unittest.skipUnless(ON_CELL, "QEMU hangs up")
    def test_end_of_the_machine(self):
        gdb, status, _, _ = self.debug(program("exit_status"), "break main", "continue", "continue", words=["11"])
        self.check(gdb, output=r"exited with code 013\]")
        self.assertEqual(status, 11)

    @unittest.skipUnless(ON_CELL, "QEMU's machine begins with its firmware")
    def test_first_instruction(self):
        gdb, status, output, _ = self.debug(HELLO, "print $pc == &eremite_entry", "stepi", "print $pc == &eremite_entry", "print $cr0 & 0x80000000", "detach")
        self.check(gdb, output=[r"\$1 = true$", r"\$2 = false$", r"\$3 = 0$"])
        self.assertEqual((status, output), (0, b"hello world\n"))

    def test_function_of_the_kernel(self):
        commands = ["break libos_main", "continue", "break main", "continue", "backtrace 1", "detach"]
        gdb, status, output, _ = self.debug(HELLO, *commands)
        self.check(gdb, output=[r"Breakpoint 1, .*libos_main \(", r"Breakpoint 2, main \("])
        self.assertEqual((status, output), (0, b"hello world\n"))

    def test_watchpoint_and_two_processors(self):
        commands = ["break take_turn", "continue", "info threads", "delete", "watch turns", "continue", "backtrace 1", "continue", "backtrace 1", "delete", "detach"]
        gdb, status, output, _ = self.debug(program("two_threads"), *commands, options=["--cpus", "2"])
        self.check(gdb, output=[r"1 +Thread .*CPU.?0", r"2 +Thread .*CPU.?1", r"hit Breakpoint 1, .*take_turn \(",
                                r"Old value = 0\nNew value = 1\n.*take_turn \(", r"#0 .*take_turn \(who=.*0\)",
                                r"Old value = 1\nNew value = 2\n.*take_turn \(", r"#0 .*take_turn \(who=.*1\)"])
        self.assertEqual((status, output), (0, b"6 turns\n"))

    def test_another_debugger_and_an_interrupt(self):
        image = program("wait_forever")
        run, port = self.start(image)
        self.check(self.attach(port, image, "break main", "continue", "detach"), output=r"Breakpoint 1, main \(")
        self.assertTrue(run.stdout.readline())
        commands = ["print $_thread", "detach"]
        self.check(self.attach(port, image, *commands), output=r"\$1 = 1$")
        run.send_signal(signal.SIGTERM)
        run.wait(timeout=LIMIT)

    def test_unmodified_executable(self):
        gdb, status, output, _ = self.debug(program("hello_static"), "break main", "continue", "backtrace 1", "detach")
        self.check(gdb, output=[r"Breakpoint 1, main \(", r"hello\.cpp:\d+"])
        self.assertEqual((status, output), (0, b"hello world\n"))

    def test_killed_by_the_debugger(self):
        _, status, output, errors = self.debug(HELLO, "break main", "continue", "kill")
        self.assertEqual((status, output), (125, b""))
        self.assertIn("without an exit status", errors)

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = self.eremite("run", *MONITOR, "--gdb", port, HELLO)
        self.check(result, 125, output=b"", errors=["Address already in use", "--gdb PORT"])
