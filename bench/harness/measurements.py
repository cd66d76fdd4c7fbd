"""The measurements by the name that `--only` takes."""

from . import collect, files, network, noise, servers, threads

MEASUREMENTS = {
    "boot": collect.boot,
    "memory": collect.memory,
    "size": collect.size,
    "syscalls": collect.calls,
    "compute": collect.compute,
    "threads": threads.threads,
    "sharing": threads.sharing,
    "parallel": threads.parallel,
    "noise": noise.noise,
    "files": files.files,
    "sockets": network.sockets,
    "network": network.network,
    "servers": servers.servers,
}
