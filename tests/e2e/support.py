"""What the tests of the command share: where things are, and how a command is run and its result judged."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

LIMIT = 60  # seconds for one command, unless a test says otherwise


def from_environment(name):
    if name not in os.environ:
        sys.exit(f"{name} is not set: run these tests with ctest")
    return os.environ[name]


COMMAND = from_environment("EREMITE")
PROGRAMS = pathlib.Path(from_environment("EREMITE_E2E_PROGRAMS"))  # built from programs/
BUILD = pathlib.Path(from_environment("EREMITE_BUILD"))
SOURCE = pathlib.Path(from_environment("EREMITE_SOURCE"))
CMAKE = from_environment("CMAKE_COMMAND")

# The words that choose what runs the machines: QEMU by emulation, or our own monitor, for the tests e2e.*.cell.
ON_CELL = os.environ.get("EREMITE_TEST_ON") == "cell"
MONITOR = ["--vmm", "cell"] if ON_CELL else ["--vmm", "qemu", "--accel", "tcg"]

qemu_only = unittest.skipIf(ON_CELL, "about QEMU")
cell_only = unittest.skipUnless(ON_CELL, "about our own monitor")

HELLO = str(PROGRAMS / "hello")
HELLO_SOURCE = '#include <iostream>\nint main() { std::cout << "hello world\\n"; }\n'


def why_not_on_cell(monitor=MONITOR):
    """Why this host cannot run machines of our own monitor, or None."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "there is no usable /dev/kvm"
    hello = subprocess.run([COMMAND, "run", *monitor, "--timeout", "10", HELLO], capture_output=True, timeout=LIMIT, check=False)
    return None if hello.returncode == 0 else f"hello world under KVM ended with status {hello.returncode}: {hello.stderr.decode()[-300:]}"


def program(name):
    return str(PROGRAMS / name)


def need_tool(name):
    """The path of a tool of this machine; without it the test is skipped."""
    path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


def volume_tool(name):
    """A tool of e2fsprogs, whose folder many users' PATH lacks."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


def clean_environment(**changes):
    """The environment of a command: nothing of the user's that would choose compilers or flags."""
    chosen = ("CC", "CXX", "FC", "CFLAGS", "CXXFLAGS", "FFLAGS", "LDFLAGS", "MAKEFLAGS", "DESTDIR")
    chosen += ("EREMITE_CC", "EREMITE_CXX", "EREMITE_FC", "EREMITE_COMPONENTS")
    env = {name: value for name, value in os.environ.items() if name not in chosen}
    env.update(changes)
    return env


class Result:
    def __init__(self, command, status, output, errors):
        self.command = command
        # A process that died by a signal: as a shell reports it.
        self.status = status if status >= 0 else 128 - status
        self.output = output
        self.errors = errors

    @property
    def text(self):
        return self.output.decode("utf-8", "backslashreplace")

    @property
    def error_text(self):
        return self.errors.decode("utf-8", "backslashreplace")

    def __str__(self):
        return (f"\ncommand: {shlex.join(map(str, self.command))}\nexit status: {self.status}\n--- standard output (end)\n"
                f"{self.text[-3000:]}\n--- standard error (end)\n{self.error_text[-3000:]}\n---")


class CommandTest(unittest.TestCase):
    """A test with a folder of its own that goes away with it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="eremite-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def execute(self, *command, input=b"", limit=LIMIT, env=None, cwd=None):
        """Runs a command to its end. input=None: no standard input at all to speak of (/dev/null)."""
        command = [str(word) for word in command]
        stdin = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        try:
            env = clean_environment() if env is None else env
            done = subprocess.run(command, capture_output=True, timeout=limit, env=env, cwd=cwd or self.folder, **stdin)
        except subprocess.TimeoutExpired as expired:
            self.fail(f"did not end within {limit} s" + str(Result(command, 0, expired.stdout or b"", expired.stderr or b"")))
        return Result(command, done.returncode, done.stdout, done.stderr)

    def eremite(self, *words, **how):
        return self.execute(COMMAND, *words, **how)

    def run_program(self, image, *arguments, options=(), limit=LIMIT, **how):
        return self.eremite("run", *MONITOR, "--timeout", limit, *options, image, "--", *arguments, limit=limit + 20, **how)

    def raw_qemu(self, image, *arguments, options=(), change=None, accelerator="tcg", **how):
        """Runs the QEMU command that the command prints, its words changed by change(words). Gives the program's own status."""
        if ON_CELL:
            self.skipTest("QEMU's own")
        printed = self.eremite("run", "--accel", accelerator, "--dry-run", *options, image, "--", *arguments)
        self.check(printed)
        words = shlex.split(printed.text)
        if change:
            change(words)
        result = self.execute(*words, **how)
        # The debug-exit device doubles the status and adds one.
        self.assertEqual(result.status % 2, 1, f"QEMU was not ended by the image{result}")
        result.status //= 2
        return result

    def write(self, name, contents, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        path.chmod(mode)
        return path

    def check(self, result, status=0, output=None, errors=None):
        """output, errors: exact bytes, or a regular expression (a string) that must match somewhere, or several of them."""
        self.assertEqual(result.status, status, f"wrong exit status{result}")
        for name, found, wanted in (("output", result.output, output), ("errors", result.errors, errors)):
            if isinstance(wanted, bytes):
                self.assertEqual(found, wanted, f"wrong standard {name}{result}")
            elif wanted is not None:
                for pattern in [wanted] if isinstance(wanted, str) else wanted:
                    text = found.decode("utf-8", "backslashreplace")
                    self.assertRegex(text, re.compile(pattern, re.MULTILINE), f"wrong standard {name}{result}")
        return result


class VolumeTest(CommandTest):
    """A test with volumes."""

    def setUp(self):
        if from_environment("EREMITE_VOLUME") == "0":
            raise unittest.SkipTest("the component volume was not built")
        for tool in ("mke2fs", "e2fsck", "debugfs"):
            volume_tool(tool)
        super().setUp()

    def create(self, name="volume", size="64M"):
        path = self.folder / name
        self.check(self.eremite("volume", "create", path, "--size", size), output=b"", errors=b"")
        return path

    def check_sound(self, volume):
        """What e2fsck says of a volume that nobody uses: nothing, not even that its journal is to be replayed."""
        result = self.check(self.execute(volume_tool("e2fsck"), "-f", "-n", volume))
        self.assertNotIn("journal", result.text + result.error_text, f"not unmounted{result}")

    def recover(self, volume):
        """Replays the journal and frees files without names, as Linux does when it mounts a volume; nothing else may be wrong."""
        result = self.execute(volume_tool("e2fsck"), "-f", "-y", volume)
        self.assertLessEqual(result.status, 1, f"damaged{result}")
        self.assertNotRegex(result.text, r"\? yes", f"damaged{result}")
        self.check_sound(volume)

    def dump(self, volume, path, target):
        """Takes a file out of a volume, if it is there."""
        self.check(self.execute(volume_tool("debugfs"), "-R", f"dump {path} {target}", volume))


def children_of(pid):
    """Processes started by a process, by their ids."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it has just ended
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def descendants_of(pid):
    children = children_of(pid)
    return children + [further for child in children for further in descendants_of(child)]


def is_alive(pid):
    return pathlib.Path(f"/proc/{pid}").exists()
