"""Measures files."""

from . import file_figures
from .collect import CALLS_MEMORY_KIB, Setup, count_then_time
from .figures import Results


def files(setup: Setup, results: Results) -> None:
    """Files in memory."""
    count_then_time(setup, results, "files", CALLS_MEMORY_KIB, file_figures.INSTRUCTION_COUNTS, file_figures.TIMES)
