"""Runs the programs in the worlds and collects the figures of the foundation."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
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
    # Worlds that failed to run a program in a mode; there is no point in waiting for the same failure again.
    failed: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def guests(self) -> list[World]:
        return [world for world in self.worlds if not isinstance(world, Process)]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(setup: Setup, results: Results, world: World, program: str, arguments: list[str], machine: Machine) -> Output | None:
    """One run. A failed one is reported and noted, since a missing figure must have a reason; the answer is then None."""
    mode = "counting instructions" if machine.icount else machine.accel
    if machine.storage:
        mode += f", {machine.storage.name}"
    if (world.name, program, mode) in setup.failed:
        return None
    with machine.storage or nullcontext():
        output = world.run(program, arguments, machine, timeout=30 if setup.quick else 120)
    last_line = "hello, world" if program == "hello" else "end"
    if output.arrival(last_line) is not None or "time" in output.figures():
        return output
    setup.failed.add((world.name, program, mode))
    reason = "did not finish in time" if output.status is None else f"ended with status {output.status}"
    results.note(f"`{program}` in the world “{world.name}” ({mode}) {reason}.")
    progress(f"  {program}, {world.name}: {reason}; it printed:\n{output.text()}")
    return None


def collect_program(
    setup: Setup, results: Results, program: str, machine: Machine, wanted: list[figures.Figure], for_process: tuple[str, ...] = ()
) -> None:
    """Runs a program that prints `name unit value` lines once in each world; as a process with more arguments."""
    arguments = ["--count", f"--tsc-mhz={ICOUNT_TSC_MHZ}"] if machine.icount else [f"--tsc-mhz={setup.tsc_mhz:.3f}"]
    if setup.quick or machine.icount:
        arguments.append("--quick")
    if machine.storage:
        # Where a device is asked for everything, once is enough.
        arguments.append("--rounds=1")
        arguments.append(f"--directory={machine.storage.directory}")
    for world in setup.guests if machine.icount or machine.storage else setup.worlds:
        more = for_process if isinstance(world, Process) else ()
        output = run(setup, results, world, program, [*arguments, *more], machine)
        if output is None:
            continue
        values = output.figures()
        for figure in wanted:
            if figure.key in values:
                results.add(figure, world.name, values[figure.key])
            else:
                results.note(f"`{figure.key}` is missing in the output of `{program}` in the world “{world.name}”.")


def count_then_time(
    setup: Setup,
    results: Results,
    program: str,
    memory_kib: int,
    counts: list[figures.Figure],
    times: list[figures.Figure],
    for_process: tuple[str, ...] = (),
) -> None:
    progress(f"{program}: instructions")
    collect_program(setup, results, program, Machine(icount=True, memory_kib=memory_kib), counts)
    for number in range(setup.rounds):
        progress(f"{program}: time, round {number + 1} of {setup.rounds}")
        collect_program(setup, results, program, Machine(accel=setup.accel, memory_kib=memory_kib), times, for_process)


def calls(setup: Setup, results: Results) -> None:
    """System calls and memory."""
    count_then_time(setup, results, "syscalls", CALLS_MEMORY_KIB, figures.CALL_INSTRUCTIONS, figures.CALL_TIMES)


def compute(setup: Setup, results: Results) -> None:
    for number in range(setup.rounds):
        progress(f"computation: round {number + 1} of {setup.rounds}")
        machine = Machine(accel=setup.accel)
        collect_program(setup, results, "compute", machine, figures.compute_figures(setup.accel))


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
            # A process's time stamp counter started with the host; so does a guest's where the host does not virtualize it.
            nanoseconds = output.figures()["main"] * 1000 / setup.tsc_mhz
            if world not in setup.guests:
                continue
            if nanoseconds < output.seconds * 1e9:
                results.add(figures.BOOT_GUEST_TIME, world.name, nanoseconds)
            else:
                results.note(f"In the world “{world.name}” the time stamp counter does not start with the virtual machine on this host.")


def memory(setup: Setup, results: Results) -> None:
    """The smallest memory in which hello world prints its line, by bisection."""
    for world in setup.guests:
        if run(setup, results, world, "hello", [], Machine(accel=setup.accel)) is None:
            continue
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
            plain, core, whole = (stripped_size(setup.programs / name) for name in ("hello-plain", "hello-with-none", "hello"))
            results.add(figures.ADDED_SIZE, world.name, core - plain)
            results.add(figures.ADDED_BY_ALL, world.name, whole - plain)
            for name, figure in figures.ADDED_BY_COMPONENT.items():
                program = setup.programs / f"hello-with-{name}"
                if program.exists():  # the component was built
                    results.add(figure, world.name, stripped_size(program) - core)
        elif isinstance(world, LinuxGuest):
            # The counterpart of the library OS is the kernel that has to be delivered with the program, as Debian compresses it.
            bz_images = list((world.vmlinux.parent / "root" / "boot").glob("vmlinuz-*"))
            if bz_images:
                results.add(figures.ADDED_SIZE, world.name, bz_images[0].stat().st_size)
