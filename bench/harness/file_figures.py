"""The figures of files."""

from .figures import GUEST, INSTRUCTIONS, NANOSECONDS, Figure, Target, fraction_of

THIRD = fraction_of(GUEST, 1 / 3, "≤ 1/3 of the Linux guest's")
FASTER_BY_HALF = fraction_of(GUEST, 1 / 1.5, "≤ 1/1.5 of the Linux guest's")
# Copying is the same work for both.
FASTER = fraction_of(GUEST, 1, "less than the Linux guest's")

# Keys of bench/files.cpp: what they are called, and the promise for files in memory.
_KEYS: list[tuple[str, str, Target]] = [
    ("create", "create and close a file", THIRD),
    ("stat", "`stat`", THIRD),
    ("open", "open and close", THIRD),
    ("list", "list a directory, per name", FASTER),
    ("rename", "`rename`", THIRD),
    ("unlink", "`unlink`", THIRD),
    ("write", "write, 64 KiB at a time, per 4 KiB", FASTER),
    ("read", "read, 64 KiB at a time, per 4 KiB", FASTER),
    ("read_random", "read 4 KiB at a random place", FASTER),
    ("write_sync", "write 4 KiB and `fdatasync`", FASTER),
]
INSTRUCTION_COUNTS = [Figure(key, title, INSTRUCTIONS, "Instructions", target) for key, title, target in _KEYS]
SHARED_TIMES = [Figure(key, title, NANOSECONDS, "Folder of the host", FASTER_BY_HALF) for key, title, _ in _KEYS]
VOLUME_TIMES = [Figure(key, title, NANOSECONDS, "Volume", FASTER_BY_HALF) for key, title, _ in _KEYS]
TIMES = [Figure(key, title, NANOSECONDS, "Time", target) for key, title, target in _KEYS]
# SQLite's own speed test; in memory it computes for the most part.
_SQLITE = "SQLite's `speedtest1`"
SQLITE_COUNT = Figure("sqlite", _SQLITE, INSTRUCTIONS, "Instructions", FASTER)
SQLITE_TIME = Figure("sqlite", _SQLITE, NANOSECONDS, "Time", FASTER)
SQLITE_SHARED_TIME = Figure("sqlite", _SQLITE, NANOSECONDS, "Folder of the host", FASTER_BY_HALF)
SQLITE_VOLUME_TIME = Figure("sqlite", _SQLITE, NANOSECONDS, "Volume", FASTER_BY_HALF)


def all_figures(_accel: str) -> list[Figure]:
    in_memory = [*INSTRUCTION_COUNTS, SQLITE_COUNT, *TIMES, SQLITE_TIME]
    return [*in_memory, *SHARED_TIMES, SQLITE_SHARED_TIME, *VOLUME_TIMES, SQLITE_VOLUME_TIME]
