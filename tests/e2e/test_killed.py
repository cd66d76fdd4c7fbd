"""A virtual machine that is killed while its program commits to a database: what was acknowledged is there afterwards."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess

from support import COMMAND, LIMIT, MONITOR, CommandTest, VolumeTest, clean_environment, program, unittest

PROGRAM = program("commits")
KILLS = 25  # for each journal mode


class KilledTest(CommandTest):
    """The database of a subclass is made and looked at with `options_for()` and `database()`."""

    def options_for(self):
        """Options of `eremite run` that make the storage appear at /data."""
        raise NotImplementedError

    def database(self, mode):
        """The path of the database on the host, after the machine has gone."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        if not os.path.exists(PROGRAM):
            raise unittest.SkipTest("libsqlite3.a is not installed")

    def run_until_killed(self, mode, commits):
        """The last number that was acknowledged. The machine is killed after so many commits, wherever it is at by then."""
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), *self.options_for(), PROGRAM, f"/data/{mode}.db", mode]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        acknowledged = 0
        try:
            for _ in range(commits):
                line = process.stdout.readline()
                if not line:
                    break
                acknowledged = int(line)
            process.send_signal(signal.SIGKILL)
            rest, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            process.wait()
        self.assertTrue(acknowledged, f"{mode}: nothing was committed: {errors.decode(errors='replace')}")
        # A line that was cut off was not read as an acknowledgement.
        complete = [line for line in rest.split(b"\n")[:-1] if line]
        return int(complete[-1]) if complete else acknowledged

    def kill_often(self, mode):
        chance = random.Random(mode)
        acknowledged = 0
        for kill in range(KILLS):
            acknowledged = max(acknowledged, self.run_until_killed(mode, chance.randrange(1, 40)))
            database = sqlite3.connect(self.database(mode))
            with self.subTest(mode=mode, kill=kill):
                self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
                count, last = database.execute("SELECT count(*), max(number) FROM entry").fetchone()
                self.assertEqual(count, last, "rows without a gap")
                self.assertGreaterEqual(last, acknowledged)
            database.close()

    def kill_in_every_mode(self):
        self.kill_often("delete")
        self.kill_often("wal")


class SharedFolderTest(KilledTest):
    share = ""

    def options_for(self):
        return ["--share", self.share, "--mount", f"{self.folder}:/data"]

    def database(self, mode):
        return self.folder / f"{mode}.db"


class NinepKilled(SharedFolderTest):
    share = "9p"

    def test_commits_are_there(self):
        self.kill_in_every_mode()


class VirtioFsKilled(SharedFolderTest):
    share = "virtio-fs"

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            raise unittest.SkipTest("virtiofsd needs root")

    def test_commits_are_there(self):
        self.kill_in_every_mode()


class VolumeKilled(KilledTest, VolumeTest):
    def setUp(self):
        super().setUp()
        self.volume = self.create(size="128M")

    def options_for(self):
        return ["--volume", f"{self.volume}:/data"]

    def database(self, mode):
        """From a copy, which e2fsck recovers; the next machine recovers the volume itself."""
        copy = self.folder / "copy"
        shutil.copyfile(self.volume, copy)
        self.recover(copy)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for suffix in ("", "-journal", "-wal"):
            self.dump(copy, f"/{mode}.db{suffix}", out / f"{mode}.db{suffix}")
        return out / f"{mode}.db"

    def test_commits_are_there(self):
        self.kill_in_every_mode()
        self.check(self.run_program(program("shared_folder"), "write", "/data/last", "done", options=self.options_for()))
        self.check_sound(self.volume)


if __name__ == "__main__":
    unittest.main()
