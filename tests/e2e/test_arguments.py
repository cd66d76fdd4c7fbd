"""Arguments and environment reach the program as they are."""

import re

from support import MONITOR, CommandTest, program

AWKWARD = ["", " ", "two words", 'double "quotes"', "single 'quotes'", '"', '""', "back\\slash", "ends in \\", "\\n",
           "tab\there", "line\nbreak", "\x01\x7f", "$HOME `id` $(id)", "*?[]{}", "100%", "comma,comma,,",
           "-", "--", "---", "-x", "--memory", "a=b", "arg0=x", "virtio_mmio.device=4K@0x1:2",
           "äöü ß", "日本語", "🦀", "a" * 500]


class ArgumentTest(CommandTest):
    def words_of(self, result, kind):
        self.check(result, errors=b"")
        found = []
        rest = result.output
        while match := re.search(rb"^%s (\d+) \[" % kind, rest, re.MULTILINE):
            rest = rest[match.end():]
            length = int(match[1])
            found.append(rest[:length].decode())
            self.assertEqual(rest[length:length + 2], b"]\n")
            rest = rest[length:]
        return found


class Arguments(ArgumentTest):
    def test_awkward_ones(self):
        result = self.run_program(program("arguments"), *AWKWARD)
        self.assertEqual(self.words_of(result, b"argument")[1:], AWKWARD)

    def test_of_an_unmodified_executable(self):
        result = self.run_program(program("arguments_static"), *AWKWARD)
        self.assertEqual(self.words_of(result, b"argument")[1:], AWKWARD)

    def test_none(self):
        self.assertEqual(len(self.words_of(self.run_program(program("arguments")), b"argument")), 1)

    def test_program_s_own_name(self):
        self.assertEqual(self.words_of(self.run_program(program("arguments")), b"argument"), [program("arguments")])

    def test_without_the_mark(self):
        result = self.eremite("run", *MONITOR, program("arguments"), "--memory", "-x", "--", "y")
        self.assertEqual(self.words_of(result, b"argument")[1:], ["--memory", "-x", "--", "y"])

    def test_name_of_the_file_with_spaces_and_commas(self):
        copy = self.write("a folder, and more/the program, 100%", open(program("arguments"), "rb").read(), 0o755)
        self.assertEqual(self.words_of(self.run_program(copy, "x"), b"argument"), [str(copy), "x"])

    def test_many(self):
        words = [f"argument-{i}" for i in range(200)]
        self.assertEqual(self.words_of(self.run_program(program("arguments"), *words), b"argument")[1:], words)

    def test_too_long(self):
        result = self.run_program(program("arguments"), "x" * 100_000)
        self.check(result, 125, output=b"", errors=["too long", "--files"])


class Environment(ArgumentTest):
    def test_nothing_is_inherited(self):
        self.assertEqual(self.words_of(self.run_program(program("arguments")), b"variable"), [])

    def test_variables(self):
        variables = ["A=1", "EMPTY=", "SPACES=two words", "EQUALS=a=b=c", "UTF8=äöü", 'QUOTES="\'', "A.B=dots"]
        options = [word for variable in variables for word in ("--env", variable)]
        self.assertEqual(self.words_of(self.run_program(program("arguments"), options=options), b"variable"), variables)

    def test_of_an_unmodified_executable(self):
        result = self.run_program(program("arguments_static_pie"), "x", options=["--env", "NAME=a value"])
        self.assertEqual(self.words_of(result, b"variable"), ["NAME=a value"])
