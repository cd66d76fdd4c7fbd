"""Makes a small volume with some of everything: make_volume.py MKE2FS FILE. Without checksums, behind which nothing could be changed."""

import os
import pathlib
import subprocess
import sys
import tempfile


def main() -> None:
    tool, image = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "folder").mkdir()
        for i in range(60):
            (root / "folder" / f"a file with number {i}").write_text("x" * i)
        (root / "folder" / "below").mkdir()
        (root / "folder" / "below" / "deep").write_text("contents")
        (root / "long").symlink_to("x" * 100)
        (root / "short").symlink_to("folder")
        with open(root / "scattered", "wb") as file:
            for i in range(40):
                file.seek(i * 8192)
                file.write(b"data")
        (root / "large").write_bytes(bytes(range(256)) * 200)
        os.setxattr(root / "large", "user.key", b"value") if hasattr(os, "setxattr") and attributes_work(root) else None
        pathlib.Path(image).unlink(missing_ok=True)
        subprocess.run([tool, "-q", "-F", "-t", "ext4", "-b", "1024", "-N", "128", "-J", "size=1", "-O", "^metadata_csum,^resize_inode", "-d", root, image,
                        "3M"], check=True)


def attributes_work(folder: pathlib.Path) -> bool:
    try:
        os.setxattr(folder, "user.test", b"x")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
