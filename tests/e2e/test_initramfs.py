"""Archives that QEMU hands over: empty, damaged, or too large."""

import gzip

from support import HELLO, CommandTest, program


def cpio(files):
    """An archive in the "newc" format."""
    data = b""
    for inode, (name, contents) in enumerate([*files, ("TRAILER!!!", b"")], 1):
        fields = [inode, 0o100644, 0, 0, 1, 0, len(contents), 0, 0, 0, 0, len(name) + 1, 0]
        data += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        data += b"\0" * (-len(data) % 4) + contents
        data += b"\0" * (-len(data) % 4)
    return data


class ArchiveTest(CommandTest):
    def boot(self, archive, image=HELLO, *arguments, **how):
        path = self.write("archive", archive)

        def change(words):
            words[words.index("-append"):words.index("-append")] = ["-initrd", str(path)]

        return self.raw_qemu(image, *arguments, change=change, **how)


class Intact(ArchiveTest):
    def test_files_are_there(self):
        result = self.boot(cpio([("one", b"1"), ("two", b"22")]), program("list_files"), "/one", "/two")
        self.check(result, output=[r"^file 0644 /one 1 ", r"^file 0644 /two 2 "])

    def test_empty_file(self):
        self.check(self.boot(b""), output=b"hello world\n", errors=b"")

    def test_only_a_trailer(self):
        self.check(self.boot(cpio([])), output=b"hello world\n", errors=b"")

    def test_only_zeros(self):
        self.check(self.boot(b"\0" * 4096), output=b"hello world\n", errors=b"")

    def test_two_archives_one_behind_the_other(self):
        result = self.boot(cpio([("one", b"1")]) + b"\0" * 512 + cpio([("two", b"22")]), program("list_files"), "/one", "/two")
        self.check(result, output=[r"^file 0644 /one 1 ", r"^file 0644 /two 2 "])


class Damaged(ArchiveTest):
    def refuse(self, archive, *errors):
        self.check(self.boot(archive), 125, output=b"", errors=["initramfs", *errors])

    def test_not_an_archive(self):
        self.refuse(b"this is no archive at all" * 100, "no archive header", "offset 0")

    def test_truncated_at_many_lengths(self):
        archive = cpio([("file", b"contents" * 100), ("other", b"more")])
        for length in (3, 50, 109, 112, 300, len(archive) - 130):
            with self.subTest(length):
                self.refuse(archive[:length], "truncated")

    def test_trailer_missing(self):
        archive = cpio([("file", b"contents")])
        self.refuse(archive[:archive.index(b"070701", 10)], "trailer")

    def test_number_malformed(self):
        self.refuse(cpio([("file", b"contents")]).replace(b"000081a4", b"0000zzzz"), "malformed number")

    def test_magic_of_the_second_entry(self):
        archive = bytearray(cpio([("file", b"contents"), ("other", b"more")]))
        second = archive.index(b"070701", 10)
        archive[second:second + 6] = b"999999"
        self.refuse(bytes(archive), "no archive header", f"offset {second}")

    def test_compressed(self):
        self.refuse(gzip.compress(cpio([("file", b"contents")])), "compressed")

    def test_size_beyond_the_end(self):
        self.refuse(cpio([("file", b"contents")]).replace(b"00000008", b"ffffffff", 1), "truncated")


class TooLarge(ArchiveTest):
    def test_for_the_machine_to_unpack(self):
        result = self.boot(cpio([("big", b"x" * (20 << 20))]), options=["--memory", "32M"])
        said = r"too little memory to start: the machine has 32 MiB; \d+ MiB should do"
        self.check(result, 125, output=b"", errors=["initramfs: no room", said])
