"""Measures the network: a guest is the server, and a process of the host, in a namespace of its own, the client."""

from . import network_figures
from .collect import Setup, count_then_time, progress
from .figures import Results
from .machine import Machine, Process, World, execute
from .namespace import GUEST, Namespace, NoNamespace, running
from .network_figures import DATAGRAM_SIZES, LARGE, LATENCY_SIZES, PARALLEL, SIZES

MEMORY_KIB = 256 * 1024
SECONDS_TO_BOOT = 30
# A run of a client ends by itself long before.
MOST_SECONDS = 90
# More would take more minutes than they are worth.
MOST_ROUNDS = 3


def _list(sizes: tuple[int, ...]) -> str:
    return ",".join(str(size) for size in sizes)


def _tests(cpus: int) -> list[list[str]]:
    """The arguments of the runs of the client."""
    return [
        ["tcp-bw", f"--bytes={_list(SIZES[cpus])}"],
        ["tcp-bw", f"--bytes={LARGE}", f"--connections={PARALLEL}"],
        ["udp-bw", f"--bytes={_list(DATAGRAM_SIZES)}"],
        ["tcp-latency", f"--bytes={_list(LATENCY_SIZES)}"],
        ["udp-latency", "--bytes=1,1400"],
        ["connections"],
    ]


def _measure(setup: Setup, results: Results, world: World, cpus: int) -> None:
    wanted = {**network_figures.BANDWIDTH[cpus], **network_figures.OTHERS[cpus]}
    time = ["--seconds=0.15", "--warmup=0.05"] if setup.quick else ["--seconds=0.3", "--warmup=0.1"]
    tests = _tests(cpus)
    with Namespace() as network:
        machine = Machine(accel=setup.accel, memory_kib=MEMORY_KIB, cpus=cpus, network=network)
        is_process = isinstance(world, Process)
        client = [*(network.client if cpus == 1 else network.enter), str(setup.programs / "netbench"), "client", f"--address={'127.0.0.1' if is_process else GUEST}"]
        with running(world, "netbench", ["server"], machine) as server:
            for number, test in enumerate(tests):
                patience = SECONDS_TO_BOOT if number == 0 else 1
                last = ["--stop"] if number + 1 == len(tests) else []
                output = execute([*client, *test, *time, f"--patience={patience}", *last], timeout=MOST_SECONDS)
                for key, value in output.figures().items():
                    if key in wanted:
                        results.add(wanted[key], world.name, value)
                if output.arrival("end") is None:
                    results.note(f"`netbench {test[0]}` with {cpus} CPU(s) did not end in the world “{world.name}”.")
                    progress(f"  netbench, {world.name}: {output.text()}\n{server.text()}")
                    if server.ended():
                        return


def sockets(setup: Setup, results: Results) -> None:
    """What messages and connections cost without a device."""
    count_then_time(setup, results, "sockets", Machine.memory_kib, network_figures.CALL_INSTRUCTIONS, network_figures.CALL_TIMES)


def network(setup: Setup, results: Results) -> None:
    """TCP, UDP and connections over a TAP device."""
    rounds = min(setup.rounds, MOST_ROUNDS)
    try:
        for number in range(rounds):
            for cpus in network_figures.CPUS:
                for world in setup.worlds:
                    if isinstance(world, Process) and cpus > 1:
                        continue
                    progress(f"network: round {number + 1} of {rounds}, {cpus} CPU(s), {world.name}")
                    _measure(setup, results, world, cpus)
    except NoNamespace as reason:
        results.note(f"The network: {reason}.")
