"""The objects that images link, lib/eremite*.o, take two symbols from the program, show it no others than the listed ones, and give it
no constructors or destructors of globals to run."""

import subprocess
from pathlib import Path

from options import environment, finish, parser

# Of the C library's start files (weak: eremite-kernel has none) and of the linker.
UNDEFINED = {"_start", "__ehdr_start"}
PREFIX = "eremite_"


def symbols(nm: str, path: Path) -> list[tuple[str, str]]:
    """(type, name) of all global and weak symbols, types as nm(1) has them."""
    answer = subprocess.run([nm, "-g", "-P", path], capture_output=True, text=True, check=True, env=environment(), timeout=60)
    return [(line.split()[1], line.split()[0]) for line in answer.stdout.splitlines() if line]


def sections(objdump: str, path: Path) -> set[str]:
    answer = subprocess.run([objdump, "-h", "-w", path], capture_output=True, text=True, check=True, env=environment(), timeout=60)
    return {words[1] for words in map(str.split, answer.stdout.splitlines()) if len(words) > 2}


def offences(found: list[tuple[str, str]], listed: set[str]) -> list[str]:
    undefined = {name for kind, name in found if kind in "Uwv"}
    defined = {name for kind, name in found} - undefined
    answer = [f"undefined: {name}" for name in sorted(undefined - UNDEFINED)]
    answer += [f"no longer undefined: {name}" for name in sorted(UNDEFINED - undefined)]
    answer += [f"defined without the prefix {PREFIX}: {name}" for name in sorted(defined) if not name.startswith(PREFIX)]
    answer += [f"defined but not listed in cmake/kernel/*.symbols: {name}" for name in sorted(defined - listed)]
    answer += [f"listed in cmake/kernel/*.symbols but not defined: {name}" for name in sorted(listed - defined)]
    return answer


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--objects", type=Path, nargs="+", required=True)
    options = p.parse_args()
    listed = {name for file in (options.source / "cmake/kernel").glob("*.symbols") for name in file.read_text().split()}
    found, offending = 0, []
    for path in options.objects:
        of_object = symbols(options.nm, path)
        found += len(of_object)
        offending += [f"{path.name}: {offence}" for offence in offences(of_object, listed)]
        offending += [f"{path.name}: has {name}" for name in sections(options.objdump, path) & {".init_array", ".fini_array", ".ctors", ".dtors"}]
    finish("symbols", found, offending)


if __name__ == "__main__":
    main()
