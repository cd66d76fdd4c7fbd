"""An image that is malicious on purpose (tests/hostile) can neither hurt the monitor nor reach what is beside the folders that it shares.

EREMITE_HOSTILE_SEEDS=100 runs that many seeds of each attack, EREMITE_HOSTILE_STEPS=10 attacks ten times as long."""

import os
import resource
import socket
import unittest

from support import BUILD, ON_CELL, CommandTest

SEEDS = int(os.environ.get("EREMITE_HOSTILE_SEEDS", "1"))
STEPS = int(os.environ.get("EREMITE_HOSTILE_STEPS", "1"))
FIRST_SEED = int(os.environ.get("EREMITE_HOSTILE_FIRST_SEED", "1"))
SECRET = b"the canary sings\n"  # files.cpp looks for it
ESCAPED = 66  # the image's status when it read that
MOST_LOG = 2 << 20  # bytes, of which a MiB may be the monitor's
MOST_MEMORY = 512 << 10  # KiB, of which 64 MiB are the machine's


@unittest.skipUnless(ON_CELL, "about our own monitor")
class Hostile(CommandTest):
    def setUp(self):
        super().setUp()
        self.canary = self.write("outside/canary", SECRET)
        self.kept = self.write("read_only/kept", b"kept\n")
        (self.folder / "outside/inner").mkdir()
        (self.folder / "shared").mkdir()
        (self.folder / "shared/host_link").symlink_to("../outside")
        (self.folder / "read_only/host_link").symlink_to("../outside")
        with open(self.folder / "disk", "wb") as disk:
            disk.truncate(64 << 20)

    def listener(self):
        """At a socket that the machine can reach; somebody who never answers."""
        (self.folder / "sockets_1").unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        here = os.open(".", os.O_RDONLY)
        os.chdir(self.folder)  # for its path may be too long
        try:
            listener.bind("sockets_1")
        finally:
            os.fchdir(here)
            os.close(here)
        listener.listen()
        return listener

    def looks(self):
        """What must stay as it is: names, contents, modes and times."""
        found = {}
        for top in ("outside", "read_only"):
            for path, folders, files in os.walk(self.folder / top):
                for name in [".", *folders, *files]:
                    status = os.lstat(os.path.join(path, name))
                    found[os.path.join(path, name)] = (status.st_mode, status.st_uid, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return found, self.canary.read_bytes(), self.kept.read_bytes(), sorted(os.listdir(self.folder))

    def attack(self, kind, steps, end="clean", status=0, errors=None):
        (self.folder / "capture").touch()
        self.listener().close()
        before = self.looks()
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            options = ["--cpus", "2", "--memory", "64M", "--net", "user", "--pcap", "capture", "--volume", "disk:/volume", "--mount", "shared:/shared",
                       "--mount", "read_only:/read_only:ro", "--balloon", "--vsock", "sockets"]
            with self.listener():
                result = self.run_program(BUILD / "tests/hostile_image", kind, seed, steps * STEPS, end, self.canary, options=options, limit=60 * STEPS)
            # The command tells of a monitor that dies, or that tried what it may not, with status 125 and why.
            self.assertEqual(result.status, status, f"seed {seed}: {result}")
            self.assertNotIn(b"died by signal", result.errors, f"seed {seed}")
            self.assertNotIn(b"not allowed", result.errors, f"seed {seed}")
            self.check(result, status, errors=errors)
            self.assertLess(len(result.errors), MOST_LOG, f"seed {seed}")
            self.assertEqual(self.looks(), before, f"seed {seed}")
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, MOST_MEMORY)

    def test_registers(self):
        self.attack("registers", 3000)

    def test_addresses(self):
        self.attack("addresses", 3000)

    def test_ports(self):
        self.attack("ports", 1000)

    def test_rings(self):
        self.attack("rings", 3000)

    def test_requests(self):
        self.attack("requests", 80)

    def test_files(self):
        self.attack("files", 25)

    def test_what_is_shared_it_reads(self):
        self.write("shared/a", SECRET)
        self.attack("files", 1, status=ESCAPED)

    def test_a_triple_fault(self):
        self.attack("registers", 500, "fault", 125, "triple fault")
