"""The Linux guest to compare with: Debian's cloud kernel and a one-program initramfs."""

import struct
import subprocess
from pathlib import Path, PurePosixPath

PACKAGE = "linux-image-cloud-amd64"

# Compression formats of a bzImage payload: magic and the command that decompresses standard input.
DECOMPRESSORS = {
    b"\x02\x21\x4c\x18": ["lz4", "-dc"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dc"],
    b"\xfd7zXZ\x00": ["xz", "-dc"],
    b"\x1f\x8b\x08": ["gzip", "-dc"],
    b"BZh": ["bzip2", "-dc"],
    b"\x5d\x00\x00": ["xz", "--format=lzma", "-dc"],
}


class GuestError(Exception):
    """The Linux guest cannot be prepared; the message says why."""


def extract_vmlinux(bz_image: bytes) -> bytes:
    """The ELF kernel inside a bzImage, which is what PVH boot needs (kernel documentation, x86/boot.rst)."""
    if bz_image[0x202:0x206] != b"HdrS":
        raise GuestError("the kernel is not a bzImage")
    setup_sectors = bz_image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", bz_image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = bz_image[start : start + length]
    for magic, command in DECOMPRESSORS.items():
        if payload.startswith(magic):
            break
    else:
        raise GuestError(f"unknown kernel compression, magic {payload[:8].hex()}")
    try:
        # The payload ends with its uncompressed size, which some of the programs report as trailing garbage: the size is the check.
        result = subprocess.run(command, input=payload, capture_output=True, check=False)
    except FileNotFoundError:
        raise GuestError(f"the kernel is compressed with {command[0]}: install the package of that name") from None
    (size,) = struct.unpack_from("<I", payload, len(payload) - 4)
    if len(result.stdout) != size or not result.stdout.startswith(b"\x7fELF"):
        raise GuestError(f"{command[0]} did not decompress the kernel: {result.stderr.decode(errors='replace')}")
    return result.stdout


def kernel_package() -> str:
    """The versioned package that Debian's cloud kernel metapackage depends on."""
    answer = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True, check=False).stdout
    for line in answer.splitlines():
        word = line.split()
        if len(word) == 2 and word[0] == "Depends:" and word[1].startswith("linux-image-"):
            return word[1]
    raise GuestError(f"apt knows no {PACKAGE}: this needs Debian's package lists (apt-get update)")


def prepare_kernel(folder: Path) -> Path:
    """Downloads Debian's cloud kernel into `folder` (nothing is installed) and returns the path of its vmlinux."""
    vmlinux = folder / "vmlinux"
    if vmlinux.exists():
        return vmlinux
    folder.mkdir(parents=True, exist_ok=True)
    package = kernel_package()
    download = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob(f"{package}_*.deb"))
    if download.returncode != 0 or not archives:
        raise GuestError(f"apt-get download {package} failed: {download.stderr.strip()}")
    subprocess.run(["dpkg-deb", "-x", archives[-1], folder / "root"], check=True)
    images = sorted((folder / "root" / "boot").glob("vmlinuz-*"))
    if not images:
        raise GuestError(f"{package} holds no kernel")
    partial = folder / "vmlinux.partial"
    partial.write_bytes(extract_vmlinux(images[-1].read_bytes()))
    partial.rename(vmlinux)
    (folder / "release").write_text(images[-1].name.removeprefix("vmlinuz-"))
    return vmlinux


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One member of a cpio archive in the `newc` format (cpio(5)): 13 numbers of 8 hexadecimal digits, name and data padded to 4."""
    name_bytes = name.encode() + b"\0"
    numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name_bytes), 0]
    header = b"070701" + b"".join(b"%08x" % number for number in numbers) + name_bytes
    return header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)


def module(root: Path, name: str) -> bytes:
    """A driver of the kernel that was unpacked in `root`."""
    found = list(root.glob(f"lib/modules/*/kernel/**/{name}.ko"))
    if not found:
        raise GuestError(f"the kernel has no module {name}")
    return found[0].read_bytes()


def archive(files: dict[str, bytes]) -> bytes:
    """Files that can all be executed, with the directories that they stand in, each before what is in it."""
    directory, executable = 0o040755, 0o100755
    folders = sorted({str(folder) for name in files for folder in PurePosixPath(name).parents} - {"."})
    entries = [_entry(folder, directory) for folder in folders] + [_entry(name, executable, data) for name, data in files.items()]
    return b"".join(entries)


def end() -> bytes:
    return _entry("TRAILER!!!", 0)


def initramfs(files: dict[str, bytes], modules: list[bytes]) -> bytes:
    """An archive of files, one of them /init, with the device nodes that programs open, so that nothing has to be mounted. The modules
    stand in /modules under names in their order."""
    character_device = 0o020666
    drivers = {f"modules/{number:02}.ko": data for number, data in enumerate(modules)}
    return b"".join(
        [
            archive({**files, **drivers, "dev/.empty": b""}),
            _entry("dev/console", character_device, device=(5, 1)),
            _entry("dev/null", character_device, device=(1, 3)),
            _entry("dev/zero", character_device, device=(1, 5)),
            end(),
        ]
    )
