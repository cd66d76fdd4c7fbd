"""Supervisor and library OS add little to a program: the same one linked with and without them, both stripped. What
follows -- are the linker options of an image."""

import subprocess
import sys
import tempfile
from pathlib import Path

from options import environment, finish, parser, split_at_dashes

MOST_ADDED = 400 << 10
MOST_ADDED_BY_ALL = 1 << 20


def link(command: list[str], strip: str, image: Path) -> int:
    """Size of the stripped image."""
    subprocess.run([*command, "-o", str(image)], check=True, env=environment(), timeout=120)
    subprocess.run([strip, str(image)], check=True, env=environment(), timeout=60)
    return image.stat().st_size


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--core", type=Path, required=True, help="the object without components")
    p.add_argument("--whole", type=Path, required=True, help="the object with all of them")
    p.add_argument("--components", nargs="*", default=[], metavar="NAME=OBJECT", help="the core with one component and what that needs")
    words, link_options = split_at_dashes(sys.argv[1:])
    options = p.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "hello.o"
        hello = options.source / "examples/hello.cpp"
        subprocess.run([options.compiler, "-std=c++20", "-O2", "-c", hello, "-o", program], check=True, env=environment(), timeout=120)
        plain = link([options.compiler, "-static", "-no-pie", str(program)], options.strip, Path(folder) / "plain")

        def added(kernel: str) -> int:
            return link([options.compiler, str(program), kernel, *link_options], options.strip, Path(folder) / "image") - plain

        core = added(str(options.core))
        offences = []
        if not 0 < core <= MOST_ADDED:
            offences.append(f"the core adds {core} bytes")
        print(f"plain {plain} bytes; the core adds {core / 1024:.1f} KiB, of at most {MOST_ADDED >> 10}")
        for name, kernel in (component.split("=", 1) for component in options.components):
            print(f"the component {name} adds {(added(kernel) - core) / 1024:.1f} KiB to that")
        whole = added(str(options.whole))
        if not core <= whole <= MOST_ADDED_BY_ALL:
            offences.append(f"with all components {whole} bytes are added")
        print(f"with all components: {whole / 1024:.1f} KiB, of at most {MOST_ADDED_BY_ALL >> 10}")
    finish("images", len(options.components) + 2, offences)


if __name__ == "__main__":
    main()
