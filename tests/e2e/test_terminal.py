"""On a terminal: the image edits lines itself, Ctrl-C ends it, and the terminal is afterwards as it was."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

from support import COMMAND, LIMIT, MONITOR, CommandTest, clean_environment, program


class Terminal(CommandTest):
    def start(self, *words):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.terminal, self.other_end = ours, theirs
        self.addCleanup(os.close, theirs)
        self.before = termios.tcgetattr(theirs)
        # A session of its own with this terminal, so that the signals of its keys arrive.
        script = 'import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])'
        command = [COMMAND, "run", *MONITOR, "--timeout", str(LIMIT), *words]
        self.child = subprocess.Popen([sys.executable, "-c", script, *command], stdin=theirs, stdout=theirs, stderr=theirs,
                                      start_new_session=True, env=clean_environment())
        self.addCleanup(self.child.wait)
        self.addCleanup(self.child.kill)
        self.seen = b""

    def expect(self, text):
        deadline = time.monotonic() + LIMIT
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                self.fail(f"{text} did not come; seen: {self.seen}")
            # Image and host both put a carriage return before a newline.
            self.seen = re.sub(rb"\r+\n", b"\r\n", self.seen + os.read(self.terminal, 4096))
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def type(self, keys):
        os.write(self.terminal, keys)

    def end(self, status):
        self.assertEqual(self.child.wait(LIMIT), status)
        self.assertEqual(termios.tcgetattr(self.other_end), self.before, "the terminal is not as it was")

    def test_line_is_echoed_and_read(self):
        self.start(program("copy_input"), "ready")
        self.expect(b"ready\r\n")
        self.type(b"a line\n")
        # The echo, then what the program wrote.
        self.expect(b"a line\r\na line\r\n")
        self.type(b"\x04")
        self.expect(b"7 bytes")
        self.end(0)

    def test_backspace_takes_back(self):
        self.start(program("copy_input"), "ready")
        self.expect(b"ready\r\n")
        self.type(b"abd\x7fc\n")
        self.expect(b"abc\r\n")
        self.type(b"\x04")
        self.expect(b"4 bytes")
        self.end(0)

    def test_interrupt_key(self):
        for how in ("", "asleep", "input"):
            with self.subTest(how):
                self.start(program("wait_forever"), how)
                self.expect(b"ready")
                self.type(b"\x03")
                self.end(128 + signal.SIGINT)

    def test_after_an_ordinary_end(self):
        self.start(program("exit_status"), "9")
        self.end(9)
