"""Which of the host's CPUs what runs on: left to the host, a machine is many times faster or slower by how its threads happen to meet.

A machine of one CPU has one of the host's to itself; the rest of QEMU and the clients share another one.
"""

import os
import time
from pathlib import Path

_CPUS = sorted(os.sched_getaffinity(0))
_ENOUGH = len(_CPUS) >= 2
# In front of a command.
HOST_CPU = ["taskset", "--cpu-list", str(_CPUS[0])] if _ENOUGH else []
# Of QEMU, with debug-threads=on.
_GUEST_CPU = "CPU 0/"


def settle(process: int, is_server: bool) -> None:
    """Spreads QEMU's threads; a server that is a process of the host gets a CPU of its own."""
    if not _ENOUGH:
        return
    if is_server:
        os.sched_setaffinity(process, {_CPUS[1]})
        return
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            threads = {int(task.name): (task / "comm").read_text() for task in Path(f"/proc/{process}/task").iterdir()}
            for thread, name in threads.items():
                os.sched_setaffinity(thread, {_CPUS[1 if name.startswith(_GUEST_CPU) else 0]})
        except (FileNotFoundError, ProcessLookupError):
            # One that has just ended: look again.
            continue
        if any(name.startswith(_GUEST_CPU) for name in threads.values()):
            return
        time.sleep(0.01)
