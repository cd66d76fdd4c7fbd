"""Where files are beside memory: folders of the host and volumes, as devices that both guests get alike."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .machine import Machine, RunError, Storage

VIRTIO = ("virtio_ring", "virtio", "virtio_mmio")


def find_daemon() -> Path | None:
    places = [shutil.which("virtiofsd"), "/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"]
    return next((Path(place) for place in places if place and Path(place).exists()), None)


class SharedFolder(Storage):
    """An empty folder of the host in memory, shared by virtio-fs."""

    name = "virtio-fs"
    modules = (*VIRTIO, "fuse", "virtiofs")
    mount = "virtiofs:share"
    argument = f"share:{Storage.directory}"

    def __enter__(self) -> "SharedFolder":
        # In memory, so that the host's disk is not what is measured.
        self._folder = tempfile.TemporaryDirectory(prefix="eremite-bench-", dir="/dev/shm")
        shared = Path(self._folder.name) / "shared"
        shared.mkdir()
        self._socket = Path(self._folder.name) / "socket"
        command = [str(find_daemon()), "-f", f"--socket-path={self._socket}", "-o", f"cache=auto,xattr,log_level=err,source={shared}"]
        self._daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1000):
            if self._socket.exists():
                return self
            time.sleep(0.01)
        self.__exit__()
        raise RunError("virtiofsd does not listen")

    def __exit__(self, *_: object) -> None:
        # It ends with the machine, unless there was none.
        try:
            self._daemon.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        self._folder.cleanup()

    def options(self, machine: Machine) -> list[str]:
        memory = f"memory-backend-memfd,id=memory,size={machine.memory_kib}K,share=on"
        device = "vhost-user-fs-device,chardev=share,tag=share"
        return ["-object", memory, "-machine", "memory-backend=memory", "-chardev", f"socket,id=share,path={self._socket}", "-device", device]
