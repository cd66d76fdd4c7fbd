"""Starts a program in one of the worlds: as a process, in Eremite, in the Linux guest. Both guests get the same machine."""

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import linux_guest

QEMU = "qemu-system-x86_64"
MACHINE = "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,auto-kernel-cmdline=off"


class RunError(Exception):
    """A program did not finish its work; the message holds what it printed."""


@dataclass
class Output:
    """What a run printed, with the seconds since its start at which each line's first byte arrived."""

    lines: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    status: int | None = None

    def figures(self) -> dict[str, float]:
        """The values of all lines of the form `name unit value`."""
        values = {}
        for _, line in self.lines:
            words = line.split()
            if len(words) == 3:
                try:
                    values[words[0]] = float(words[2])
                except ValueError:
                    continue
        return values

    def arrival(self, text: str) -> float | None:
        """When the line `text` began to arrive, in seconds after the start; None if it did not."""
        return next((seconds for seconds, line in self.lines if line == text), None)

    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)


def execute(command: list[str], timeout: float) -> Output:
    """Runs `command` and timestamps its output. After `timeout` seconds it is killed and the status is None."""
    output = Output()
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    line, line_start = bytearray(), 0.0

    def finish_line() -> None:
        output.lines.append((line_start, line.decode(errors="replace").rstrip("\r")))
        line.clear()

    while True:
        remaining = start + timeout - time.monotonic()
        if remaining <= 0 or not selector.select(remaining):
            process.kill()
            break
        now = time.monotonic() - start
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            break
        for byte in data:
            if byte == 0x0A:
                finish_line()
                continue
            if not line:
                line_start = now
            line.append(byte)
    if line:
        finish_line()
    process.stdout.close()
    status = process.wait()
    output.seconds = time.monotonic() - start
    output.status = status if output.seconds < timeout else None
    return output


@dataclass
class Machine:
    """The virtual machine that both guests run in."""

    accel: str = "tcg"
    icount: bool = False
    memory_kib: int = 128 * 1024
    cpus: int = 1
    # What stands behind the directory that files are made in.
    storage: "Storage | None" = None
    # What its network device is connected to.
    network: "Network | None" = None
    # What stands beside a program that is no image: it is handed to the kernel that runs any program.
    files: dict[str, bytes] | None = None

    def command(self, kernel: Path, append: str, initrd: Path | None = None) -> list[str]:
        if self.icount:
            # Virtual time advances by 1 ns an instruction, so the guest's clock counts instructions; one thread is what icount needs.
            # Time that a guest sleeps is skipped, but not while somebody outside is to answer: all its timers would run out meanwhile.
            sleep = "on" if self.network else "off"
            accel, cpu = ["tcg,thread=single", "-icount", f"shift=0,sleep={sleep}"], "max,-erms,-fsrm,-avx2"
        elif self.accel == "kvm":
            accel, cpu = ["kvm"], "host,-arch-capabilities"
        else:
            # QEMU runs `rep movsb` a byte at a time, so the announcement that it is fast is withdrawn for both guests. AVX2 as well:
            # after it QEMU itself is several times slower at floating point until an interrupt, which a tickless guest may not have.
            accel, cpu = ["tcg,thread=multi"], "max,-erms,-fsrm,-avx2"
        command = [QEMU, "-M", MACHINE, "-global", "virtio-mmio.force-legacy=false", "-nodefaults", "-no-user-config"]
        command += ["-no-reboot", "-display", "none", "-accel", *accel, "-cpu", cpu, "-m", f"{self.memory_kib}K", "-smp", str(self.cpus)]
        command += ["-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-device", "virtio-rng-device"]
        command += ["-kernel", str(kernel), "-append", append]
        if initrd:
            command += ["-initrd", str(initrd)]
        command += self.storage.options(self) if self.storage else []
        return [*self.network.enter, *command, *self.network.options] if self.network else command


class Storage:
    """A device of the virtual machine with a file system, to be entered for the time of a run."""

    name = ""
    # Where it is mounted.
    directory = "/bench"
    # Of the Linux guest: its drivers in the order of loading, and what its first process mounts, as TYPE:SOURCE.
    modules: tuple[str, ...] = ()
    mount = ""
    # Of Eremite: the kernel argument's value.
    argument = ""

    def __enter__(self) -> "Storage":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def options(self, machine: Machine) -> list[str]:
        """Words of the QEMU command."""
        raise NotImplementedError


class Network:
    """A network that a virtual machine is connected to."""

    # Of the Linux guest: the device's drivers in the order of loading.
    modules = ("virtio_ring", "virtio", "virtio_mmio", "failover", "net_failover", "virtio_net")
    # The guest's address with the length of its prefix.
    address = ""
    # The words that a command begins with to be run where the network is.
    enter: list[str] = []
    # Words of the QEMU command.
    options: list[str] = []


class World:
    """A way of running a benchmark program. `name` is its title in tables."""

    name = ""

    @contextmanager
    def command(self, program: str, arguments: list[str], machine: Machine) -> Iterator[list[str]]:
        """What runs the program; it can be used within the context."""
        raise NotImplementedError
        yield

    def run(self, program: str, arguments: list[str], machine: Machine, timeout: float) -> Output:
        with self.command(program, arguments, machine) as command:
            return execute(command, timeout)


@dataclass
class Process(World):
    """The program as a process of the host; there are no instruction counts for it."""

    programs: Path
    name = "Linux process"

    @contextmanager
    def command(self, program: str, arguments: list[str], machine: Machine) -> Iterator[list[str]]:
        enter = machine.network.enter if machine.network else []
        yield [*enter, str(self.programs / program), *arguments]


@dataclass
class Eremite(World):
    """The program as an image that boots by itself."""

    programs: Path
    tsc_mhz: float
    name = "Eremite"

    @contextmanager
    def command(self, program: str, arguments: list[str], machine: Machine) -> Iterator[list[str]]:
        tsc_mhz = 1000 if machine.icount else self.tsc_mhz
        # Errors only, as the Linux guest is told to be quiet.
        mount = [f"mount={machine.storage.argument}"] if machine.storage else []
        network = [f"ip={machine.network.address}"] if machine.network else []
        append = " ".join(["log=error", f"cpus={machine.cpus}", f"tsc_mhz={tsc_mhz:.3f}", *mount, *network, "--", *arguments])
        if machine.files is None:
            yield machine.command(self.programs / program, append)
            return
        content = linux_guest.archive({"program": (self.programs / program).read_bytes(), **machine.files}) + linux_guest.end()
        with tempfile.NamedTemporaryFile(prefix="eremite-bench-", suffix=".cpio") as archive:
            archive.write(content)
            archive.flush()
            yield machine.command(self.programs.parent / "lib" / "eremite-kernel", f"init=/program {append}", Path(archive.name))


@dataclass
class LinuxGuest(World):
    """The program as the first process of a Linux guest."""

    programs: Path
    vmlinux: Path
    tsc_mhz: float
    options: str = ""
    name = "Linux guest"

    @contextmanager
    def command(self, program: str, arguments: list[str], machine: Machine) -> Iterator[list[str]]:
        # The guest's own calibration of the counter against an emulated timer fails now and then, so it is told the frequency.
        khz = 1000000 if machine.icount else round(self.tsc_mhz * 1000)
        append = f"console=ttyS0 tsc=reliable tsc_early_khz={khz} quiet panic=-1 reboot=t {self.options}"
        # Our benchmark programs end the machine themselves when they are told that they are its first process. Any other program just
        # ends, at which the kernel panics and restarts. Where there is a network, a first process of its own sets it up.
        init = [machine.network.address] if machine.network else [] if program.startswith("../") else ["--init"]
        storage = [f"--mount={machine.storage.mount}"] if machine.storage else []
        append = " ".join([append.strip(), "--", *init, *storage, *arguments])
        root = self.vmlinux.parent / "root"
        names = [*(machine.storage.modules if machine.storage else ()), *(machine.network.modules if machine.network else ())]
        files = {"init": (self.programs / program).read_bytes()}
        if machine.network:
            files = {"init": (self.programs / "linux_init").read_bytes(), "program": files["init"], **(machine.files or {})}
        with tempfile.NamedTemporaryFile(prefix="eremite-bench-", suffix=".cpio") as archive:
            archive.write(linux_guest.initramfs(files, [linux_guest.module(root, name) for name in dict.fromkeys(names)]))
            archive.flush()
            yield machine.command(self.vmlinux, append, Path(archive.name))
