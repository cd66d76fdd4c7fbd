"""--gdb: a debugger stops the program where it likes."""

import socket
import subprocess

from support import COMMAND, HELLO, LIMIT, CommandTest, clean_environment, need_tool, program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gdb(CommandTest):
    @classmethod
    def setUpClass(cls):
        need_tool("gdb")

    def debug(self, image, *commands, words=()):
        """What gdb printed, and how the run ended that it was attached to."""
        port = free_port()
        run = subprocess.Popen([COMMAND, "run", "--accel", "tcg", "--timeout", str(LIMIT), "--gdb", str(port), image, *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        for stream in (run.stdout, run.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        announced = run.stderr.readline().decode()
        self.assertIn(f"target remote localhost:{port}", announced)
        self.assertIn(image, announced)
        # gdb itself tries again until QEMU listens.
        script = ["set tcp connect-timeout 30", f"target remote localhost:{port}", *commands]
        gdb = self.execute("gdb", "-nx", "-batch", image, *(word for command in script for word in ("-ex", command)), input=None)
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
            result = self.eremite("run", "--accel", "tcg", "--gdb", port, HELLO)
        self.check(result, 125, output=b"", errors=["Address already in use", "--gdb PORT"])
