"""Measures threads, and the demo that computes in parallel."""

from . import thread_figures
from .collect import CALLS_MEMORY_KIB, Setup, collect_program, count_then_time, progress, run
from .figures import Results
from .machine import Machine


def threads(setup: Setup, results: Results) -> None:
    """Threads, and round trips between two of them."""
    count_then_time(setup, results, "threads", Machine.memory_kib, thread_figures.INSTRUCTION_COUNTS, thread_figures.TIMES)
    for number in range(setup.rounds):
        progress(f"threads: two CPUs, round {number + 1} of {setup.rounds}")
        collect_program(setup, results, "threads", Machine(accel=setup.accel, cpus=2), thread_figures.TWO_CPU_TIMES)


def sharing(setup: Setup, results: Results) -> None:
    """Memory management that two CPUs need at the same time."""
    for number in range(setup.rounds):
        progress(f"memory: round {number + 1} of {setup.rounds}")
        machine = Machine(accel=setup.accel, cpus=2, memory_kib=CALLS_MEMORY_KIB)
        collect_program(setup, results, "memory", machine, thread_figures.MEMORY_TIMES)


def parallel(setup: Setup, results: Results) -> None:
    """The forms of the demo with one CPU and with two."""
    for form in thread_figures.FORMS:
        program = f"../bin/{form}"
        if not (setup.programs / program).exists():
            results.note(f"`{form}` is not in the build tree; the target `{form}`, or the test `guest.{form}.build`, makes it.")
            continue
        for number in range(setup.rounds):
            progress(f"{form}: round {number + 1} of {setup.rounds}")
            for cpus in (1, 2):
                arguments = ["--threads", str(cpus), "--repeat", "3"]
                for world in setup.worlds:
                    output = run(setup, results, world, program, arguments, Machine(accel=setup.accel, cpus=cpus))
                    if output:
                        # A process has all CPUs of the host, of which it uses as many as it has threads.
                        results.add(thread_figures.DEMO_TIMES[form, cpus], world.name, output.figures()["time"] * 1e6)
        one, two = (results.values(thread_figures.DEMO_TIMES[form, cpus]) for cpus in (1, 2))
        for world in setup.worlds:
            if world.name in one and world.name in two:
                results.add(thread_figures.SPEED_UPS[form], world.name, one[world.name] / two[world.name])
