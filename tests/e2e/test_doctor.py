"""`eremite doctor`: what this host can do."""

from support import CommandTest, clean_environment


class Doctor(CommandTest):
    def test_here(self):
        result = self.eremite("doctor")
        lines = [r"^ok +QEMU +QEMU emulator version \d", r"^(ok|warn) +KVM", r"^ok +for microvm +(tcg|kvm) is used",
                 r"^ok +monitor +(qemu|cell) is used",
                 r"^ok +tcg trial +a tiny image booted", r"^(ok|warn) +clock", r"^(ok|warn) +gdb", r"^Programs can be run here\.$"]
        self.check(result, output=lines, errors=b"")
        for line in result.text.splitlines()[:-1]:
            self.assertRegex(line, r"^(ok  |warn|fail)  \S")

    def test_without_qemu(self):
        empty = self.folder / "empty"
        empty.mkdir()
        result = self.eremite("doctor", env=clean_environment(PATH=str(empty)))
        lines = [r"^fail +QEMU +not installed; sudo apt-get install qemu-system-x86$",
                 r"^warn +g\+\+ +not installed.*apt-get install g\+\+", r"^Programs cannot be run here\.$"]
        self.check(result, 1, output=lines, errors=b"")

    def test_with_a_qemu_that_does_not_start(self):
        self.write("bin/qemu-system-x86_64", "#!/bin/sh\necho broken >&2\nexit 3\n", 0o755)
        result = self.eremite("doctor", env=clean_environment(PATH=str(self.folder / "bin")))
        self.check(result, 1, output=[r"^fail +QEMU .*does not start", r"^Programs cannot be run here\.$"])
