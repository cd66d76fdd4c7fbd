"""A run that is ended from outside: the status says how, and QEMU is gone with it."""

import os
import select
import signal
import subprocess

from support import COMMAND, LIMIT, MONITOR, CommandTest, cell_only, children_of, clean_environment, is_alive, program


class EndingTest(CommandTest):
    def start(self, *words, **how):
        """A run whose program has said that it is ready, and the id of its QEMU."""
        child = subprocess.Popen([COMMAND, "run", *MONITOR, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=clean_environment(), **how)
        for stream in (child.stdin, child.stdout, child.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), b"ready\n")
        qemu = children_of(child.pid)
        self.assertEqual(len(qemu), 1)
        return child, qemu[0]

    def end(self, child, qemu, status):
        found = child.wait(LIMIT)
        self.assertEqual(128 - found if found < 0 else found, status)
        self.assertFalse(is_alive(qemu), "QEMU goes on")
        return child.stderr.read().decode()


class Timeout(EndingTest):
    def test_ends_a_program_that_computes(self):
        child, qemu = self.start("--timeout", "3", program("wait_forever"))
        self.assertIn("stopped after 3 s (--timeout)", self.end(child, qemu, 124))

    def test_ends_a_program_that_sleeps(self):
        result = self.eremite("run", *MONITOR, "--timeout", 2.5, program("wait_forever"), "asleep")
        self.check(result, 124, output=b"ready\n", errors=r"stopped after 2.5 s")

    def test_ends_a_program_that_waits_for_input(self):
        child, qemu = self.start("--timeout", "3", program("wait_forever"), "input")
        self.assertIn("--timeout", self.end(child, qemu, 124))

    def test_is_not_in_the_way_of_a_program_that_ends(self):
        self.check(self.eremite("run", *MONITOR, "--timeout", 50, program("exit_status"), "3"), 3, errors=b"")


class Signals(EndingTest):
    def test_each_ends_qemu(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number.name):
                child, qemu = self.start(program("wait_forever"))
                child.send_signal(number)
                self.end(child, qemu, 128 + number)

    @cell_only
    def test_the_monitor_ends_in_good_order(self):
        """Which shows by its statistics, which it has at its end only."""
        child, monitor = self.start("--stats", program("wait_forever"))
        child.send_signal(signal.SIGINT)
        self.assertRegex(self.end(child, monitor, 130), r"(?m)^cell\.exits\.total +\d+$")

    @cell_only
    def test_to_the_monitor(self):
        child, monitor = self.start("--stats", program("wait_forever"))
        os.kill(monitor, signal.SIGTERM)
        errors = self.end(child, monitor, 125)
        self.assertRegex(errors, r"(?m)^cell\.exits\.total +\d+$")
        self.assertIn("cell died by signal 15", errors)

    def test_while_the_program_sleeps(self):
        child, qemu = self.start(program("wait_forever"), "asleep")
        child.send_signal(signal.SIGINT)
        self.end(child, qemu, 130)

    def test_to_the_whole_group_as_from_a_terminal(self):
        child, qemu = self.start(program("wait_forever"), start_new_session=True)
        os.killpg(child.pid, signal.SIGINT)
        self.end(child, qemu, 130)

    def test_killed_command_takes_qemu_along(self):
        child, qemu = self.start(program("wait_forever"))
        descriptor = os.pidfd_open(qemu)
        self.addCleanup(os.close, descriptor)
        child.kill()
        child.wait(LIMIT)
        # QEMU is no child of ours: its end is waited for by its descriptor.
        self.assertTrue(select.select([descriptor], [], [], LIMIT)[0], "QEMU goes on")

    def test_output_before_the_signal_is_there(self):
        child, qemu = self.start(program("wait_forever"), "printing")
        line = child.stdout.readline()
        self.assertEqual(line, b"a line of output that nobody reads any more\n")
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=LIMIT)
        self.assertEqual(child.returncode, 130)
        self.assertFalse(is_alive(qemu))
        self.assertLess(len(rest), 64 << 20)
        self.assertEqual(errors, b"")
