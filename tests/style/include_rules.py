"""Which folder may include from which: the layers of the design."""

import re
from collections.abc import Iterator

QUOTED = re.compile(r'^\s*#\s*include\s+"(?P<path>[^"]+)"', re.MULTILINE)

# Each may also include from itself.
MAY_USE = {
    "base": set(),
    "abi": set(),
    "virtio": {"base"},
    "netstack": {"base"},
    "supervisor": {"base", "abi"},
    "libos": {"base", "abi", "virtio", "netstack"},
    "vmm": {"base", "abi", "virtio"},
    "cli": {"base", "abi", "virtio", "vmm"},
}
# Inside libos/, from the lowest layer up: each may include those before it, and others of its own layer. Folders that are
# not named here (arch, log, platform, random) serve several layers.
LIBOS_LAYERS = [{"sync"}, {"mm"}, {"sched"}, {"fs", "network", "socket", "drivers", "ipc", "process"}, {"syscall", "trace"}, {"init"}]
CPU_FOLDER = "libos/arch/x86_64/"


def layer_of(folder: str) -> int | None:
    return next((n for n, layer in enumerate(LIBOS_LAYERS) if folder in layer), None)


def offence(path: str, included: str) -> str | None:
    """Why the file `path` may not include `included` (both relative to the source folder), or None."""
    here, there = path.split("/"), included.split("/")
    if there[0] not in MAY_USE or here[0] not in MAY_USE:
        return None
    if there[0] != here[0] and there[0] not in MAY_USE[here[0]]:
        return f"{here[0]}/ may not use {there[0]}/"
    if included.startswith(CPU_FOLDER) and not path.startswith("libos/arch/"):
        return f"only libos/arch/ may use {CPU_FOLDER}"
    if here[0] == there[0] == "libos":
        mine, theirs = layer_of(here[1]), layer_of(there[1])
        if mine is not None and theirs is not None and theirs > mine:
            return f"libos/{here[1]}/ lies below libos/{there[1]}/"
    return None


def offences(path: str, text: str) -> Iterator[str]:
    for match in QUOTED.finditer(text):
        if reason := offence(path, match["path"]):
            yield f"{path}: includes {match['path']}: {reason}"
