"""Volumes: files that hold a file system (eremite volume create, --volume)."""

import subprocess

from support import COMMAND, HELLO, MONITOR, VolumeTest, clean_environment, program, qemu_only, volume_tool

IMAGE = program("shared_folder")


class MountedVolumeTest(VolumeTest):
    def setUp(self):
        super().setUp()
        self.volume = self.create(size="256M")

    def mounted(self, *arguments, suffix="", options=(), image=IMAGE, **how):
        return self.run_program(image, *arguments, options=["--volume", f"{self.volume}:/data{suffix}", *options], **how)

    def output_of(self, *arguments, **how):
        text = self.check(self.mounted(*arguments, **how), errors=b"").text
        self.check_sound(self.volume)
        return text


class Volume(MountedVolumeTest):
    def test_lasts(self):
        self.output_of("write", "/data/a file, ü", "from the first machine")
        self.assertEqual(self.output_of("read", "/data/a file, ü"), "from the first machine")
        self.assertEqual(self.output_of("read", "/data/a file, ü", suffix=":ro"), "from the first machine")

    def test_is_what_linux_finds(self):
        self.output_of("write", "/data/f", "contents")
        self.dump(self.volume, "/f", self.folder / "f")
        self.assertEqual((self.folder / "f").read_text(), "contents")

    @qemu_only
    def test_on_q35(self):
        self.output_of("write", "/data/f", "by PCI", options=["--machine", "q35"])
        self.assertEqual(self.output_of("read", "/data/f"), "by PCI")

    def test_of_an_unmodified_executable(self):
        self.output_of("write", "/data/f", "contents")
        self.check(self.mounted("/data", image=program("list_files_static")), output="^file 0644 /data/f 8 ", errors=b"")

    def test_several_and_one_below_the_other(self):
        below = self.create("below")
        self.output_of("write", "/data/x/y/f", "deep", options=["--volume", f"{below}:/data/x/y"])
        self.check_sound(below)
        self.check(self.run_program(IMAGE, "read", "/v/f", options=["--volume", f"{below}:/v"]), output=b"deep")

    def test_sparse(self):
        self.assertEqual(self.output_of("sparse", "/data/f"), f"size {(5 << 30) + 3}, few blocks: 1, zeros: 1\n")

    def test_used_without_a_name(self):
        self.assertEqual(self.output_of("unlinked", "/data"), "links 0, size 7, read 7 1\n")

    def test_read_only(self):
        self.output_of("write", "/data/file", "fixed")
        before = self.volume.read_bytes()
        text = self.output_of("refusals", "/data", suffix=":ro")
        for what in ("open to write", "create", "unlink", "mkdir", "rename", "truncate", "chmod"):
            self.assertIn(f"{what} Read-only file system\n", text)
        self.assertTrue(text.endswith("fixed\n"), text)
        self.assertEqual(self.volume.read_bytes(), before)

    def test_program_that_dies(self):
        result = self.mounted("write_null", image=program("faults"))
        self.assertEqual(result.status, 128 + 11, str(result))
        self.check_sound(self.volume)


class VolumeAtWork(MountedVolumeTest):
    def test_many_small_files(self):
        # With lost+found.
        self.assertEqual(self.output_of("many", "/data", 5000, limit=200), f"5001 files\nsum {4999 * 5000 // 2}\n")

    def test_threads(self):
        self.assertEqual(self.output_of("threads", "/data", 6, options=["--cpus", "2"], limit=120), "common right\n")

    def test_larger_than_memory(self):
        self.assertEqual(self.output_of("large", "/data/f", 96, options=["--memory", "48M"], limit=200), "96 MiB\n")


class VolumeMistakes(VolumeTest):
    def refused(self, *options, message, status=2):
        result = self.check(self.run_program(HELLO, options=options), status=status, output=b"")
        self.assertIn(message, result.error_text)

    def test_missing_file(self):
        self.refused("--volume", "/does/not/exist:/data", message="`eremite volume create /does/not/exist --size 1G` makes one")

    def test_folder(self):
        self.refused("--volume", f"{self.folder}:/data", message="--mount is for folders")

    def test_syntax(self):
        volume = self.create()
        for text in (str(volume), f"{volume}:data", ":/data", f"{volume}:ro"):
            self.refused("--volume", text, message="write FILE:/path or FILE:/path:ro")

    def test_no_file_system(self):
        empty = self.write("empty", bytes(1 << 20))
        self.refused("--volume", f"{empty}:/data", message="there is no ext4 volume", status=125)

    def test_two_machines(self):
        volume = self.create()
        command = [COMMAND, "run", *MONITOR, "--timeout", "60", "--volume", f"{volume}:/data", program("copy_input"), "say"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment()) as first:
            self.assertEqual(first.stdout.readline(), b"ready\n")
            self.refused("--volume", f"{volume}:/data", message="another machine has this volume", status=125)
            first.stdin.close()
            self.assertEqual(first.wait(60), 0)
        self.check_sound(volume)


class VolumeCreate(VolumeTest):
    def test_volume(self):
        path = self.folder / "a volume, ü"
        self.check(self.eremite("volume", "create", path, "--size", "1G", "--label", "name"), output=b"", errors=b"")
        self.assertEqual(path.stat().st_size, 1 << 30)
        self.assertLess(path.stat().st_blocks * 512, 64 << 20)
        self.check_sound(path)
        self.check(self.execute(volume_tool("debugfs"), "-R", "stats", path), output="name: *name$")

    def test_file_that_exists(self):
        path = self.write("file", "mine")
        self.check(self.eremite("volume", "create", path, "--size", "64M"), 125, output=b"", errors="there is such a file already")
        self.assertEqual(path.read_text(), "mine")

    def test_mistakes(self):
        path = self.folder / "volume"
        for words, message in ((["--size", "1M"], "8 MiB or more"), (["--size", "x"], "--size x"), ([], "--size"),
                               (["--size", "64M", "--label", "x" * 17], "longer than 16 bytes")):
            with self.subTest(words):
                self.check(self.eremite("volume", "create", path, *words), 2, output=b"", errors=message)
                self.assertFalse(path.exists())

    def test_folder_that_does_not_exist(self):
        self.check(self.eremite("volume", "create", "/does/not/exist", "--size", "64M"), 125, output=b"", errors="No such file or directory")
