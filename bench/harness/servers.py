"""Servers of the distribution that both guests run unmodified: requests a second of 30 connections."""

import re
import time
from pathlib import Path

from . import network_figures
from .collect import Setup, progress
from .figures import Results
from .machine import Machine, Process, World, execute
from .namespace import GUEST, Namespace, NoNamespace, Running, running

MEMORY_KIB = 256 * 1024
CONNECTIONS, PIPELINE = 30, 16
MOST_ROUNDS = 3
SECONDS_TO_START = 30

NGINX_CONFIGURATION = b"""
daemon off;
master_process off;
error_log /dev/null;
pid /tmp/nginx.pid;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    server {
        listen 80;
        root /pages;
    }
}
"""
# Who servers become that root starts.
USERS = {"etc/passwd": b"root:x:0:0::/:/\nnobody:x:65534:65534::/:/\n", "etc/group": b"root:x:0:\nnogroup:x:65534:\n", "tmp/.empty": b""}


def _nginx(setup: Setup, results: Results, world: World, machine: Machine, client: list[str]) -> None:
    seconds = 0.5 if setup.quick else 2
    words = ["client", "http", f"--address={GUEST}", "--port=80", "--path=/page.html", f"--connections={CONNECTIONS}", f"--seconds={seconds}"]
    output = execute([*client, str(setup.programs / "netbench"), *words, f"--patience={SECONDS_TO_START}"], timeout=60)
    if "http" in output.figures():
        results.add(network_figures.NGINX[machine.cpus], world.name, output.figures()["http"])
    else:
        _failed(results, world, "nginx", output.text())


def _redis(setup: Setup, results: Results, world: World, machine: Machine, client: list[str]) -> None:
    benchmark = [*client, str(_folder(setup, "redis") / "redis-benchmark"), "-h", GUEST, "-t", "set,get", "--csv"]
    end = time.monotonic() + SECONDS_TO_START
    while execute([*benchmark, "-c", "1", "-n", "1"], timeout=SECONDS_TO_START).status != 0 and time.monotonic() < end:
        time.sleep(0.1)
    requests = 10_000 if setup.quick else 50_000
    output = execute([*benchmark, "-c", str(CONNECTIONS), "-P", str(PIPELINE), "-n", str(requests), "-r", "1000"], timeout=60)
    for command, figure in network_figures.REDIS[machine.cpus].items():
        found = re.search(rf'^"{command}","([0-9.]+)"', output.text(), re.MULTILINE)
        if found:
            results.add(figure, world.name, float(found[1]))
        else:
            _failed(results, world, "Redis", output.text())


def _failed(results: Results, world: World, server: str, said: str) -> None:
    results.note(f"{server} in the world “{world.name}” did not answer all requests.")
    progress(f"  {server}, {world.name}: {said}")


def _folder(setup: Setup, server: str) -> Path:
    return setup.programs.parent / "tests" / "servers" / server


SERVERS = {
    "nginx": (["-c", "/nginx.conf"], {"nginx.conf": NGINX_CONFIGURATION, "pages/page.html": b"x" * 611 + b"\n"}, _nginx),
    "redis": (["/redis.conf"], {"redis.conf": b'save ""\nprotected-mode no\n'}, _redis),
}


def _measure(setup: Setup, results: Results, server: str, world: World, cpus: int) -> None:
    arguments, files, measure = SERVERS[server]
    with Namespace(queues=cpus) as network:
        machine = Machine(accel=setup.accel, memory_kib=MEMORY_KIB, cpus=cpus, network=network, files={**USERS, **files})
        running_server: Running
        with running(world, f"../tests/servers/{server}/{server}", arguments, machine, seconds_to_end=0) as running_server:
            measure(setup, results, world, machine, network.client if cpus == 1 else network.enter)
            if running_server.ended():
                progress(f"  {server}, {world.name}: it ended:\n{running_server.text()}")


def servers(setup: Setup, results: Results) -> None:
    """nginx and Redis over a TAP device."""
    rounds = min(setup.rounds, MOST_ROUNDS)
    for server in SERVERS:
        if not (_folder(setup, server) / server).exists():
            results.note(f"{server}: the test `e2e.servers.{server}` makes its program, where Debian's sources can be had.")
            continue
        try:
            for number in range(rounds):
                for cpus in network_figures.CPUS:
                    for world in (world for world in setup.worlds if not isinstance(world, Process)):
                        progress(f"{server}: round {number + 1} of {rounds}, {cpus} CPU(s), {world.name}")
                        _measure(setup, results, server, world, cpus)
        except NoNamespace as reason:
            results.note(f"{server}: {reason}.")
