"""The figures of the foundation: what they are called, in which unit they come, and what we promise of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from statistics import median

EREMITE, GUEST, PROCESS = "Eremite", "Linux guest", "Linux process"
WORLDS = (EREMITE, GUEST, PROCESS)

INSTRUCTIONS, NANOSECONDS, BYTES = "instructions", "ns", "bytes"
RATIO, PARTS_PER_MILLION, PER_SECOND = "ratio", "ppm", "per_second"
COUNT = "count"
# Of these, more is better; of all others, less.
BITS_PER_SECOND, RATE = "bits_per_second", "rate"
MORE_IS_BETTER = (BITS_PER_SECOND, RATE)

MIB = 1 << 20
KIB = 1 << 10

# The medians of one figure in the worlds where it was measured.
Values = dict[str, float]


@dataclass(frozen=True)
class Target:
    """A promise. `met` answers None when the values it needs were not measured."""

    text: str
    met: Callable[[Values], bool | None]


def at_most(limit: float, text: str) -> Target:
    """Eremite's value is at most `limit`."""
    return Target(text, lambda values: values[EREMITE] <= limit if EREMITE in values else None)


def fraction_of(world: str, fraction: float, text: str) -> Target:
    """Eremite's value is at most `fraction` of another world's."""

    def met(values: Values) -> bool | None:
        if EREMITE not in values or world not in values:
            return None
        return values[EREMITE] <= fraction * values[world]

    return Target(text, met)


@dataclass(frozen=True)
class Figure:
    """One row of a table. `key` names it in the output of the programs; `section` is the table it stands in."""

    key: str
    title: str
    unit: str
    section: str
    target: Target | None = None


@dataclass
class Results:
    """Samples by figure and world."""

    samples: dict[tuple[Figure, str], list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # Detours a second and CPU by the power of two of their length: by section and world, one of each run.
    histograms: dict[tuple[str, str], list[dict[int, float]]] = field(default_factory=dict)

    def add(self, figure: Figure, world: str, value: float) -> None:
        self.samples.setdefault((figure, world), []).append(value)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def values(self, figure: Figure) -> Values:
        return {world: median(self.samples[figure, world]) for world in WORLDS if (figure, world) in self.samples}


THIRD = fraction_of(GUEST, 1 / 3, "≤ 1/3 of the Linux guest's")

BOOT_INSTRUCTIONS = Figure(
    "boot", "VMM start to `main`", INSTRUCTIONS, "Instructions", at_most(2.5e6, "≤ 2.5 million")
)
BOOT_GUEST_TIME = Figure("boot_guest", "virtual machine's start to `main`", NANOSECONDS, "Time")
BOOT_TIME = Figure("boot_host", "VMM start to `main`", NANOSECONDS, "Time")
EXIT_TIME = Figure("exit_host", "VMM start to VMM exit, hello world", NANOSECONDS, "Time")
SMALLEST_MEMORY = Figure(
    "memory", "smallest memory that runs hello world", BYTES, "Memory and size", at_most(8 * MIB, "≤ 8 MiB")
)
ADDED_SIZE = Figure("size", "added to the stripped ELF file", BYTES, "Memory and size", at_most(400 * KIB, "≤ 400 KiB"))
ADDED_BY_ALL = Figure("size_all", "the same with all components", BYTES, "Memory and size", at_most(1024 * KIB, "≤ 1 MiB"))
# What an image can have beside the core, each with what it adds to that; what it needs is counted with it.
ADDED_BY_COMPONENT = {
    name: Figure(f"size_{name}", f"of these, the component {name}", BYTES, "Memory and size") for name in ("share", "trace", "virtio", "volume")
}

# Keys of bench/syscalls.cpp: titles, then the promises for instructions and for time.
_CALLS: list[tuple[str, str, Target | None, Target | None]] = [
    ("getppid", "`getppid`", at_most(45, "≤ 45"), fraction_of(GUEST, 0.1, "≤ 1/10 of the Linux guest's")),
    ("clock_gettime", "`clock_gettime`, library call", None, None),
    ("clock_gettime_syscall", "`clock_gettime`, system call", None, None),
    ("write_null", "`write` 1 byte to /dev/null", None, None),
    ("read_zero", "`read` 1 byte of /dev/zero", None, None),
    ("page_fault", "first touch of a 4 KiB page", THIRD, None),
    ("mmap_4k", "mmap + touch + munmap, 4 KiB", THIRD, None),
    ("mmap_2m", "mmap + touch + munmap, 2 MiB", THIRD, None),
    ("mmap_16m_per_page", "the same, 16 MiB, per 4 KiB", None, None),
]
CALL_INSTRUCTIONS = [Figure(key, title, INSTRUCTIONS, "Instructions", target) for key, title, target, _ in _CALLS]
CALL_TIMES = [Figure(key, title, NANOSECONDS, "Time", target) for key, title, _, target in _CALLS]

# Keys of bench/compute.cpp. The promise is one for hardware virtualization: an emulator computes slower than the host.
_KERNELS = [
    ("matrix_multiplication", "matrix multiplication, 256 x 256"),
    ("mandelbrot", "Mandelbrot set, 200 x 200"),
    ("pi", "pi, 4 million terms"),
    ("sort", "sort, 300,000 numbers"),
]


# Cached because samples are found by their figure, which equals itself only: its target holds a function.
@cache
def compute_figures(accel: str) -> list[Figure]:
    target = fraction_of(PROCESS, 1 / 0.97, "≥ 0.97 of the process's speed") if accel == "kvm" else None
    return [Figure(key, title, NANOSECONDS, "Computation", target) for key, title in _KERNELS]


def all_figures(accel: str) -> list[Figure]:
    """Every figure in the order of the tables."""
    boot_times = [BOOT_GUEST_TIME, BOOT_TIME, EXIT_TIME]
    sizes = [SMALLEST_MEMORY, ADDED_SIZE, ADDED_BY_ALL, *ADDED_BY_COMPONENT.values()]
    instructions = [BOOT_INSTRUCTIONS, *CALL_INSTRUCTIONS]
    return [*instructions, *boot_times, *CALL_TIMES, *sizes, *compute_figures(accel)]
