"""What files of a volume hold: through the page cache, mapped, on a volume that is full, on disks that fail, after the machine was killed."""

import shutil
import signal
import subprocess
import time

from support import BUILD, COMMAND, LIMIT, MONITOR, ON_CELL, VolumeTest, clean_environment, program, unittest, volume_tool

FILES = program("volume_files")
FOLDER = program("shared_folder")
MAPS = program("mapped_folder")


class VolumeFilesTest(VolumeTest):
    size = "64M"

    def setUp(self):
        super().setUp()
        self.volume = self.create(size=self.size)

    def options(self):
        return ["--volume", f"{self.volume}:/data"]

    def output_of(self, image, *arguments, options=(), status=0, **how):
        result = self.run_program(image, *arguments, options=[*self.options(), *options], **how)
        text = self.check(result, status, errors=b"").text
        self.check_sound(self.volume)
        return text

    def put(self, contents, path):
        """Puts a file on the volume, as another system would."""
        source = self.write("put", contents)
        self.check(self.execute(volume_tool("debugfs"), "-w", "-R", f"write {source} {path}", self.volume))

    def contents(self, path, volume=None):
        out = self.folder / "out"
        out.unlink(missing_ok=True)
        self.dump(volume or self.volume, path, out)
        return out.read_bytes()


class MappedVolumeFiles(VolumeFilesTest):
    size = "256M"

    def setUp(self):
        super().setUp()
        self.before = bytes(i * 7 % 251 for i in range(256 * 1024))
        self.put(self.before, "f")

    def test_shared(self):
        self.assertEqual(self.output_of(MAPS, "shared", "/data/f"), "shared\n")
        after = bytearray(self.before)
        after[4094:4098] = b"MARK"
        after[8192:8196] = b"file"
        after[12288:12292] = b"LATE"
        self.assertEqual(self.contents("/f"), after)

    def test_private(self):
        self.assertEqual(self.output_of(MAPS, "private", "/data/f"), "private\n")
        self.assertEqual(self.contents("/f"), self.before)

    def test_memory_that_is_not_there_yet(self):
        self.assertEqual(self.output_of(MAPS, "transfers", "/data/f"), "transfers\n")

    def test_larger_than_memory(self):
        self.assertEqual(self.output_of(MAPS, "large", "/data/l", 96, options=["--memory", "48M"], limit=200), "96 MiB\n")


class VolumeData(VolumeFilesTest):
    def test_holes(self):
        self.assertEqual(self.output_of(FILES, "holes", "/data"), "holes right\n")

    def test_past_the_cache(self):
        self.assertEqual(self.output_of(FILES, "direct", "/data"), "direct right\n")


class FullVolume(VolumeFilesTest):
    size = "16M"

    def test_write(self):
        """A write is refused, and nothing that was taken is lost."""
        text = self.output_of(FILES, "fill", "/data")
        pattern = (r"write: No space left on device\nfsync: Success\nsize is right: 1\ntaken (\d+)\n"
                   r"small: No space left on device\noverwrite: Success\nfsync: Success\nagain: Success\nfsync: Success\n")
        self.assertRegex(text, f"^{pattern}$")
        half = int(text.split("taken ")[1].split()[0]) // 2
        self.assertEqual(self.contents("/large"), b"x" * 1000 + b"yyyy" + b"x" * (half - 1004))
        self.assertEqual(self.contents("/again"), b"x" * 100_000)

    def test_mapped(self):
        self.assertEqual(self.output_of(FILES, "fill_mapped", "/data"), "SIGBUS\nfsync: Success\npages are right: 1\n")

    def test_without_extents(self):
        """Files of ext3 have no blocks that count as unwritten, so that there fsync may be the one to fail."""
        self.check(self.execute(volume_tool("mke2fs"), "-q", "-F", "-t", "ext3", self.volume))
        text = self.output_of(FILES, "fill", "/data")
        self.assertIn("No space left on device", text)


class FailingDisk(VolumeFilesTest):
    def with_faults(self, rules, *arguments, status=0):
        """Runs the program with QEMU's blkdebug between it and the volume."""
        config = self.write("rules", rules)

        def debug(words):
            at = next(i for i, word in enumerate(words) if str(self.volume) in word)
            words[at] = words[at].replace(f"file={self.volume}", f"file.driver=blkdebug,file.config={config},file.image.filename={self.volume}")
            words[at] = words[at].replace("file.locking=", "file.image.locking=")
        result = self.raw_qemu(FILES, *arguments, options=self.options(), change=debug, limit=100)
        return self.check(result, status)

    def test_reads(self):
        self.put(b"some bytes here " * 65536, "f")
        blocks = self.execute(volume_tool("debugfs"), "-R", "blocks /f", self.volume).text.split()
        sector = int(blocks[len(blocks) // 2]) * 8
        rules = f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{sector}"\nonce = "off"\n'
        result = self.with_faults(rules, "read_all", "/data/f")
        self.assertEqual(result.text, "some good: 1, some bad: 1, Input/output error\n")

    def test_flush(self):
        self.fail_later("flush", "flush_to_disk")

    def test_writes(self):
        self.fail_later("write", "pwritev")

    def fail_later(self, kind, event):
        """Behind some flushes all requests of the kind fail: fsync says so, and what is there can be read."""
        states = 12
        rules = "".join(f'[set-state]\nstate = "{i}"\nevent = "flush_to_disk"\nnew_state = "{i + 1}"\n' for i in range(1, states))
        rules += f'[inject-error]\nevent = "{event}"\nstate = "{states}"\niotype = "{kind}"\nerrno = "5"\nonce = "off"\n'
        result = self.with_faults(rules, "write_until_failure", "/data")
        self.assertRegex(result.text, "^failed: Input/output error\nf0 can be read: 1\n$")
        self.recover(self.volume)
        self.assertEqual(self.contents("/f0"), b"w" * 8192)


class CommitByItself(VolumeFilesTest):
    def test_what_nobody_synchronizes_lasts_after_some_time(self):
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), *self.options(), FILES, "write_and_wait", "/data"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        try:
            self.assertEqual(process.stdout.readline(), b"written\n")
            # Looked at from outside, again and again, since the machine says nothing.
            copy, until = self.folder / "copy", time.monotonic() + LIMIT
            found = b""
            while time.monotonic() < until and found != b"not synchronized":
                time.sleep(0.5)
                shutil.copyfile(self.volume, copy)
                self.execute(volume_tool("e2fsck"), "-f", "-y", copy)
                found = self.contents("/unsynced", copy) if "unsynced" in self.names(copy) else b""
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(found, b"not synchronized")
        self.recover(self.volume)
        self.assertEqual(self.contents("/unsynced"), b"not synchronized")

    def names(self, volume):
        return self.execute(volume_tool("debugfs"), "-R", "ls -p /", volume).text


class OtherVolumes(VolumeFilesTest):
    """Volumes that were not made for us."""

    def made(self, *options):
        self.check(self.execute(volume_tool("mke2fs"), "-q", "-F", *options, self.volume))

    def refused(self, message):
        result = self.run_program(FOLDER, "write", "/data/f", "x", options=self.options())
        self.check(result, 125, output=b"")
        self.assertIn(message, result.error_text)

    def test_features_that_are_not_known(self):
        for feature in ("inline_data", "encrypt", "casefold", "mmp", "bigalloc"):
            with self.subTest(feature):
                self.made("-t", "ext4", "-O", feature)
                self.refused("features that are not known")

    def test_features_with_which_it_can_only_be_read(self):
        self.made("-t", "ext4", "-O", "quota")
        result = self.run_program(FOLDER, "write", "/data/f", "x", options=self.options())
        self.check(result, 1, output="Read-only file system", errors="features for which it can only be read")

    def test_journal_for_fast_commits(self):
        self.made("-t", "ext4", "-O", "fast_commit")
        self.assertEqual(self.output_of(FILES, "holes", "/data"), "holes right\n")

    def test_no_file_system(self):
        self.volume.write_bytes(b"no file system! " * 100_000)
        self.refused("there is no ext4 volume")

    def test_too_short(self):
        with open(self.volume, "r+b") as file:
            file.truncate(8 << 20)
        self.refused("it is damaged")

    def test_empty(self):
        self.volume.write_bytes(b"")
        self.refused("")

    def test_journal_that_linux_left(self):
        """debugfs writes a transaction as Linux would: we replay it."""
        number = int(self.execute(volume_tool("debugfs"), "-R", "bmap <2> 0", self.volume).text)
        image = self.volume.read_bytes()
        table = self.write("table", image[number * 4096:(number + 1) * 4096])
        commands = self.write("commands", f"jo\njw -b {number} {table}\njc\n")
        self.check(self.execute(volume_tool("debugfs"), "-w", "-f", commands, self.volume))
        # Without the journal the root directory is lost.
        spoiled = bytearray(self.volume.read_bytes())
        spoiled[number * 4096:(number + 1) * 4096] = bytes(4096)
        self.volume.write_bytes(spoiled)
        result = self.run_program(FOLDER, "write", "/data/f", "x", options=self.options())
        self.check(result, errors="recovered 1 transactions")
        self.check_sound(self.volume)


class ManyFiles(VolumeFilesTest):
    size = "2G"  # which has 131072 inodes

    def test_many(self):
        many = 100_000 if ON_CELL else 30_000  # emulation takes its time
        text = self.output_of(FOLDER, "many", "/data", many, options=["--memory", "1G"], limit=500)
        self.assertEqual(text, f"{many + 1} files\nsum {(many - 1) * many // 2}\n")


class VolumeGuestTests(VolumeFilesTest):
    """The tests of other parts of the system, on a volume."""
    size = "256M"

    def operations(self, path):
        if not path.exists():
            raise unittest.SkipTest(f"{path} was not built")
        result = self.run_program(path, "/data", options=[*self.options(), "--cpus", "2"], limit=200)
        self.check(result, output=", 0 failed, 0 groups skipped$", errors=b"")
        self.check_sound(self.volume)

    def test_operations(self):
        self.operations(BUILD / "guest" / "guest_file_operations")

    def test_operations_with_checked_locks(self):
        """The kernel of the lock_order tests, built beside the other one."""
        self.operations(BUILD / "checked" / "file_operations")


if __name__ == "__main__":
    unittest.main()
