"""Measures files."""

from . import file_figures
from .collect import CALLS_MEMORY_KIB, Setup, collect_program, count_then_time, progress
from .figures import Figure, Results
from .machine import Machine
from .machine import Storage
from .storage import SharedFolder, Volume, find_daemon


SQLITE = "sqlite"


def files(setup: Setup, results: Results) -> None:
    """Files in memory, in a folder of the host, and on a volume."""
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

    def collect(storage: type[Storage], times: list[Figure], sqlite_time: Figure) -> None:
        for number in range(setup.rounds):
            progress(f"files: {storage.name}, round {number + 1} of {setup.rounds}")
            collect_program(setup, results, "files", Machine(accel=setup.accel, storage=storage()), times)
            if with_sqlite:
                collect_program(setup, results, SQLITE, Machine(accel=setup.accel, storage=storage()), [sqlite_time])

    if find_daemon():
        collect(SharedFolder, file_figures.SHARED_TIMES, file_figures.SQLITE_SHARED_TIME)
    else:
        results.note("A folder of the host: virtiofsd is not installed.")
    collect(Volume, file_figures.VOLUME_TIMES, file_figures.SQLITE_VOLUME_TIME)
