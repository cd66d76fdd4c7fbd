"""Networks for tests: one of the test's own with a TAP device, where only root, or a user with namespaces, can be; and QEMU's."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

from support import BUILD, COMMAND, LIMIT, MONITOR, CommandTest, clean_environment, descendants_of, from_environment, need_tool, unittest

SERVERS = BUILD / "tests/servers"  # servers/build.sh makes them there


def server(name, file=None):
    """The path of a server that the set-up of the tests builds; without it the test is skipped."""
    path = SERVERS / name / (file or name)
    if not path.exists():
        raise unittest.SkipTest(f"{file or name} was not built: see the test e2e.servers.{name}")
    return path


def enter_namespace():
    """Puts this process, and what it starts, into a network of its own, which goes away with the last of them."""
    new_user, new_network = 0x10000000, 0x40000000  # <sched.h>
    user, group = os.geteuid(), os.getegid()
    flags = new_network if user == 0 else new_network | new_user
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        raise unittest.SkipTest(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            pathlib.Path("/proc/self", name).write_text(text)


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise unittest.SkipTest(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Running:
    """A program in a machine, until stop()."""

    def __init__(self, test, command):
        self._test = test
        self._process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, env=clean_environment(), cwd=test.folder)
        self._output = b""
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()

    def kill(self):
        """It ends without a word to anybody, and with it what it started."""
        for pid in descendants_of(self._process.pid):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(20)

    def _read(self):
        while True:
            data = os.read(self._process.stdout.fileno(), 65536)
            with self._news:
                self._output += data
                self._ended = not data
                self._news.notify_all()
            if not data:
                return

    @property
    def text(self):
        with self._news:
            return self._output.decode("utf-8", "backslashreplace")

    def wait_for(self, pattern, limit=LIMIT):
        """Until the program has said that."""
        found = re.compile(pattern.encode(), re.MULTILINE)
        with self._news:
            self._news.wait_for(lambda: self._ended or found.search(self._output), limit)
            said = found.search(self._output)
        if not said:
            self._test.fail(f"{pattern!r} was not said{' before the end' if self._ended else ''}:\n{self.text[-3000:]}")

    def wait(self, limit=LIMIT):
        """The exit status of a program that ends by itself."""
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self._test.fail(f"did not end within {limit} s:\n{self.text[-3000:]}")


class NetworkTest(CommandTest):
    """Servers in a machine for clients here, and clients there for servers here."""

    limit = 120  # seconds for a machine
    runs_on = MONITOR

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if from_environment("EREMITE_NET") == "0":
            raise unittest.SkipTest("the component net was not built")

    def network(self, ports):
        """Options that give the machine a network in which these ports of it can be reached. Leaves their addresses in self.at."""
        raise NotImplementedError

    def command(self, program, *arguments, ports=(), options=()):
        network = self.network(ports)
        return [COMMAND, "run", *self.runs_on, "--timeout", self.limit, *network, *options, program, "--", *arguments]

    def start(self, program, *arguments, **how):
        """The program is stopped when the test ends."""
        running = Running(self, self.command(program, *arguments, **how))
        self.addCleanup(running.stop)
        return running

    def exchange(self, port, data, *, until, limit=30):
        """Sends to a port and receives until the answer ends so."""
        with socket.create_connection(self.at[port], timeout=limit) as connection:
            connection.sendall(data)
            answer = b""
            while not answer.endswith(until):
                part = connection.recv(1 << 16)
                self.assertTrue(part, f"closed by the server after {answer[-200:]!r}")
                answer += part
            return answer


class TapTest(NetworkTest):
    """The machine is at a TAP device in a network of the test's own."""

    host, machine = "10.0.5.1", "10.0.5.2"
    clients = 30  # at once
    tap_options = ()  # of the device, beside its name

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_tool("ip")
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            raise unittest.SkipTest("/dev/net/tun cannot be used here")
        enter_namespace()
        ip("link", "set", "lo", "up")
        ip("tuntap", "add", "dev", "tap0", "mode", "tap", *cls.tap_options)
        ip("addr", "add", f"{cls.host}/24", "dev", "tap0")
        ip("link", "set", "tap0", "up")

    def network(self, ports):
        self.at = {port: (self.machine, port) for port in ports}
        return ["--net", f"tap:tap0,ip={self.machine}/24,gateway={self.host}"]


class ShardsTest(TapTest):
    """The device has a pair of queues, each with its interrupt, for each of two CPUs, and each CPU a shard of the network."""

    tap_options = ("multi_queue",)

    def command(self, program, *arguments, ports=(), options=()):
        return super().command(program, *arguments, ports=ports, options=[*options, "--cpus", 2, "--machine", "q35"])


class UserNetworkTest(NetworkTest):
    """The machine is behind QEMU."""

    host = "10.0.2.2"  # as the machine knows this host's 127.0.0.1
    clients = 2  # at once: QEMU lets no more wait until they are accepted, and others try again after seconds

    def network(self, ports):
        self.at = {port: ("127.0.0.1", self.free_port()) for port in ports}
        words = ["--net", "user"]
        for port, (address, published) in self.at.items():
            words += ["--publish", f"{address}:{published}:{port}"]
        return words

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]
