"""What the monitor's threads may do while a machine runs: as little as all of its devices together need. Of capabilities only root can lose any."""

import pathlib
import re
import subprocess
import time
import unittest

from support import COMMAND, LIMIT, MONITOR, ON_CELL, CommandTest, children_of, clean_environment, program
from test_gdb import free_port


@unittest.skipUnless(ON_CELL, "about our own monitor")
class Threads(CommandTest):
    # Of root's, what files and their owners take (capabilities(7)): CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, MKNOD, SETFCAP.
    OF_FOLDERS = sum(1 << bit for bit in (0, 1, 2, 3, 4, 6, 7, 27, 31))

    def start(self, *options):
        machine = subprocess.Popen([COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), *options, program("wait_forever"), "asleep"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(), cwd=self.folder)
        self.addCleanup(machine.wait)
        self.addCleanup(machine.kill)
        return machine

    def threads(self, machine):
        """What proc(5) tells of each thread of the monitor, once that is restricted."""
        end = time.monotonic() + LIMIT
        while True:
            self.assertLess(time.monotonic(), end, "the monitor is not restricted")
            self.assertIsNone(machine.poll())
            for monitor in children_of(machine.pid):
                try:
                    statuses = [path.read_text() for path in pathlib.Path(f"/proc/{monitor}/task").glob("*/status")]
                except OSError:
                    continue  # one has ended
                if statuses and "Seccomp:\t2" in statuses[0]:
                    return [dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE)) for status in statuses]
            time.sleep(0.01)

    def check_all(self, *options, kept=0):
        threads = self.threads(self.start(*options))
        self.assertGreaterEqual(len(threads), 2)
        for thread in threads:
            for name in ("CapEff", "CapPrm", "CapInh"):
                self.assertEqual(int(thread[name], 16) & ~kept, 0, f"{thread['Name']}: {name}")
            self.assertEqual(thread["NoNewPrivs"], "1", thread["Name"])
            self.assertEqual(thread["Seccomp"], "2", thread["Name"])

    def test_without_devices(self):
        self.check_all()

    def test_processors(self):
        self.check_all("--cpus", "4")

    def test_debugger(self):
        self.check_all("--gdb", str(free_port()))

    def test_network(self):
        self.check_all("--net", "user")

    def test_sockets(self):
        self.check_all("--vsock", "sockets", kept=1 << 1)  # DAC_OVERRIDE: sockets of others

    def test_volume(self):
        self.check(self.eremite("volume", "create", "disk", "--size", "64M"))
        self.check_all("--volume", "disk:/volume")

    def test_folder(self):
        (self.folder / "shared").mkdir()
        self.check_all("--mount", "shared:/shared:ro", kept=self.OF_FOLDERS)

    def test_snapshot(self):
        self.check_all("--snapshot", "saved")
