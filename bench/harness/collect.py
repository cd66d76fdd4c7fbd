"""Runs the programs in the worlds and collects the figures."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import figures
from .figures import KIB, Results
from .machine import Eremite, LinuxGuest, Machine, Output, Process, World

# Page faults are measured with room to spare: Linux gives no large pages to machines with less than 512 MiB.
CALLS_MEMORY_KIB = 1024 * 1024

ICOUNT_TSC_MHZ = 1000


@dataclass
class Setup:
    """What is measured, where and how often."""

    worlds: list[World]
    programs: Path
    accel: str
    rounds: int
    quick: bool
    tsc_mhz: float

    @property
    def guests(self) -> list[World]:
        return [world for world in self.worlds if not isinstance(world, Process)]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(setup: Setup, results: Results, world: World, program: str, arguments: list[str], machine: Machine) -> Output | None:
    """One run. A failed one is reported and noted, since a missing figure must have a reason; the answer is then None."""
    timeout = 60 if setup.quick else 180
    output = world.run(program, arguments, machine, timeout)
    last_line = "hello, world" if program == "hello" else "end"
    if output.arrival(last_line) is not None:
        return output
    reason = "did not finish in time" if output.status is None else f"ended with status {output.status}"
    mode = "counting instructions" if machine.icount else machine.accel
    results.note(f"`{program}` in the world “{world.name}” ({mode}) {reason}.")
    progress(f"  {program}, {world.name}: {reason}; it printed:\n{output.text()}")
    return None


def _collect_program(setup: Setup, results: Results, program: str, machine: Machine, wanted: list[figures.Figure]) -> None:
    """Runs a program that prints `name unit value` lines once in each world."""
    arguments = ["--count", f"--tsc-mhz={ICOUNT_TSC_MHZ}"] if machine.icount else [f"--tsc-mhz={setup.tsc_mhz:.3f}"]
    if setup.quick or machine.icount:
        arguments.append("--quick")
    for world in setup.guests if machine.icount else setup.worlds:
        output = run(setup, results, world, program, arguments, machine)
        if output is None:
            continue
        values = output.figures()
        for figure in wanted:
            if figure.key in values:
                results.add(figure, world.name, values[figure.key])
            else:
                results.note(f"`{figure.key}` is missing in the output of `{program}` in the world “{world.name}”.")


def calls(setup: Setup, results: Results) -> None:
    """System calls and memory: counts first, since the machine's other work does not disturb them."""
    progress("system calls: instructions")
    counting = Machine(icount=True, memory_kib=CALLS_MEMORY_KIB)
    _collect_program(setup, results, "syscalls", counting, figures.CALL_INSTRUCTIONS)
    for number in range(setup.rounds):
        progress(f"system calls: time, round {number + 1} of {setup.rounds}")
        timing = Machine(accel=setup.accel, memory_kib=CALLS_MEMORY_KIB)
        _collect_program(setup, results, "syscalls", timing, figures.CALL_TIMES)


def compute(setup: Setup, results: Results) -> None:
    for number in range(setup.rounds):
        progress(f"computation: round {number + 1} of {setup.rounds}")
        machine = Machine(accel=setup.accel)
        _collect_program(setup, results, "compute", machine, figures.compute_figures(setup.accel))


def boot(setup: Setup, results: Results) -> None:
    progress("boot: instructions")
    for world in setup.guests:
        output = run(setup, results, world, "hello", [], Machine(icount=True))
        if output:
            results.add(figures.BOOT_INSTRUCTIONS, world.name, output.figures()["main"])
    for number in range(setup.rounds):
        progress(f"boot: time, round {number + 1} of {setup.rounds}")
        for world in setup.worlds:
            output = run(setup, results, world, "hello", [], Machine(accel=setup.accel))
            if not output:
                continue
            results.add(figures.BOOT_TIME, world.name, output.arrival("main") * 1e9)
            results.add(figures.EXIT_TIME, world.name, output.seconds * 1e9)
            # A process's time stamp counter started with the host.
            if world in setup.guests:
                results.add(figures.BOOT_GUEST_TIME, world.name, output.figures()["main"] * 1000 / setup.tsc_mhz)


def memory(setup: Setup, results: Results) -> None:
    """The smallest memory in which hello world prints its line, by bisection."""
    for world in setup.guests:
        step = 256 if isinstance(world, Eremite) else 1024
        low, high = 0, 128 * 1024 // step
        while high - low > 1:
            middle = (low + high) // 2
            progress(f"smallest memory: {world.name} with {middle * step / 1024:g} MiB")
            output = world.run("hello", [], Machine(accel=setup.accel, memory_kib=middle * step), timeout=15)
            if output.arrival("hello, world") is None:
                low = middle
            else:
                high = middle
        if high * step == 128 * 1024:
            results.note(f"`hello` in the world “{world.name}” did not run in less than 128 MiB.")
        else:
            results.add(figures.SMALLEST_MEMORY, world.name, high * step * KIB)


def stripped_size(program: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="eremite-bench-") as folder:
        copy = Path(folder) / program.name
        shutil.copy(program, copy)
        subprocess.run(["strip", copy], check=True)
        return copy.stat().st_size


def size(setup: Setup, results: Results) -> None:
    progress("size of the ELF file")
    for world in setup.guests:
        if isinstance(world, Eremite):
            added = stripped_size(setup.programs / "hello") - stripped_size(setup.programs / "hello-plain")
            results.add(figures.ADDED_SIZE, world.name, added)
        elif isinstance(world, LinuxGuest):
            # The counterpart of the library OS is the kernel that has to be delivered with the program, as Debian compresses it.
            bz_images = list((world.vmlinux.parent / "root" / "boot").glob("vmlinuz-*"))
            if bz_images:
                results.add(figures.ADDED_SIZE, world.name, bz_images[0].stat().st_size)


# The measurements by the name that `--only` takes.
MEASUREMENTS = {"boot": boot, "memory": memory, "size": size, "syscalls": calls, "compute": compute}
