"""Supervisor and library OS add little to a program: the same one linked with and without them, both stripped. What
follows -- are the linker options of an image."""

import subprocess
import sys
import tempfile
from pathlib import Path

from options import environment, finish, parser, split_at_dashes

MOST_ADDED = 400 << 10


def link(command: list[str], strip: str, image: Path) -> int:
    """Size of the stripped image."""
    subprocess.run([*command, "-o", str(image)], check=True, env=environment(), timeout=120)
    subprocess.run([strip, str(image)], check=True, env=environment(), timeout=60)
    return image.stat().st_size


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--object", type=Path, required=True)
    words, link_options = split_at_dashes(sys.argv[1:])
    options = p.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "hello.o"
        hello = options.source / "examples/hello.cpp"
        subprocess.run([options.compiler, "-std=c++20", "-O2", "-c", hello, "-o", program], check=True, env=environment(), timeout=120)
        plain = link([options.compiler, "-static", "-no-pie", str(program)], options.strip, Path(folder) / "plain")
        image_command = [options.compiler, str(program), str(options.object), *link_options]
        image = link(image_command, options.strip, Path(folder) / "image")
    added = image - plain
    print(f"plain {plain} bytes, image {image} bytes: {added / 1024:.1f} KiB added, of at most {MOST_ADDED >> 10}")
    offences = [] if 0 < added <= MOST_ADDED else [f"{added} bytes are added"]
    finish("image", 1, offences)


if __name__ == "__main__":
    main()
