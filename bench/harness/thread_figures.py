"""The figures of threads and of the parallel demo."""

from .figures import GUEST, INSTRUCTIONS, NANOSECONDS, RATIO, Figure, Target, fraction_of

QUARTER = fraction_of(GUEST, 1 / 4, "≤ 1/4 of the Linux guest's")
THIRD = fraction_of(GUEST, 1 / 3, "≤ 1/3 of the Linux guest's")
# Times repeat within some percent only.
NOT_SLOWER = fraction_of(GUEST, 1.05, "not slower than the Linux guest (5 % are noise)")

# Keys of bench/threads.cpp: what they are called, and the promise.
_ONE_CPU: list[tuple[str, str, Target]] = [
    ("clock", "`clock_gettime`", NOT_SLOWER),
    ("pthread", "pthread create + join", QUARTER),
    ("yield", "yield, both threads", THIRD),
    ("mutex", "mutex, uncontended", NOT_SLOWER),
    ("mutex_contended", "mutex, handed over between two threads", QUARTER),
    ("futex", "futex round trip", THIRD),
    ("pipe", "pipe round trip", QUARTER),
    ("eventfd", "eventfd round trip", QUARTER),
]
_TWO_CPUS: list[tuple[str, str, Target]] = [
    ("futex_two_cpus", "futex round trip between two CPUs", NOT_SLOWER),
    ("mutex_two_cpus", "mutex that both CPUs want", NOT_SLOWER),
]
# Keys of bench/memory.cpp; those of both CPUs together end in `_two_cpus`.
_MEMORY = {
    "fault": "first touch of a page of one's own",
    "fault_shared": "first touch of a page, each thread in its part of a mapping",
    "fault_large": "first touch of a page of 2 MiB",
    "mmap_4k": "mmap + touch + munmap, 4 KiB",
    "malloc_24k": "malloc + touch + free, 24 KiB",
    "eventfd": "eventfd + close",
}
INSTRUCTION_COUNTS = [Figure(key, title, INSTRUCTIONS, "Instructions", target) for key, title, target in _ONE_CPU]
TIMES = [Figure(key, title, NANOSECONDS, "Time", target) for key, title, target in _ONE_CPU]
TWO_CPU_TIMES = [Figure(key, title, NANOSECONDS, "Time, two CPUs", target) for key, title, target in _TWO_CPUS]
MEMORY_TIMES = [
    Figure(key + suffix, title + text, NANOSECONDS, "Memory")
    for key, title in _MEMORY.items()
    for suffix, text in (("", ", one CPU"), ("_two_cpus", ", two CPUs"))
]

# The programs of examples/parallel.
FORMS = {"heat_threads": "`std::thread`", "heat_openmp": "OpenMP", "heat_tbb": "parallel algorithms (TBB)", "heat_fortran": "Fortran, OpenMP"}
DEMO_TIMES = {
    (program, cpus): Figure(f"{program}_{cpus}", f"{title}, {cpus} CPU{'s' if cpus > 1 else ''}", NANOSECONDS, "Demo", NOT_SLOWER)
    for program, title in FORMS.items()
    for cpus in (1, 2)
}
SPEED_UPS = {program: Figure(f"{program}_speed_up", title, RATIO, "Speed-up") for program, title in FORMS.items()}


def all_figures(_accel: str) -> list[Figure]:
    return [*INSTRUCTION_COUNTS, *TIMES, *TWO_CPU_TIMES, *MEMORY_TIMES, *DEMO_TIMES.values(), *SPEED_UPS.values()]
