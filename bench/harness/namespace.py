"""A network namespace of one's own with a TAP device: a guest is connected to it, and the host's processes in it are the other end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from .affinity import HOST_CPU, settle
from .machine import Machine, Network, Output, Process, World

TAP = "tap0"
HOST = "10.0.5.1"
GUEST = "10.0.5.3"


class NoNamespace(Exception):
    """There can be none here; the message says why."""


def run_command(*command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if answer.returncode != 0:
        raise NoNamespace(f"`{' '.join(command)}` failed: {answer.stderr.strip()}")


class Namespace(Network):
    """To be entered for the time of a run, so that no connection of an earlier one is left."""

    address = f"{GUEST}/24"
    device_options = ""
    _queues = 1
    _made = 0

    def __init__(self, queues: int = 1) -> None:
        """The guest has so many pairs of queues, one for each CPU."""
        self._queues = queues

    def __enter__(self) -> "Namespace":
        if not shutil.which("ip"):
            raise NoNamespace("`ip` is not installed (package iproute2)")
        Namespace._made += 1
        self._names: list[str] = []
        try:
            self._name = self._make(f"eremite-bench-{os.getpid()}-{Namespace._made}")
            self.enter = ["ip", "netns", "exec", self._name]
            # What a client runs as beside a machine of one CPU.
            self.client = [*HOST_CPU, *self.enter]
            self._prepare()
        except NoNamespace:
            self.__exit__()
            raise
        # The kernel's own part of the host's end is left out: QEMU itself moves the packets, as for a user without privileges.
        netdev = f"tap,id=network,ifname={TAP},script=no,downscript=no,vhost=off"
        device = f"virtio-net-device,netdev=network{self.device_options}"
        if self._queues > 1:
            netdev += f",queues={self._queues}"
            device += ",mq=on"
        self.options = ["-netdev", netdev, "-device", device, "-name", "guest,debug-threads=on"]
        return self

    def _make(self, name: str) -> str:
        run_command("ip", "netns", "add", name)
        self._names.append(name)
        run_command("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def _prepare(self) -> None:
        self._add_tap()
        run_command("ip", "-n", self._name, "address", "add", f"{HOST}/24", "dev", TAP)
        run_command("ip", "-n", self._name, "link", "set", TAP, "up")

    def _add_tap(self) -> None:
        run_command("ip", "-n", self._name, "tuntap", "add", TAP, "mode", "tap", "vnet_hdr", *(["multi_queue"] if self._queues > 1 else []))

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._names):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20, check=False)


class Running:
    """A program that runs in a world meanwhile."""

    def __init__(self, process: subprocess.Popen, output: "tempfile._TemporaryFileWrapper") -> None:
        self._process, self._output = process, output

    def text(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def output(self, seconds: float) -> Output:
        """All of it, once the program has ended, for which it has so long."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        return Output([(0, line.rstrip("\r")) for line in self.text().split("\n")])

    def ended(self) -> bool:
        return self._process.poll() is not None


@contextmanager
def running(world: World, program: str, arguments: list[str], machine: Machine, seconds_to_end: float = 5) -> Iterator[Running]:
    """It may end by itself within that time after the context, or is killed."""
    with world.command(program, arguments, machine) as command, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            if machine.cpus == 1:
                settle(process.pid, isinstance(world, Process))
            yield Running(process, output)
            process.wait(timeout=seconds_to_end)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            process.wait()
