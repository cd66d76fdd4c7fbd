"""Snapshots of machines (--snapshot) and machines that go on from them (--restore)."""

import os
import select
import shutil
import signal
import subprocess
import time

from network import NetworkTest
from support import COMMAND, HELLO, MONITOR, CommandTest, VolumeTest, clean_environment, program

IMAGE = program("snapshot")
LIMIT = 30


class Conversation:
    """A machine whose program answers lines."""

    def __init__(self, test, *words):
        self.test = test
        self.errors = test.folder / f"errors{time.monotonic_ns()}"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen([COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, env=clean_environment(), cwd=test.folder)
        test.addCleanup(self.end)
        self.partial = b""

    def line(self):
        while b"\n" not in self.partial:
            if not select.select([self.process.stdout], [], [], LIMIT)[0]:
                self.test.fail(f"no answer within {LIMIT} s: {self.errors.read_text()}")
            got = os.read(self.process.stdout.fileno(), 4096)
            if not got:
                self.test.fail(f"it ended: {self.errors.read_text()}")
            self.partial += got
        line, self.partial = self.partial.split(b"\n", 1)
        return line.decode()

    def ask(self, question):
        self.process.stdin.write(question.encode() + b"\n")
        self.process.stdin.flush()
        return self.line()

    def snapshot(self, path):
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + LIMIT
        while not path.exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.test.fail(f"no snapshot: {self.errors.read_text()}")
            time.sleep(0.01)

    def quit(self):
        self.process.stdin.write(b"quit\n")
        self.process.stdin.close()
        self.test.assertEqual(self.process.wait(LIMIT), 7, self.errors.read_text())

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass


class SnapshotTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "snapshot"

    def begin(self, *words, arguments=()):
        machine = Conversation(self, "--snapshot", self.file, *words, IMAGE, *arguments)
        self.assertEqual(machine.line(), "ready")
        return machine

    def restore(self, *words):
        return Conversation(self, "--restore", self.file, *words)

    def refused(self, *words, because, status=125):
        self.check(self.eremite("run", *MONITOR, *words), status=status, errors=because)


class Snapshots(SnapshotTest):
    def test_several_go_on_where_one_was(self):
        first = self.begin()
        self.assertTrue(first.ask("random").startswith("1 "))
        before = time.time()
        first.snapshot(self.file)
        self.assertFalse(os.path.exists(f"{self.file}.part"))
        # A few MiB of the machine's 128: what is zero takes no room.
        self.assertLess(self.file.stat().st_blocks * 512, 32 << 20)
        copies = [self.restore() for _ in range(2)]
        answers = [machine.ask("random") for machine in [first, *copies]]
        self.assertEqual([answer.split()[0] for answer in answers], ["2", "2", "2"])
        self.assertEqual(len({answer.split()[1] for answer in answers}), 3, answers)
        for machine in copies:
            self.assertGreaterEqual(int(machine.ask("time").split()[1]), int(before))
        for machine in [first, *copies]:
            machine.quit()

    def test_of_a_copy(self):
        self.begin().snapshot(self.file)
        second = self.folder / "second"
        copy = self.restore("--snapshot", second)
        self.assertTrue(copy.ask("random").startswith("1 "))
        copy.snapshot(second)
        copy.quit()
        self.file = second
        last = self.restore()
        self.assertTrue(last.ask("random").startswith("2 "))
        last.quit()

    def test_in_the_middle_of_computations(self):
        machine = self.begin("--cpus", 2, arguments=["3"])
        machine.snapshot(self.file)
        copy = self.restore()
        for each in (machine, copy):
            self.assertTrue(each.ask("computing").endswith("right"))
            each.quit()

    def test_tells_the_user(self):
        machine = self.begin()
        machine.snapshot(self.file)
        machine.process.send_signal(signal.SIGUSR1)
        machine.quit()
        errors = machine.errors.read_text()
        self.assertRegex(errors, r"snapshot of [0-9.]+ MiB written; `eremite run --restore \S+` goes on from it")
        self.assertIn("a run writes one only", errors)

    def test_that_nobody_asks_for_leaves_nothing(self):
        self.begin().quit()
        self.assertEqual([path.name for path in self.folder.iterdir() if not path.name.startswith("errors")], [])


class BadSnapshots(SnapshotTest):
    def test_are_refused(self):
        self.refused("--restore", self.file, because="No such file")
        self.file.write_bytes(b"something else" * 1000)
        self.refused("--restore", self.file, because="this is no snapshot")
        self.refused("--restore", self.file, HELLO, because="has its program", status=2)
        self.refused("--restore", self.file, "--memory", "256M", because="--memory does not go with --restore", status=2)
        self.refused("--snapshot", self.folder / "none/file", HELLO, because="No such file")
        self.refused("--snapshot", self.file, "--balloon", HELLO, because="cannot go into a snapshot", status=2)

    def test_damaged_ones(self):
        machine = self.begin()
        machine.snapshot(self.file)
        machine.quit()
        self.refused("--restore", self.file, "--net", "user", because="has no network", status=2)
        whole = self.file.stat().st_size
        with self.file.open("r+b") as file:
            file.truncate(whole - 1)
        self.refused("--restore", self.file, because="the snapshot is damaged")
        with self.file.open("r+b") as file:
            file.truncate(whole)
            file.seek(whole - 2000)
            byte = file.read(1)[0]
            file.seek(whole - 2000)
            file.write(bytes([byte ^ 1]))
        self.refused("--restore", self.file, because="the snapshot is damaged")
        with self.file.open("r+b") as file:
            file.truncate(5000)
        self.refused("--restore", self.file, because="the snapshot is damaged")


class SnapshotVolume(SnapshotTest, VolumeTest):
    def test_goes_on_with_a_copy_of_its_volume(self):
        volume, other = self.create(size="64M"), self.folder / "other"
        machine = self.begin("--volume", f"{volume}:/data")
        self.assertEqual(machine.ask("write /data/f one"), "1 written")
        machine.snapshot(self.file)
        # The volume and the snapshot belong together.
        self.assertEqual(machine.process.wait(LIMIT), 0, machine.errors.read_text())
        other.write_bytes(volume.read_bytes())
        copy = self.restore("--volume", f"{other}:/data")
        self.assertEqual(copy.ask("read /data/f"), "2 one")
        self.assertEqual(copy.ask("write /data/g two"), "3 written")
        copy.quit()
        self.check_sound(other)
        self.refused("--restore", self.file, "--volume", f"{other}:/data", "--volume", f"{volume}:/more", because="1 volumes", status=2)


class SnapshotFolder(SnapshotTest):
    def test_finds_its_files_again(self):
        shared, other = self.folder / "shared", self.folder / "other"
        (shared / "a/b").mkdir(parents=True)
        (shared / "a/b/text").write_text("first")
        (shared / "gone").write_text("soon")
        machine = self.begin("--mount", f"{shared}:/data")
        self.assertEqual(machine.ask("read /data/a/b/text"), "1 first")
        self.assertEqual(machine.ask("read /data/gone"), "2 soon")
        self.assertEqual(machine.ask("open /data/a/b/text"), "3 opened")
        machine.snapshot(self.file)
        machine.quit()
        # As the machine knows the files.
        shutil.copytree(shared, other)
        (other / "gone").unlink()
        copy = self.restore()
        self.assertEqual(copy.ask("append more"), "4 written")
        self.assertEqual(copy.ask("read /data/a/b/text"), "5 firstmore")
        copy.quit()
        copy = self.restore("--mount", f"{other}:/data")
        self.assertEqual(copy.ask("append other"), "4 written")
        self.assertEqual(copy.ask("read /data/gone"), "5 nothing")
        self.assertEqual(copy.ask("write /data/new text"), "6 written")
        copy.quit()
        self.assertEqual((other / "a/b/text").read_text(), "firstother")
        self.assertEqual((shared / "a/b/text").read_text(), "firstmore")
        self.assertEqual((other / "new").read_text(), "text")
        (other / "a/b/text").unlink()
        self.refused("--restore", self.file, "--mount", f"{other}:/data", because="a/b/text of a shared folder open, which cannot be opened")
        self.refused("--restore", self.file, "--mount", f"{self.folder}/none:/data", because="none", status=2)


class SnapshotNetwork(SnapshotTest, NetworkTest):
    def test_has_addresses_of_its_own(self):
        machine = self.begin("--net", "user")
        mac, address = machine.ask("addresses").split()[1:]
        self.assertEqual(address, "10.0.2.15")
        machine.snapshot(self.file)
        copy = self.restore()
        deadline = time.monotonic() + LIMIT
        while (now := copy.ask("addresses").split()[1:])[0] == mac or len(now) < 2:
            self.assertLess(time.monotonic(), deadline, now)
            time.sleep(0.01)
        self.assertEqual(now[1], address)
        copy.quit()
        copy = self.restore("--net", "user,ip=10.0.2.77/24")
        while (now := copy.ask("addresses").split()[1:])[-1] != "10.0.2.77":
            self.assertLess(time.monotonic(), deadline, now)
            time.sleep(0.01)
        self.assertEqual(len(now), 2, now)
        copy.quit()
        machine.quit()
