"""Folders of the host that the program sees (--mount)."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from support import BUILD, COMMAND, HELLO, LIMIT, MONITOR, ON_CELL, CommandTest, clean_environment, descendants_of, program, qemu_only, unittest

IMAGE = program("shared_folder")
MAPS = program("mapped_folder")


class MountTest(CommandTest):
    share = "virtio-fs" if ON_CELL else "9p"

    def setUp(self):
        super().setUp()
        self.shared = self.folder / "shared, folder: ä"
        self.shared.mkdir()

    def mounted(self, *arguments, suffix="", options=(), image=IMAGE, **how):
        return self.run_program(image, *arguments, options=["--share", self.share, "--mount", f"{self.shared}:/data{suffix}", *options], **how)

    def output_of(self, *arguments, **how):
        return self.check(self.mounted(*arguments, **how), errors=b"").text


class Mount(MountTest):
    def test_written_inside_and_read_outside(self):
        self.output_of("write", "/data/a file, ü", "from inside")
        self.assertEqual((self.shared / "a file, ü").read_text(), "from inside")

    def test_written_outside_and_read_inside(self):
        (self.shared / "sub folder").mkdir()
        contents = bytes(range(256)) * (200 if ON_CELL else 5000)  # each byte of output takes an exit by KVM
        (self.shared / "sub folder/名前").write_bytes(contents)
        result = self.check(self.mounted("read", "/data/sub folder/名前"), errors=b"")
        self.assertEqual(result.output, contents)

    @qemu_only
    def test_on_q35(self):
        (self.shared / "f").write_text("by PCI")
        self.assertEqual(self.output_of("read", "/data/f", options=["--machine", "q35"]), "by PCI")

    def test_of_an_unmodified_executable(self):
        (self.shared / "f").write_text("contents")
        result = self.mounted("/data", image=program("list_files_static"))
        self.check(result, output="^file 0644 /data/f 8 ", errors=b"")

    def test_several_folders(self):
        other = self.folder / "other"
        other.mkdir()
        (other / "f").write_text("the other")
        self.output_of("write", "/else/where/g", "deep", options=["--mount", f"{other}:/else/where"])
        self.assertEqual((other / "g").read_text(), "deep")
        self.assertEqual(self.output_of("read", "/data/x/f", options=["--mount", f"{other}:/data/x"]), "the other")
        self.assertTrue((self.shared / "x").is_dir(), "the mount point was created")

    def test_relative_folder(self):
        (self.shared / "f").write_text("near")
        result = self.run_program(IMAGE, "read", "/d/f", options=["--share", self.share, "--mount", ".:/d"], cwd=self.shared)
        self.check(result, output=b"near", errors=b"")

    def test_beside_files(self):
        self.write("files/data/hidden", "x")
        (self.shared / "f").write_text("on top")
        self.assertEqual(self.output_of("read", "/data/f", options=["--files", self.folder / "files"]), "on top")

    def test_sparse(self):
        self.assertEqual(self.output_of("sparse", "/data/f"), f"size {(5 << 30) + 3}, few blocks: 1, zeros: 1\n")
        self.assertEqual((self.shared / "f").stat().st_size, (5 << 30) + 3)

    def test_used_without_a_name(self):
        self.assertEqual(self.output_of("unlinked", "/data"), "links 0, size 7, read 7 1\n")
        self.assertEqual(os.listdir(self.shared), [])

    def test_read_only(self):
        (self.shared / "file").write_text("fixed")
        (self.shared / "file").chmod(0o640)
        text = self.output_of("refusals", "/data", suffix=":ro")
        for what in ("open to write", "create", "unlink", "mkdir", "rename", "truncate", "chmod"):
            self.assertIn(f"{what} Read-only file system\n", text)
        self.assertTrue(text.endswith("fixed\n"), text)
        self.assertEqual(os.listdir(self.shared), ["file"])
        self.assertEqual((self.shared / "file").stat().st_mode & 0o777, 0o640)


class MountAtWork(MountTest):
    def test_many_small_files(self):
        (self.shared / "many").mkdir()
        text = self.output_of("many", "/data/many", 10000, limit=200)
        self.assertEqual(text, f"10000 files\nsum {9999 * 10000 // 2}\n")
        self.assertEqual(sorted(os.listdir(self.shared / "many")), sorted(f"file {i}" for i in range(0, 10000, 10)))

    def test_threads(self):
        self.assertEqual(self.output_of("threads", "/data", 6, options=["--cpus", "2"], limit=120), "common right\n")
        lines = (self.shared / "log").read_text().splitlines()
        for i in range(6):
            self.assertEqual(lines.count(f"thread {i}"), 40)
            self.assertEqual((self.shared / f"own {i}").read_text(), chr(ord("a") + i) * 5000 * 40)

    def test_larger_than_memory(self):
        self.assertEqual(self.output_of("large", "/data/f", 96, options=["--memory", "48M"], limit=200), "96 MiB\n")


def need_daemon():
    if os.geteuid() != 0:
        raise unittest.SkipTest("virtiofsd needs root")
    if not any(map(shutil.which, ("virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"))):
        raise unittest.SkipTest("virtiofsd is not installed")


class MountByVirtioFs(Mount):
    share = "virtio-fs"

    def setUp(self):
        need_daemon()
        super().setUp()

    def test_read_only(self):
        result = self.check(self.mounted("refusals", "/data", suffix=":ro"), status=125, output=b"")
        self.assertIn("virtiofsd cannot make a folder read-only", result.error_text)


class MountByVirtioFsAtWork(MountAtWork):
    share = "virtio-fs"

    def setUp(self):
        need_daemon()
        super().setUp()


class MappedFiles(MountTest):
    def setUp(self):
        super().setUp()
        self.before = bytes(i * 7 % 251 for i in range(256 * 1024))
        (self.shared / "f").write_bytes(self.before)

    @contextlib.contextmanager
    def started(self, *arguments, suffix=""):
        """The program at work, whose output comes line by line."""
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), "--share", self.share, "--mount", f"{self.shared}:/data{suffix}", MAPS, "--"]
        process = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def test_shared(self):
        self.assertEqual(self.output_of("shared", "/data/f", image=MAPS), "shared\n")
        after = bytearray(self.before)
        after[4094:4098] = b"MARK"
        after[8192:8196] = b"file"
        after[12288:12292] = b"LATE"
        self.assertEqual((self.shared / "f").read_bytes(), after)

    def test_private(self):
        self.assertEqual(self.output_of("private", "/data/f", image=MAPS), "private\n")
        self.assertEqual((self.shared / "f").read_bytes(), self.before)

    def test_memory_that_is_not_there_yet(self):
        self.assertEqual(self.output_of("transfers", "/data/f", image=MAPS), "transfers\n")

    def test_larger_than_memory(self):
        self.assertEqual(self.output_of("large", "/data/l", 96, image=MAPS, options=["--memory", "48M"], limit=200), "96 MiB\n")

    def test_file_that_stays_open(self):
        after = bytearray(self.before)
        after[0:4] = b"file"
        after[4096:4100] = b"MARK"
        with self.started("open", "/data/f") as process:
            self.assertEqual(process.stdout.readline(), b"written\n")
            end = time.monotonic() + LIMIT
            while (self.shared / "f").read_bytes() != after and time.monotonic() < end:
                time.sleep(0.1)
            self.assertEqual((self.shared / "f").read_bytes(), after)
            output, errors = process.communicate(b"\n", timeout=LIMIT)
        self.assertEqual(output, b"still open\n", errors.decode(errors="replace"))

    def test_program_that_is_killed(self):
        after = bytearray(self.before)
        after[0:4] = b"file"
        after[4096:4100] = b"MARK"
        for number in (signal.SIGKILL, signal.SIGTERM):
            (self.shared / "f").write_bytes(self.before)
            self.check(self.mounted("killed", "/data/f", int(number), image=MAPS), output="written\n", status=128 + number, errors=None)
            self.assertEqual((self.shared / "f").read_bytes(), after)

    def test_disk_that_is_full(self):
        if os.geteuid() != 0:
            raise unittest.SkipTest("mounting a small tmpfs needs root")
        mount = self.execute("mount", "-t", "tmpfs", "-o", "size=2M", "none", self.shared)
        if mount.status != 0:
            raise unittest.SkipTest(f"a small tmpfs cannot be mounted: {mount.error_text}")
        self.addCleanup(self.execute, "umount", self.shared)
        text = self.output_of("full", "/data/full", image=MAPS)
        self.assertRegex(text, "^write (taken|refused), fsync No space left on device, then Success\n$")


class MappedFilesByVirtioFs(MappedFiles):
    share = "virtio-fs"

    def setUp(self):
        need_daemon()
        super().setUp()

    @qemu_only
    def test_server_that_died(self):
        with self.started("orphan", "/data/f", suffix=":patience=5") as process:
            self.assertEqual(process.stdout.readline(), b"mapped\n")
            daemons = [pid for pid in descendants_of(process.pid) if "virtiofsd" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
            self.assertTrue(daemons, "virtiofsd is a child of the command")
            for pid in daemons:
                os.kill(pid, signal.SIGKILL)
            output, errors = process.communicate(b"\n", timeout=LIMIT)
        self.assertEqual(output, b"SIGBUS\n", errors.decode(errors="replace"))


class MountGuestTests(MountTest):
    """The tests of other parts of the system, on a mounted folder."""

    def guest_program(self, name):
        path = BUILD / "guest" / name
        if not path.exists():
            raise unittest.SkipTest(f"{path} was not built")
        return path

    def test_file_operations(self):
        image = self.guest_program("guest_file_ops")
        if not os.access("/dev/shm", os.W_OK):
            raise unittest.SkipTest("needs a tmpfs at /dev/shm")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            expected = self.check(self.execute(image, folder, "limited"))
            self.shared = pathlib.Path(folder)
            result = self.mounted("/data", "limited", image=image, limit=120)
            self.check(result, output=expected.output, errors=b"")
            self.assertEqual(os.listdir(folder), [])


class MountOperations(MountTest):
    """The one program of file operations. What a server lacks of Linux's file systems is named here, with the reason."""

    lacking = {
        "allocation": "9P2000.L has no fallocate()",
        "emptyxattr": "an empty value is how 9P2000.L removes an extended attribute",
        "exchange": "Trenameat has no flags",
        "holes": "9P2000.L cannot ask for data and holes",
        "special": "from the repair of CVE-2023-2861 up to 9.2, QEMU opens no special files, not even to finish making them",
        "tmpfile": "9P2000.L has no files without a name",
        "trusted": "QEMU passes on no trusted attributes",
    }

    def test_file_operations(self):
        image = BUILD / "guest/guest_file_operations"
        if not image.exists():
            raise unittest.SkipTest(f"{image} was not built")
        lacking = list(self.lacking)
        try:
            os.setxattr(self.shared, "user.probe", b"x")
        except OSError:
            lacking.append("xattr")
        # Without cached pages there is nothing that could be mapped.
        for mode, further in (("", []), (":uncached", ["mmap"])):
            with self.subTest(mode=mode or "cached"):
                result = self.mounted(f"--without={','.join(lacking + further)}", "/data", image=image, suffix=mode, options=["--cpus", "2"], limit=120)
                failed = [line for line in result.text.splitlines() if not line.startswith(("ok ", "skipped "))]
                self.assertRegex(failed[-1] if failed else "", "^[0-9]+ checks, 0 failed, ", "\n".join(failed) + result.error_text)
                self.check(result, errors=b"")
                self.assertEqual(os.listdir(self.shared), [])


class MountOperationsByVirtioFs(MountOperations):
    share = "virtio-fs"
    lacking = {
        "tmpfile": "FUSE_TMPFILE is newer than virtiofsd of QEMU 7.2",
        "trusted": "virtiofsd gives up the right to trusted attributes (CAP_SYS_ADMIN)",
    }

    def setUp(self):
        need_daemon()
        super().setUp()


class MountMistakes(MountTest):
    def refused(self, *options, message):
        result = self.check(self.run_program(HELLO, options=options), status=2, output=b"")
        self.assertIn(message, result.error_text)

    def test_missing_folder(self):
        self.refused("--mount", "/does/not/exist:/data", message="there is no folder /does/not/exist")

    def test_file(self):
        self.write("f", "x")
        self.refused("--mount", f"{self.folder}/f:/data", message="f is not a folder")

    def test_syntax(self):
        for text in (str(self.shared), f"{self.shared}:data", ":/data", f"{self.shared}:ro"):
            self.refused("--mount", text, message="write HOSTDIR:/path or HOSTDIR:/path:ro")

    @qemu_only
    def test_file_in_the_way(self):
        self.write("files/data", "x")
        result = self.check(self.mounted("read", "/data/f", options=["--files", self.folder / "files"]), status=125, output=b"")
        self.assertRegex(result.error_text, "mount0 cannot be mounted at /data: ")

    def test_device_that_is_not_there(self):
        def leave_out_device(words):
            for option in ("-fsdev", "-device"):
                at = next(i for i, word in enumerate(words) if word == option and "mount0" in words[i + 1])
                del words[at:at + 2]

        result = self.raw_qemu(IMAGE, "read", "/data/f", options=["--mount", f"{self.shared}:/data"], change=leave_out_device)
        self.check(result, status=125, output=b"")
        self.assertIn("mount0 cannot be mounted at /data: the machine has no 9p or virtio-fs device with this tag", result.error_text)

    @qemu_only
    def test_dry_run_shows_it(self):
        result = self.eremite("run", *MONITOR, "--dry-run", "--mount", f"{self.shared}:/data:ro", "--machine", "q35", HELLO)
        words = shlex.split(self.check(result, errors=b"").text)
        path = str(self.shared).replace(",", ",,")
        self.assertIn(f"local,id=mount0,path={path},security_model=none,multidevs=remap,readonly=on", words)
        self.assertIn("virtio-9p-pci,fsdev=mount0,mount_tag=mount0", words)
        self.assertIn(" mount=mount0:/data:ro ", words[words.index("-append") + 1])
