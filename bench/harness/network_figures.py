"""The figures of the network."""

from .figures import BITS_PER_SECOND, EREMITE, GUEST, INSTRUCTIONS, NANOSECONDS, PROCESS, RATE, Figure, Target, fraction_of


def times(factor: float) -> Target:
    """Eremite's value is at least that many times the Linux guest's."""

    def met(values: dict[str, float]) -> bool | None:
        return values[EREMITE] >= factor * values[GUEST] if EREMITE in values and GUEST in values else None

    return Target(f"≥ {factor:g} times the Linux guest's", met)


# For the process both ends are Linux. What is lost is chance: a tenth less is the same.
_NOT_BELOW_PROCESS = Target(
    "≥ Linux to Linux, within 10 %", lambda values: values[EREMITE] >= 0.9 * values[PROCESS] if EREMITE in values and PROCESS in values else None
)
HALF = fraction_of(GUEST, 1 / 2, "≤ 1/2 of the Linux guest's")
SMALL, LARGE = 1400, 65536
SIZES = {1: (1, 16, 64, 256, 1024, 1400, 4096, 16384, 65536, 262144, 1048576), 2: (64, 1024, 65536, 1048576)}
LATENCY_SIZES = (1, 64, 1400, 16384, 65536)
DATAGRAM_SIZES = (1, 64, 512, 1472)
PARALLEL = 8
CPUS = {1: "one CPU", 2: "two CPUs"}


def size_text(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB" if size >= 1 << 10 and size % (1 << 10) == 0 else f"{size} B"


def _bandwidth_target(size: int) -> Target | None:
    return times(2) if size <= SMALL else times(1.3) if size >= LARGE else None


# Directions as the guest sees them; keys as its peer does, whose output it is.
WAYS = {"receive": "out of the guest", "send": "into the guest"}


def _bandwidth(cpus: int) -> dict[str, Figure]:
    """By the key."""
    figures = {}
    for way, text in WAYS.items():
        for size in SIZES[cpus]:
            key = f"tcp_{way}_{size}"
            figures[key] = Figure(key, size_text(size), BITS_PER_SECOND, f"TCP {text}, {CPUS[cpus]}", _bandwidth_target(size))
        key = f"tcp_{way}_{LARGE}_x{PARALLEL}"
        figures[key] = Figure(key, f"{size_text(LARGE)}, {PARALLEL} connections", BITS_PER_SECOND, f"TCP {text}, {CPUS[cpus]}", times(1.3))
    return figures


def _datagrams(cpus: int) -> dict[str, Figure]:
    keys = [(f"udp_{way}_{size}", f"{size_text(size)} {text}") for way, text in WAYS.items() for size in DATAGRAM_SIZES]
    return {key: Figure(key, title, BITS_PER_SECOND, f"UDP, {CPUS[cpus]}", times(2)) for key, title in keys}


def _latency(cpus: int) -> dict[str, Figure]:
    figures = {}
    protocols = [("tcp", "TCP", LATENCY_SIZES), ("udp", "UDP", (1, 1400))]
    for protocol, title, sizes in protocols:
        for size in sizes:
            for part in ("mean", "p50", "p99", "p99.9"):
                key = f"{protocol}_latency_{size}_{part}"
                target = HALF if size <= SMALL and part in ("mean", "p50") else None
                figures[key] = Figure(key, f"{title}, {size_text(size)}, {part}", NANOSECONDS, f"Round trips, {CPUS[cpus]}", target)
    return figures


def _connections(cpus: int) -> dict[str, Figure]:
    return {"connections": Figure("connections", f"connect, one byte each way, close; {CPUS[cpus]}", RATE, "Connections", times(2))}


PACKET_SIZES = (1, 64, 1400)
# By the key that the counting server prints.
PACKETS = {
    key: Figure(key, f"{protocol.upper()}, {size_text(size)} {text}", INSTRUCTIONS, "Packets through the device", HALF)
    for protocol in ("udp", "tcp")
    for size in PACKET_SIZES
    for key, text in ((f"{protocol}_packet_in_{size}", "received"), (f"{protocol}_packet_out_{size}", "sent"))
}

# Arguments of the link, and what they do.
FAULTS = {
    (): "nothing",
    ("--loss=1",): "1 % lost",
    ("--loss=2",): "2 % lost",
    ("--loss=5",): "5 % lost",
    ("--duplicate=10",): "10 % twice",
    ("--delay=1", "--reorder=10"): "1 ms each way, 10 % overtake",
    ("--delay=25",): "25 ms each way",
    ("--delay=25", "--loss=2"): "25 ms each way, 2 % lost",
}
BAD_LINK_CONNECTIONS = 4
BAD_LINK = {
    (way, faults): Figure(f"bad_link_{way}_{'_'.join(faults)}", f"{text}: {title}", BITS_PER_SECOND, "Throughput over a bad link", _NOT_BELOW_PROCESS)
    for way, text in WAYS.items()
    for faults, title in FAULTS.items()
}

# Keys of bench/sockets.cpp.
_CALLS = [
    ("udp_1", "UDP, 1 B sent and received", HALF),
    ("udp_1400", "UDP, 1400 B sent and received", HALF),
    ("tcp_round_trip_1", "TCP, 1 B there and 1 B back", HALF),
    ("tcp_1400", "TCP, 1400 B sent and received", HALF),
    ("tcp_32k", "TCP, 32 KiB sent and received", None),
    ("tcp_read_64", "TCP, `recv` of 64 B, with the share of sending them", None),
    ("connection", "TCP, connect, accept and close twice", HALF),
]
CALL_INSTRUCTIONS = [Figure(key, title, INSTRUCTIONS, "Instructions", target) for key, title, target in _CALLS]
CALL_TIMES = [Figure(key, title, NANOSECONDS, "Loopback", target) for key, title, target in _CALLS]

NGINX = {cpus: Figure(f"nginx_{cpus}", f"nginx, page of 612 B, {text}", RATE, "Servers", times(3)) for cpus, text in CPUS.items()}
REDIS = {
    cpus: {command: Figure(f"redis_{command}_{cpus}", f"Redis, {command}, {text}", RATE, "Servers", times(1.8)) for command in ("SET", "GET")}
    for cpus, text in CPUS.items()
}

# The tables with a sentence for each.
SECTIONS = {
    "Packets through the device": "Guest instructions, counted as above, with the virtio device: a message arrives, is received and answered, one "
    "at a time. Sending is the call; receiving is all the rest, from the interrupt to the program, with what the sent packet leaves to be done. The "
    "program asks for the next message again and again, so that the guest never sleeps, and what asking in vain costs is taken off.",
    **{f"TCP {way}, {text}": "By the size of messages." for text in CPUS.values() for way in WAYS.values()},
    **{f"UDP, {text}": "What arrives, while the sender sends as much as it can." for text in CPUS.values()},
    **{f"Round trips, {text}": "By the size of messages, there and back." for text in CPUS.values()},
    "Throughput over a bad link": f"{BAD_LINK_CONNECTIONS} connections, CUBIC at both ends, one CPU. The process is Linux to Linux: client and "
    "server have a network namespace each. What goes there or back passes through `impaired_link`, a process, which does this to single packets of "
    "1500 B (no segmentation offload); what it loses, in both directions, is chance.",
    "Loopback": "The same calls as those that are counted.",
    "Servers": "Requests a second of 30 connections that stay; to Redis 16 at a time (`redis-benchmark`). Debian's versions, static and unmodified.",
    "Connections": "A second, one after the other. The server closes first.",
}

# By the number of CPUs and the key.
BANDWIDTH = {cpus: _bandwidth(cpus) for cpus in CPUS}
OTHERS = {cpus: {**_datagrams(cpus), **_latency(cpus), **_connections(cpus)} for cpus in CPUS}


def all_figures(_accel: str) -> list[Figure]:
    measured = [figure for figures in (BANDWIDTH, OTHERS) for cpus in CPUS for figure in figures[cpus].values()]
    servers = [*NGINX.values(), *(figure for cpus in CPUS for figure in REDIS[cpus].values())]
    return [*CALL_INSTRUCTIONS, *CALL_TIMES, *PACKETS.values(), *measured, *BAD_LINK.values(), *servers]
