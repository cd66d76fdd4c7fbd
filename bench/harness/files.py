"""Measures files."""

from . import file_figures
from .collect import CALLS_MEMORY_KIB, Setup, collect_program, count_then_time, progress
from .figures import Results
from .machine import Machine
from .storage import SharedFolder, find_daemon


SQLITE = "sqlite"


def files(setup: Setup, results: Results) -> None:
    """Files in memory, and in a folder of the host."""
    counts, times = file_figures.INSTRUCTION_COUNTS, file_figures.TIMES
    # On a host /tmp is on a disk.
    count_then_time(setup, results, "files", CALLS_MEMORY_KIB, counts, times, ("--directory=/dev/shm",))
    with_sqlite = (setup.programs / SQLITE).exists()
    if with_sqlite:
        collect_program(setup, results, SQLITE, Machine(icount=True), [file_figures.SQLITE_COUNT])
        for _ in range(setup.rounds):
            collect_program(setup, results, SQLITE, Machine(accel=setup.accel), [file_figures.SQLITE_TIME], ("--directory=/dev/shm",))
    else:
        results.note("SQLite: the test `bench.sqlite.build` makes its program, where Debian's sources can be had.")
    if not find_daemon():
        results.note("A folder of the host: virtiofsd is not installed.")
        return
    for number in range(setup.rounds):
        progress(f"files: shared folder, round {number + 1} of {setup.rounds}")
        collect_program(setup, results, "files", Machine(accel=setup.accel, storage=SharedFolder()), file_figures.SHARED_TIMES)
        if with_sqlite:
            collect_program(setup, results, SQLITE, Machine(accel=setup.accel, storage=SharedFolder()), [file_figures.SQLITE_SHARED_TIME])
