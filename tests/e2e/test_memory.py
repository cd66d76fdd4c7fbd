"""How little memory is enough, and what is said where it is not."""

import pathlib
import re
import subprocess
import time

from support import COMMAND, HELLO, LIMIT, MONITOR, CommandTest, cell_only, children_of, clean_environment, program

# What the kernel says.
TOO_LITTLE = r"too little memory to start: the machine has (\d+) MiB; (\d+) MiB should do"


class SmallestMemory(CommandTest):
    def smallest(self, image, options=()):
        """What the command itself says is the least."""
        refused = self.check(self.run_program(image, options=["--memory", "1M", *options]), 125, output=b"",
                             errors=r"needs at least \d+ MiB .*--memory gives 1 MiB: use --memory \d+M or more")
        return int(re.search(r"use --memory (\d+)M", refused.error_text)[1])

    def test_hello_in_8_mib(self):
        self.check(self.run_program(HELLO, options=["--memory", "8M"]), output=b"hello world\n", errors=b"")

    def test_image_boots_with_what_is_named(self):
        least = self.smallest(HELLO)
        self.assertLessEqual(least, 8)
        self.check(self.run_program(HELLO, options=["--memory", f"{least}M"]), output=b"hello world\n", errors=b"")
        self.check(self.run_program(HELLO, options=["--memory", f"{least - 1}M"]), 125, output=b"", errors="needs at least")

    def test_unmodified_executable_boots_with_what_is_named(self):
        least = self.smallest(program("hello_static"))
        self.check(self.run_program(program("hello_static"), options=["--memory", f"{least}M"]), output=b"hello world\n", errors=b"")

    def test_files_count(self):
        self.write("files/big", b"x" * (16 << 20))
        files = ["--files", str(self.folder / "files")]
        least = self.smallest(HELLO, files)
        self.assertGreaterEqual(least, 16)
        # The archive and its contents side by side.
        self.check(self.run_program(HELLO, options=[*files, "--memory", f"{2 * least}M"]), output=b"hello world\n", errors=b"")

    def test_files_that_can_be_loaded_but_not_unpacked(self):
        self.write("files/big", b"x" * (16 << 20))
        files = ["--files", str(self.folder / "files")]
        result = self.run_program(HELLO, options=[*files, "--memory", "24M"])
        self.check(result, 125, output=b"", errors=TOO_LITTLE)
        has, enough = map(int, re.search(TOO_LITTLE, result.error_text).groups())
        self.assertEqual(has, 24)
        self.check(self.run_program(HELLO, options=[*files, "--memory", f"{enough}M"]), output=b"hello world\n", errors=b"")

    def test_much_memory(self):
        self.check(self.run_program(HELLO, options=["--memory", "2G"]), output=b"hello world\n", errors=b"")


class Exhaustion(CommandTest):
    def exhaust(self, memory):
        result = self.run_program(program("exhaust_memory"), options=["--memory", f"{memory}M"])
        self.check(result, output=[r"^caught std::bad_alloc$", r"^\d+ MiB, and \d+ MiB again$"], errors=b"")
        pieces, again = map(int, re.search(r"(\d+) MiB, and (\d+)", result.text).groups())
        # Little of the machine is the kernel's, and what was given back is there again.
        self.assertGreater(pieces, memory // 2)
        self.assertLess(pieces, memory)
        self.assertEqual(again, pieces // 2)

    def test_exception_is_caught(self):
        self.exhaust(32)

    def test_in_a_large_machine(self):
        self.exhaust(300)


class Balloon(CommandTest):
    """--balloon: what a program does not use any more goes back to the host."""

    @cell_only
    def test_freed_memory_comes_back(self):
        run = subprocess.Popen([COMMAND, "run", *MONITOR, "--balloon", "--memory", "256M", program("idle_memory")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        for stream in (run.stdin, run.stdout, run.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.assertEqual(run.stdout.readline(), b"used\n")
        status = pathlib.Path(f"/proc/{children_of(run.pid)[0]}/status")

        def resident_memory():
            return int(re.search(r"^RssAnon:\s+(\d+) kB$", status.read_text(), re.MULTILINE)[1]) << 10

        self.assertGreater(resident_memory(), 64 << 20)
        run.stdin.write(b"x")
        run.stdin.flush()
        end = time.monotonic() + LIMIT
        while resident_memory() > 24 << 20:
            self.assertLess(time.monotonic(), end, f"the machine still has {resident_memory() >> 20} MiB")
            time.sleep(0.1)
        # It has the rest of its memory still.
        run.stdin.close()
        self.assertEqual(run.wait(LIMIT), 0, run.stderr.read())
