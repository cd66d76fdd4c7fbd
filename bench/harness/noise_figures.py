"""The figures of noise."""

from .figures import COUNT, GUEST, INSTRUCTIONS, NANOSECONDS, PARTS_PER_MILLION, PER_SECOND, Figure, Target, at_most, fraction_of

COUNTED, ONE_CPU, TWO_CPUS = "Counted", "One CPU", "Two CPUs"


def _section(section: str, unit: str, none: Target | None) -> list[Figure]:
    return [
        Figure("hourglass_interrupts", "hourglass: interrupts of all CPUs in the window", COUNT, section, at_most(0, "none")),
        Figure("hourglass_lost", "hourglass: time lost", PARTS_PER_MILLION, section),
        Figure("hourglass_detours", "hourglass: detours a second and CPU", PER_SECOND, section, none),
        Figure("hourglass_p99", "hourglass: detours, 99th percentile", unit, section),
        Figure("hourglass_longest", "hourglass: longest detour", unit, section),
        Figure("fwq_lost", "FWQ: time lost", PARTS_PER_MILLION, section),
        Figure("fwq_p99", "FWQ: excess of a quantum, 99th percentile", unit, section),
        Figure("fwq_longest", "FWQ: excess of a quantum, longest", unit, section),
    ]


SECTIONS = {
    COUNTED: _section(COUNTED, INSTRUCTIONS, at_most(0, "none")),
    ONE_CPU: _section(ONE_CPU, NANOSECONDS, None),
    TWO_CPUS: _section(TWO_CPUS, NANOSECONDS, None),
}


# One row, two questions: the longest detour in Eremite beside the 99th percentile in the Linux guest.
LONGEST_AND_P99 = Figure(
    "hourglass_longest_and_p99",
    "hourglass: longest detour; the Linux guest's 99th percentile",
    INSTRUCTIONS,
    COUNTED,
    fraction_of(GUEST, 1, "below the Linux guest's 99th percentile"),
)


def all_figures(_accel: str) -> list[Figure]:
    return [*SECTIONS[COUNTED], LONGEST_AND_P99, *SECTIONS[ONE_CPU], *SECTIONS[TWO_CPUS]]
