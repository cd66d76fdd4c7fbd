"""Where files are beside memory: folders of the host and volumes, as devices that both guests get alike."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .machine import Machine, RunError, Storage

VIRTIO = ("virtio_ring", "virtio", "virtio_mmio")
# In memory, so that the host's disk is not what is measured.
MEMORY = "/dev/shm"


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
        self._folder = tempfile.TemporaryDirectory(prefix="eremite-bench-", dir=MEMORY)
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


class Volume(Storage):
    """A file in memory that is a disk with an ext4 file system."""

    name = "virtio-blk"
    modules = (*VIRTIO, "virtio_blk")
    mount = "ext4:/dev/vda"
    argument = f"volume:{Storage.directory}"

    def __enter__(self) -> "Volume":
        self._file = tempfile.NamedTemporaryFile(prefix="eremite-bench-", dir=MEMORY)
        self._file.truncate(1 << 30)
        made = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", self._file.name], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            self._file.close()
            raise RunError(f"mke2fs: {made.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def options(self, machine: Machine) -> list[str]:
        drive = f"file={self._file.name},format=raw,if=none,id=volume,cache=writeback,discard=unmap"
        return ["-drive", drive, "-device", "virtio-blk-device,drive=volume,serial=volume"]
