"""Measures the network: a guest is the server, and a process of the host, in a namespace of its own, the client."""

from . import network_figures
from .bad_link import BadLink
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
    with Namespace(queues=cpus) as network:
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


def _measure_bad_link(setup: Setup, results: Results, world: World, seed: int) -> None:
    time = ["--seconds=0.5", f"--warmup={0.2 if setup.quick else 0.5}"]
    with BadLink(setup.programs.parent, isinstance(world, Process)) as network:
        machine = Machine(accel=setup.accel, memory_kib=MEMORY_KIB, network=network)
        program = [*network.client, str(setup.programs / "netbench"), "client", f"--address={GUEST}", "--congestion=cubic"]
        test = ["tcp-bw", f"--bytes={LARGE}", f"--connections={network_figures.BAD_LINK_CONNECTIONS}"]
        with running(world, "netbench", ["server", "--congestion=cubic"], machine) as server:
            with network.faults():
                execute([*program, "connections", "--seconds=0.1", f"--patience={SECONDS_TO_BOOT}"], timeout=MOST_SECONDS)
            for (way, faults), figure in network_figures.BAD_LINK.items():
                with network.faults(*faults, f"--seed={seed}"):
                    output = execute([*program, *test, f"--direction={way}", *time, "--patience=10"], timeout=MOST_SECONDS)
                rates = list(output.figures().values())
                if rates:
                    results.add(figure, world.name, rates[0])
                else:
                    results.note(f"`netbench tcp-bw` over a link with {' '.join(faults) or 'no faults'} did not end in the world “{world.name}”.")
                    progress(f"  netbench, {world.name}: {output.text()}\n{server.text()}")
                    if server.ended():
                        return
            with network.faults():
                execute([*program, "connections", "--seconds=0.01", "--stop"], timeout=MOST_SECONDS)


def _count_packets(setup: Setup, results: Results, world: World) -> None:
    with Namespace() as network:
        machine = Machine(icount=True, memory_kib=MEMORY_KIB, network=network)
        client = [*network.enter, str(setup.programs / "netbench"), "client", "udp-latency", "tcp-latency", f"--address={GUEST}"]
        # Half of what the server counts: the client begins with as many for warming up. It pauses so that the server's call that sends
        # has ended before the next message comes.
        client += [f"--bytes={_list(network_figures.PACKET_SIZES)}", "--rounds=1000", "--pause=200", f"--patience={SECONDS_TO_BOOT}", "--stop"]
        with running(world, "netbench", ["server", "--count"], machine) as server:
            execute(client, timeout=MOST_SECONDS)
            figures = server.output(5).figures()
    for key, figure in network_figures.PACKETS.items():
        if key in figures:
            results.add(figure, world.name, figures[key])
        else:
            results.note(f"`{key}` was not counted in the world “{world.name}”.")


def sockets(setup: Setup, results: Results) -> None:
    """What messages and connections cost without a device."""
    count_then_time(setup, results, "sockets", Machine.memory_kib, network_figures.CALL_INSTRUCTIONS, network_figures.CALL_TIMES)


def network(setup: Setup, results: Results) -> None:
    """TCP, UDP and connections over a TAP device."""
    rounds = min(setup.rounds, MOST_ROUNDS)
    try:
        for world in setup.guests:
            progress(f"network: instructions, {world.name}")
            _count_packets(setup, results, world)
        for number in range(rounds):
            for cpus in network_figures.CPUS:
                for world in setup.worlds:
                    if isinstance(world, Process) and cpus > 1:
                        continue
                    progress(f"network: round {number + 1} of {rounds}, {cpus} CPU(s), {world.name}")
                    _measure(setup, results, world, cpus)
            for world in setup.worlds:
                progress(f"network: round {number + 1} of {rounds}, bad link, {world.name}")
                _measure_bad_link(setup, results, world, number + 1)
    except NoNamespace as reason:
        results.note(f"The network: {reason}.")
