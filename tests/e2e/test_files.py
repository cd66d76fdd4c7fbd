"""A folder of the host becomes the program's files."""

import os
import random

from support import HELLO, MONITOR, CommandTest, program


class Files(CommandTest):
    def setUp(self):
        super().setUp()
        self.files = self.folder / "files"
        self.files.mkdir()

    def listing(self, *paths, image="list_files"):
        result = self.run_program(program(image), *paths, options=["--files", self.files])
        return self.check(result, errors=b"").text

    def host_listing(self):
        """The same program over the same files as a Linux process, with names as the machine has them."""
        result = self.check(self.execute(program("list_files"), "data", cwd=self.files))
        return result.text

    def make_tree(self):
        self.write("files/data/plain", "contents\n")
        self.write("files/data/empty", b"")
        self.write("files/data/sub/deeper/deepest/file", "far down")
        self.write("files/data/name with spaces, ä, 日本", "odd name")
        self.write("files/data/binary", bytes(range(256)) * 17)
        (self.files / "data/empty folder").mkdir()
        (self.files / "data/link").symlink_to("plain")
        (self.files / "data/absolute").symlink_to("/data/sub")
        (self.files / "data/dangling").symlink_to("nowhere")
        self.write("files/data/script", "#!/bin/sh\n", 0o755)
        self.write("files/data/private", "secret", 0o600)
        self.write("files/data/read only", "fixed", 0o444)
        (self.files / "data/sub").chmod(0o700)

    def in_the_machine(self, image="list_files"):
        return self.listing("/data", image=image).replace(" /data", " data").replace("-> data", "-> /data")

    def test_tree_is_the_host_s(self):
        self.make_tree()
        expected = self.host_listing()
        self.assertIn("file 0600 data/private 6 ", expected)
        self.assertIn("link data/dangling -> nowhere\n", expected)
        self.assertEqual(self.in_the_machine(), expected)

    def test_of_an_unmodified_executable(self):
        self.make_tree()
        self.assertEqual(self.in_the_machine("list_files_static"), self.host_listing())
        self.assertEqual(self.in_the_machine("list_files_static_pie"), self.host_listing())

    def test_link_is_followed(self):
        self.make_tree()
        self.assertIn("file 0644 /data/absolute/deeper/deepest/file 8 ", self.listing("/data/absolute/deeper"))

    def test_root_of_a_whole_system(self):
        for name in ("proc", "dev", "tmp", "etc"):
            (self.files / name).mkdir()
        self.write("files/etc/hostname", "somewhere\n")
        self.assertIn("file 0644 /etc/hostname 10 ", self.listing("/etc"))

    def test_relative_names_start_at_the_root(self):
        self.make_tree()
        self.assertEqual(self.listing("data"), self.host_listing())

    def test_big_file(self):
        self.write("files/data/big", random.Random(4).randbytes(24 << 20))
        self.assertEqual(self.in_the_machine(), self.host_listing())

    def test_many_files(self):
        for i in range(500):
            self.write(f"files/data/{i % 10}/{i}", f"file {i}\n" * i)
        self.assertEqual(self.in_the_machine(), self.host_listing())

    def test_hard_links_have_the_same_contents(self):
        self.write("files/data/one", "shared")
        os.link(self.files / "data/one", self.files / "data/two")
        self.assertEqual(self.in_the_machine(), self.host_listing())

    def test_empty_folder(self):
        result = self.run_program(HELLO, options=["--files", self.files])
        self.check(result, output=b"hello world\n", errors=b"")

    def test_standard_folders_stay(self):
        self.write("files/tmp/mine", "x")
        text = self.listing("/tmp", "/dev/null", "/proc/self/exe")
        self.assertIn("file 0644 /tmp/mine 1 ", text)
        self.assertIn("other /dev/null\n", text)
        self.assertIn("link /proc/self/exe -> ", text)

    def test_nothing_is_left_behind(self):
        self.make_tree()
        cache = self.folder / "cache"
        result = self.eremite("run", *MONITOR, "--files", self.files, HELLO, env={**os.environ, "XDG_CACHE_HOME": str(cache)})
        self.check(result, output=b"hello world\n")
        self.assertEqual([path.name for path in cache.rglob("*.cpio*")], [])
