"""Measures files."""

from . import file_figures
from .collect import CALLS_MEMORY_KIB, Setup, count_then_time
from .figures import Results


def files(setup: Setup, results: Results) -> None:
    """Files in memory."""
    counts, times = file_figures.INSTRUCTION_COUNTS, file_figures.TIMES
    # On a host /tmp is on a disk.
    count_then_time(setup, results, "files", CALLS_MEMORY_KIB, counts, times, ("--directory=/dev/shm",))
