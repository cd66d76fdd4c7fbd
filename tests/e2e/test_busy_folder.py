"""Folders of the host under load, and when their server or their disk fails."""

import contextlib
import os
import pathlib
import re
import signal
import struct
import subprocess
import time

from support import COMMAND, LIMIT, MONITOR, ON_CELL, clean_environment, descendants_of, need_tool, program, unittest
from test_mount import MountTest, need_daemon

BUSY = program("busy_folder")
FOLDERS = program("shared_folder")


class BusyFolderTest(MountTest):
    def need_root(self, what):
        if os.geteuid() != 0:
            raise unittest.SkipTest(f"{what} needs root")

    def small_disk(self, size):
        """The folder is a small tmpfs from now on."""
        self.need_root("mounting a small tmpfs")
        mount = self.execute("mount", "-t", "tmpfs", "-o", f"size={size}", "none", self.shared)
        if mount.status != 0:
            raise unittest.SkipTest(f"a small tmpfs cannot be mounted: {mount.error_text}")
        self.addCleanup(self.execute, "umount", self.shared)

    def busy(self, *arguments, **how):
        return self.output_of(*arguments, image=BUSY, **how)

    @contextlib.contextmanager
    def started(self, *arguments, suffix="", options=()):
        """The program at work, whose output comes line by line."""
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), "--share", self.share, "--mount", f"{self.shared}:/data{suffix}", *options, BUSY, "--"]
        process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=clean_environment())
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class BusyFolder(BusyFolderTest):
    many = 5_000

    def test_many_small_files(self):
        folder = self.shared / "many"
        folder.mkdir()
        self.assertEqual(self.busy("make", "/data/many", self.many, limit=240), f"made {self.many}\n")
        self.assertEqual(len(os.listdir(folder)), self.many)
        for i in range(0, self.many, self.many // 50):
            self.assertEqual((folder / f"number {i}").read_text(), str(i))
        self.assertEqual(self.busy("clear", "/data/many", limit=240), f"removed {self.many}\n")
        self.assertFalse(folder.exists())

    def test_larger_than_memory(self):
        megabytes, words = 80, 1 << 18
        text = self.output_of("large", "/data/f", megabytes, image=FOLDERS, options=["--memory", "40M"], limit=120)
        self.assertEqual(text, f"{megabytes} MiB\n")
        with open(self.shared / "f", "rb") as file:
            for i in range(megabytes):
                piece = struct.unpack(f"<{words}I", file.read(words * 4))
                self.assertEqual(piece[::1024], tuple(i * 1000 + k for k in range(0, words, 1024)))
            self.assertEqual(file.read(), b"")
        total = 0
        with open(self.shared / "g", "wb") as file:
            for i in range(megabytes):
                file.write(struct.pack("<I", i * 77_777) * words)
                total += i * 77_777 * words
        self.assertEqual(self.busy("sum", "/data/g", options=["--memory", "40M"], limit=120), f"{megabytes << 20} bytes, sum {total}\n")

    def test_names_of_all_kinds(self):
        names = [b" ", b"a b", b" lead and trail ", "ünï — 名前 🗂".encode(), b"line\nbreak", b"tab\t", b"'quoted\"", b"back\\slash", b"*?[x]", b"-option", b"$HOME",
                 b"not UTF-8 \xff\xfe\x80", b"n" * 255, "ü".encode() * 127, b".hidden", b"..."]
        folder = os.fsencode(self.shared) + b"/from"
        os.mkdir(folder)
        for name in names:
            with open(folder + b"/" + name, "wb") as file:
                file.write(name)
        self.assertEqual(self.busy("move", "/data/from", "/data/to ü"), f"moved {len(names)}\n")
        self.assertEqual(os.listdir(folder), [])
        there = os.fsencode(self.shared / "to ü")
        self.assertEqual(sorted(os.listdir(there)), sorted(names))
        for name in names:
            with open(there + b"/" + name, "rb") as file:
                self.assertEqual(file.read(), name)

    def test_sparse_files_of_the_host(self):
        with open(self.shared / "f", "wb") as file:
            for at in (1 << 20, 3 << 20):
                file.seek(at)
                file.write(b"x" * (64 << 10))
            file.truncate(8 << 20)
        blocks = (self.shared / "f").stat().st_blocks
        if blocks > 1000:
            raise unittest.SkipTest("this folder's file system stores files as a whole")
        self.assertEqual(self.busy("data", "/data/f"), self.data_of_sparse_file)
        self.assertEqual((self.shared / "f").stat().st_blocks, blocks)

    # 9P cannot ask: all of a file counts as data.
    # 9p does not say where the holes are.
    data_of_sparse_file = f"1024-1088 3072-3136 {8 << 20}\n" if ON_CELL else f"0-8192 {8 << 20}\n"

    def test_full_disk_loses_nothing_that_was_acknowledged(self):
        self.small_disk("3M")
        (self.shared / "filler").write_bytes(b"x" * (1 << 20))
        text = self.busy("fill", "/data")
        found = re.fullmatch(r"(\d+) stored, then No space left on device\n(\d+) stored\n", text)
        self.assertTrue(found, text)
        first, stored = map(int, found.groups())
        self.assertGreater(first, 10)
        self.assertEqual(stored, first + 4)
        words = (64 << 10) // 4
        with open(self.shared / "log", "rb") as file:
            for i in range(stored):
                self.assertEqual(file.read(words * 4), struct.pack("<I", i) * words, f"block {i}")

    def test_disk_that_is_read_only(self):
        self.small_disk("1M")
        (self.shared / "file").write_text("fixed")
        (self.shared / "file").chmod(0o640)
        self.check(self.execute("mount", "-o", "remount,ro", self.shared))
        text = self.output_of("refusals", "/data", image=FOLDERS)
        for what in ("open to write", "create", "unlink", "mkdir", "rename", "truncate", "chmod"):
            self.assertIn(f"{what} Read-only file system\n", text)
        self.assertTrue(text.endswith("fixed\n"), text)


class BusyFolderByVirtioFs(BusyFolder):
    share = "virtio-fs"
    many = 70_000  # more than a table of 65536 holds
    data_of_sparse_file = f"1024-1088 3072-3136 {8 << 20}\n"

    def setUp(self):
        need_daemon()
        super().setUp()


class FailingServer(BusyFolderTest):
    share = "virtio-fs"

    def setUp(self):
        need_daemon()
        super().setUp()

    def daemons_of(self, process, folder):
        """The processes that serve this folder."""
        served = f"source={folder}".replace(",", "\\,").encode()
        found = [pid for pid in descendants_of(process.pid) if served in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
        self.assertTrue(found, "virtiofsd is a child of the command")
        return found

    def test_killed_under_load(self):
        threads = 6
        other = self.folder / "other"
        other.mkdir()
        with self.started("orphans", "/data", "/other", threads, suffix=":patience=3", options=["--cpus", "2", "--mount", f"{other}:/other"]) as process:
            self.assertEqual(process.stdout.readline(), b"at work\n")
            for pid in self.daemons_of(process, self.shared):
                os.kill(pid, signal.SIGKILL)
            output, errors = process.communicate(timeout=LIMIT)
        self.assertEqual(output.decode(), "Input/output error\n" * threads + "folder: Input/output error\n" + "made 20\n" * 2, errors.decode(errors="replace"))
        self.assertEqual(process.returncode, 0)

    def test_that_stands_still_for_a_while(self):
        with self.started("store", "/data/f", 20) as process:
            self.assertEqual(process.stdout.readline(), b"half\n")
            daemons = self.daemons_of(process, self.shared)
            for pid in daemons:
                os.kill(pid, signal.SIGSTOP)
            process.stdin.write(b"\n")
            process.stdin.flush()
            time.sleep(6)  # and a second less, since the program may begin later
            for pid in daemons:
                os.kill(pid, signal.SIGCONT)
            output, errors = process.communicate(timeout=LIMIT)
        self.assertRegex(output.decode(), "^longest ([5-9]|1[0-9])\n$", errors.decode(errors="replace"))
        self.assertEqual((self.shared / "f").read_text(), "".join(f"{i}\n" for i in range(20)))

    def test_disk_that_takes_its_time(self):
        """One request lasts longer than it takes to find out that a server is dead."""
        self.need_root("a disk that can be stopped")
        for tool in ("mkfs.ext4", "fsfreeze"):
            need_tool(tool)
        volume = self.folder / "volume"
        with open(volume, "wb") as file:
            file.truncate(16 << 20)
        for command in (["mkfs.ext4", "-q", volume], ["mount", "-o", "loop", volume, self.shared]):
            done = self.execute(*command)
            if done.status != 0:
                raise unittest.SkipTest(f"{command[0]} does not work here: {done.error_text}")
        self.addCleanup(self.execute, "umount", self.shared)
        with self.started("store", "/data/f", 4, suffix=":patience=3") as process:
            self.assertEqual(process.stdout.readline(), b"half\n")
            self.check(self.execute("fsfreeze", "--freeze", self.shared))
            try:
                process.stdin.write(b"\n")
                process.stdin.flush()
                time.sleep(8)
            finally:
                self.check(self.execute("fsfreeze", "--unfreeze", self.shared))
            output, errors = process.communicate(timeout=LIMIT)
        self.assertRegex(output.decode(), "^longest ([7-9]|1[0-9])\n$", errors.decode(errors="replace"))
        self.assertEqual((self.shared / "f").read_text(), "0\n1\n2\n3\n")
