"""A link with faults between a server, be it a guest or a process of the host, and a client: `tests/e2e/link`, since few kernels have tc-netem(8)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .namespace import GUEST, HOST, TAP, Namespace, NoNamespace, run_command

LINK = Path("tests/e2e/impaired_link")
CABLE = "cable0"
SERVER, CLIENT = "server", "client"


class BadLink(Namespace):
    """The client has a namespace of its own behind a virtual cable; so has the server if it is a process. The link is between the two."""

    def __init__(self, build: Path, server_is_process: bool) -> None:
        self._link = build / LINK
        self._server_is_process = server_is_process
        if not self._link.exists():
            raise NoNamespace(f"{LINK} is not built")

    def _prepare(self) -> None:
        self.client = self._behind_cable(CLIENT, CABLE, HOST)
        if self._server_is_process:
            self.enter = self._behind_cable(SERVER, TAP, GUEST)
        else:
            self._add_tap()
            run_command("ip", "-n", self._name, "link", "set", TAP, "up")
        # Each packet has its own fate, as on a wire.
        self.device_options = "".join(f",{side}_{kind}=off" for side in ("host", "guest") for kind in ("tso4", "tso6", "ufo"))

    def _behind_cable(self, role: str, here: str, address: str) -> list[str]:
        """Makes a namespace with a cable to ours; returns what enters it."""
        name = self._make(f"{self._name}-{role}")
        run_command("ip", "-n", self._name, "link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", name)
        run_command("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        run_command("ip", "-n", name, "link", "set", "eth0", "up", "gso_max_segs", "1")
        run_command("ip", "-n", self._name, "link", "set", here, "up")
        return ["ip", "netns", "exec", name]

    @contextmanager
    def faults(self, *options: str) -> Iterator[None]:
        """The link is there within the context."""
        command = ["ip", "netns", "exec", self._name, str(self._link), TAP, CABLE, *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as link:
            try:
                if link.stdout.readline() != b"ready\n":
                    raise NoNamespace(f"`{' '.join(command)}` failed")
                yield
            finally:
                link.terminate()
