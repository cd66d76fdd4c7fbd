"""--dry-run prints a command that really works when a shell runs it."""

import pathlib
import shlex

from support import HELLO, CommandTest, clean_environment, program


class DryRun(CommandTest):
    def printed(self, image, *arguments, options=(), **how):
        result = self.eremite("run", "--accel", "tcg", "--dry-run", *options, image, "--", *arguments, **how)
        self.check(result, errors=b"")
        self.assertEqual(result.text.count("\n"), 1, str(result))
        return result.text

    def through_a_shell(self, line, status, **expected):
        # The debug-exit device doubles the status and adds one.
        return self.check(self.execute("sh", "-c", line), 2 * status + 1, **expected)

    def test_hello(self):
        self.through_a_shell(self.printed(HELLO), 0, output=b"hello world\n", errors=b"")

    def test_nothing_is_started(self):
        line = self.printed(HELLO)
        self.assertIn("qemu-system-x86_64", line)
        self.assertNotIn("hello world", line)

    def test_exit_status(self):
        self.through_a_shell(self.printed(program("exit_status"), 7), 7, output=b"", errors=b"")

    def test_awkward_arguments(self):
        words = ["two words", "it's", '"', "$HOME", "`id`", "\\", "", "a,b", "*", "--"]
        line = self.printed(program("arguments"), *words, options=["--env", "NAME=it's a value"])
        result = self.through_a_shell(line, 0, errors=b"", output="^variable 17 \\[NAME=it's a value\\]$")
        for word in words:
            self.assertIn(f"argument {len(word)} [{word}]\n", result.text)

    def test_unmodified_executable(self):
        self.through_a_shell(self.printed(program("exit_status_static"), 8), 8, output=b"", errors=b"")

    def test_files_are_kept_for_it(self):
        self.write("files/one", "1")
        cache = self.folder / "cache"
        env = clean_environment(XDG_CACHE_HOME=str(cache))
        line = self.printed(program("list_files"), "/one", options=["--files", self.folder / "files"], env=env)
        self.through_a_shell(line, 0, output="^file 0644 /one 1 ", errors=b"")
        words = shlex.split(line)
        self.assertTrue(pathlib.Path(words[words.index("-initrd") + 1]).is_relative_to(cache))

    def test_q35(self):
        self.through_a_shell(self.printed(HELLO, options=["--machine", "q35"]), 0, output=b"hello world\n", errors=b"")

    def test_options_are_in_it(self):
        words = shlex.split(self.printed(HELLO, options=["--memory", "77M", "--cpus", "3", "--gdb=4321", "--machine", "q35"]))
        self.assertEqual(words[words.index("-m") + 1], "77M")
        self.assertEqual(words[words.index("-smp") + 1], "3")
        self.assertEqual(words[words.index("-M") + 1], "q35")
        self.assertIn(":4321", words[words.index("-gdb") + 1])
        self.assertIn("-S", words)
