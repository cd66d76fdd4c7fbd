"""The pages that hold the figures: what stands on each, and which measurements fill it."""

from collections.abc import Callable
from dataclasses import dataclass

from . import figures, file_figures, network_figures, noise_figures, thread_figures
from .figures import INSTRUCTIONS, NANOSECONDS, Figure


@dataclass(frozen=True)
class Panel:
    """A part of a plot: the figures of one unit in some sections."""

    title: str
    unit: str
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """`introduction` takes `{accel}`, `{plot}`, `{facts}` and `{rounds}`; `sections` are the tables with a sentence for each."""

    name: str
    introduction: str
    measurements: tuple[str, ...]
    sections: dict[str, str]
    figures: Callable[[str], list[Figure]]
    panels: tuple[Panel, ...]
    picture: str = "Instructions and times on a logarithmic scale"


COUNTED = "Guest instructions, counted by QEMU (`-icount shift=0`). They do not depend on the host's speed or load."

HEAD = """One static C++ program, three worlds: booted by itself in Eremite, as the first process of a Linux guest on the same virtual
machine, and as a process of the host. `bench/run` made this page.

{plot}{facts}

How it is measured: the programs time themselves with the time stamp counter, which all three worlds read without help from a
kernel. """

FOUNDATION = Page(
    "foundation",
    "# The foundation, measured ({accel})\n\n"
    + HEAD
    + """Each figure is a median over batches within a run, less the cost of an empty loop, and a median over {rounds} runs, in which
the worlds take turns. Both guests get QEMU's `microvm`, 1 virtual CPU, PVH boot, 128 MiB (1 GiB for system calls and memory,
since Linux declines large pages below 512 MiB) and a CPU without ERMS and FSRM, which QEMU runs a byte at a time, and
without AVX2, which makes QEMU's own floating point slow until an interrupt. The Linux guest is
told the frequency of the counter and runs the program as `/init` of an initramfs with three device nodes.
Boot counts everything that the virtual machine executes before `main`, QEMU's firmware included; the time the guest is idle counts too.

""",
    ("boot", "memory", "size", "syscalls", "compute"),
    {
        "Instructions": COUNTED,
        "Time": "Medians, on this host. For a process the start is its own, since it has no VMM.",
        "Memory and size": "For the Linux guest the size is that of its compressed kernel, which is delivered beside the program.",
        "Computation": "Time of one run. Only with `--accel kvm` does the comparison with the process say something about Eremite.",
    },
    figures.all_figures,
    (
        Panel("Guest instructions (fewer is better, logarithmic)", INSTRUCTIONS, ("Instructions",)),
        Panel("Time (less is better, logarithmic)", NANOSECONDS, ("Time",)),
    ),
)

THREADS = Page(
    "threads",
    "# Threads, measured ({accel})\n\n"
    + HEAD
    + """Each figure is a median over batches within a run, less the cost of an empty loop, and a median over {rounds} runs, in which
the worlds take turns. Both guests get QEMU's `microvm` with the CPUs named, PVH boot and 128 MiB. A round trip is two wake-ups and two
switches. On one CPU both threads are pinned to it, in every world.

The demo is `examples/parallel`: heat in a plate, Jacobi's method, whose result is the same to the last bit in every form, world and
number of threads. Its time is that of the last of three computations.

""",
    ("threads", "sharing", "parallel"),
    {
        "Instructions": COUNTED,
        "Time": "Medians, on this host, on one CPU.",
        "Time, two CPUs": "The two threads are pinned to a CPU each. Emulated CPUs are threads of the host, so its scheduler takes part.",
        "Memory": "The time that passes for an operation while each CPU makes as many as it can: with two it can be half of that with one.",
        "Demo": "The time of one computation, 512 x 512 squares, 200 steps.",
        "Speed-up": "The time with one CPU and one thread, divided by that with two.",
    },
    thread_figures.all_figures,
    (
        Panel("Guest instructions (fewer is better, logarithmic)", INSTRUCTIONS, ("Instructions",)),
        Panel("Time (less is better, logarithmic)", NANOSECONDS, ("Time", "Time, two CPUs", "Memory", "Demo")),
    ),
)

NOISE = Page(
    "noise",
    "# Noise, measured ({accel})\n\n"
    + HEAD
    + """One thread for each CPU, pinned to it, computes alone. Hourglass: a loop that reads the counter and
nothing else; a gap between two readings is a detour. Fixed work quantum (FWQ): 100 µs of the same arithmetic again and again; what a
quantum takes beyond the least of all is lost. The counts are exact: under `-icount shift=0` an instruction takes a nanosecond of the
machine's time, and neither the host nor the emulator can be seen. In the times both can, in every world alike.

""",
    ("noise",),
    {
        "Counted": "One CPU, whose clock counts its instructions: the kernel alone makes noise here.",
        "One CPU": "On this host. Medians over the runs.",
        "Two CPUs": "One thread on each. A host with no more than two CPUs runs its own work on them, too.",
    },
    noise_figures.all_figures,
    (),
    "How many detours of which length",
)

FILES = Page(
    "files",
    "# Files, measured ({accel})\n\n"
    + HEAD
    + """Each figure is a median over rounds within a run and over {rounds} runs, in which the worlds take turns. 10,000 files
in one directory are created, looked at, opened, listed, renamed and removed; one of 32 MiB is written and read 64 KiB at a time, and 4 KiB
at random places. Instructions are counted with 1,000 files and 4 MiB. Both guests get QEMU's `microvm` with one CPU and 1 GiB; for folders and volumes 128 MiB.

""",
    ("files",),
    {
        "Instructions": COUNTED + " In memory: Eremite's ramfs, Linux's tmpfs.",
        "Time": "Medians, on this host. In memory: Eremite's ramfs, Linux's tmpfs.",
        "Folder of the host": "Shared by virtio-fs; `virtiofsd` and the folder, which is in memory, are the same.",
        "Volume": "A file in the host's memory as a virtio disk, with an ext4 file system that `mke2fs` has made.",
    },
    file_figures.all_figures,
    (
        Panel("Guest instructions (fewer is better, logarithmic)", INSTRUCTIONS, ("Instructions",)),
        Panel("Time (less is better, logarithmic)", NANOSECONDS, ("Time",)),
        Panel("Time in a folder of the host", NANOSECONDS, ("Folder of the host",)),
        Panel("Time on a volume", NANOSECONDS, ("Volume",)),
    ),
)

NETWORK = Page(
    "network",
    "# The network, measured ({accel})\n\n"
    """One static C++ program, `netbench`, is the server: booted by itself in Eremite, under a Linux guest on the same virtual machine, and as a
process of the host. The same program as a process of the host is the client. `bench/run` made this page.

{plot}{facts}

How it is measured: a network namespace with one TAP device, with checksum and segmentation offloads (`vnet_hdr`), whose packets QEMU moves
(`vhost=off`); in the guest a virtio network device on QEMU's `microvm`, 256 MiB. Addresses are static, everything else is as Linux and
Eremite have it. The client takes the times. Bandwidth is what the receiver's program has read, with one call for each message of that size on
both sides, in 0.3 s after 0.1 s; a round trip is a message each way of the same size, with `TCP_NODELAY`. The process of the host is reached
by its loopback. Medians over at most 3 runs, in which the worlds take turns. A guest's only CPU has one
of the host's to itself, and the rest of QEMU and the client share another one, since times are several times longer or shorter by how
they happen to meet otherwise; with two CPUs in the guest, all share the host's as they like. The host's TCP controls congestion as it is set
up to (by `bbr` on the machine of these figures), but for the table of bad links.

""",
    ("sockets", "network", "servers"),
    {"Instructions": COUNTED + " Messages go over the loopback, within one thread.", **network_figures.SECTIONS},
    network_figures.all_figures,
    (),
    "Bandwidth over the size of messages, on logarithmic scales",
)

PAGES = (FOUNDATION, THREADS, NOISE, FILES, NETWORK)
