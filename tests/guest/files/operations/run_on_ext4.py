#!/usr/bin/env python3
"""Runs the file operations as a Linux process on an ext4 of its own. Exit status: 0 passed, 1 failed, 77 skipped."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
# Seen by nobody else, and gone with the program.
SCRIPT = 'mount -o loop "$1" "$2" || exit 77; "$3" "$2"; status=$?; umount "$2"; exit $status'


def main():
    program = sys.argv[1]
    for tool in ("mkfs.ext4", "unshare", "mount"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return SKIPPED
    with tempfile.TemporaryDirectory(prefix="eremite-ext4-") as folder:
        volume = pathlib.Path(folder) / "volume"
        place = pathlib.Path(folder) / "mounted"
        place.mkdir()
        with open(volume, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-b", "4096", "-I", "256", volume], check=True, timeout=60)
        result = subprocess.run(["unshare", "--mount", "sh", "-c", SCRIPT, "sh", volume, place, program], capture_output=True, text=True, timeout=60)
    if result.returncode == SKIPPED:
        print(f"skipped: this machine allows no loop mount: {result.stderr.strip()}")
        return SKIPPED
    print("".join(line for line in result.stdout.splitlines(keepends=True) if not line.startswith("ok ")) + result.stderr)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
