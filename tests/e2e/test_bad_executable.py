"""Files that are no programs for Eremite: the reason is said, nothing is started, and the status is that of a shell."""

import os
import pathlib
import struct
import unittest

from support import HELLO, CommandTest, program

NOT_RUNNABLE, NOT_FOUND = 126, 127


class BadFileTest(CommandTest):
    def refuse(self, path, *errors, status=NOT_RUNNABLE, subcommand="run"):
        result = self.check(self.eremite(subcommand, path), status, output=b"", errors=list(errors))
        self.assertTrue(result.error_text.startswith("eremite: "), str(result))
        self.assertEqual(result.error_text.count("\n"), 1, f"more than one line{result}")
        self.assertIn(str(path), result.error_text)

    def patched(self, offset, value):
        data = bytearray(pathlib.Path(HELLO).read_bytes())
        data[offset:offset + len(value)] = value
        return self.write("patched", bytes(data), 0o755)


class NotAnExecutable(BadFileTest):
    def test_text(self):
        self.refuse(self.write("notes.txt", "just some text, longer than the header of an ELF file would be\n" * 4), "no ELF file")

    def test_script(self):
        self.refuse(self.write("script", "#!/bin/sh\necho no\n", 0o755), "no ELF file")

    def test_empty_file(self):
        self.refuse(self.write("empty", b""), "empty")

    def test_object_file(self):
        self.refuse(self.patched(16, struct.pack("<H", 1)), "object file")

    def test_no_program_headers(self):
        self.refuse(self.patched(56, struct.pack("<H", 0)), "no program headers")

    def test_folder(self):
        self.refuse(self.folder, "folder")

    def test_not_there(self):
        self.refuse(self.folder / "nothing", "no such file", status=NOT_FOUND)

    def test_below_a_file(self):
        self.refuse(self.write("file", "x") / "nothing", "no such file", status=NOT_FOUND)

    def test_link_to_nowhere(self):
        link = self.folder / "link"
        link.symlink_to("nowhere")
        self.refuse(link, "no such file", status=NOT_FOUND)

    def test_device(self):
        self.refuse("/dev/null", "not a regular file")

    def test_info_refuses_the_same(self):
        self.refuse(self.write("notes.txt", "just some text\n"), "no ELF file", subcommand="info")
        self.refuse(self.folder, "folder", subcommand="info")
        self.refuse(self.folder / "nothing", "no such file", status=NOT_FOUND, subcommand="info")


class Unreadable(BadFileTest):
    @unittest.skipIf(os.geteuid() == 0, "root may read every file")
    def test_no_permission(self):
        self.refuse(self.write("secret", pathlib.Path(HELLO).read_bytes(), 0o000), "Permission denied")


class Truncated(BadFileTest):
    def cut(self, length):
        return self.write(f"cut-{length}", pathlib.Path(HELLO).read_bytes()[:length], 0o755)

    def test_inside_the_magic(self):
        for length in (1, 3):
            with self.subTest(length):
                self.refuse(self.cut(length), "no ELF file")

    def test_at_many_lengths(self):
        size = pathlib.Path(HELLO).stat().st_size
        for length in (4, 5, 16, 63, 64, 100, 119, 120, 1000, 4096, size // 4, size // 2, size - 4096, size - 1):
            with self.subTest(length):
                self.refuse(self.cut(length), "truncated")

    def test_static_executable(self):
        data = pathlib.Path(program("hello_static")).read_bytes()
        self.refuse(self.write("cut", data[:len(data) // 2], 0o755), "truncated")


class OtherMachine(BadFileTest):
    def test_32_bit(self):
        self.refuse(self.patched(4, b"\1"), "32-bit", "64-bit")

    def test_arm(self):
        self.refuse(self.patched(18, struct.pack("<H", 183)), "another architecture", "x86-64")

    def test_big_endian(self):
        self.refuse(self.patched(5, b"\2"), "another architecture")


class Dynamic(BadFileTest):
    def test_says_what_to_do(self):
        self.refuse(program("hello_dynamic"), "dynamic", "-static", r"eremite-c\+\+")

    def test_info_describes_it(self):
        self.check(self.eremite("info", program("hello_dynamic")), output=["dynamic executable", "cannot run.*-static"], errors=b"")


class HandedToTheKernel(CommandTest):
    """The kernel itself, when a machine was started by hand with a file that the command would not have taken."""


    def boot(self, data, *errors):
        path = self.write("initrd", data)

        def change(words):
            words[words.index("-initrd") + 1] = str(path)

        self.check(self.raw_qemu(program("hello_static"), change=change), 125, output=b"", errors=list(errors))

    def test_truncated(self):
        data = pathlib.Path(program("hello_static")).read_bytes()
        for length in (20, 63, 100, len(data) // 2):
            with self.subTest(length):
                self.boot(data[:length], "hello_static cannot be run: it is (truncated|too short)")

    def test_32_bit(self):
        data = bytearray(pathlib.Path(program("hello_static")).read_bytes())
        data[4] = 1
        self.boot(bytes(data), "hello_static cannot be run: it is not for x86-64")

    def test_dynamic(self):
        self.boot(pathlib.Path(program("hello_dynamic")).read_bytes(), "cannot be run: it is dynamically linked: link it with -static")

    def test_no_program_at_all(self):
        def change(words):
            at = words.index("-initrd")
            del words[at:at + 2]

        self.check(self.raw_qemu(program("hello_static"), change=change), 125, errors="there is no program")
