"""A file fits in one reading, and the supervisor, which is what has to be trusted, stays small."""

from pathlib import Path

from options import finish, parser
from source_files import read, source_files

LONGEST_FILE = 450
LONGEST_SUPERVISOR = 1500
FOLDERS = ("base", "abi", "virtio", "netstack", "supervisor", "libos", "vmm", "cli", "cmake", "examples", "bench", "tests")
SUFFIXES = {".cpp", ".hpp", ".h", ".c", ".S", ".s", ".py", ".cmake", ".ld", ".txt"}
SUPERVISOR_SUFFIXES = {".cpp", ".hpp", ".h", ".S"}


def too_long(path: Path, lines: int) -> str | None:
    return f"{path}: {lines} lines, more than {LONGEST_FILE}" if lines > LONGEST_FILE else None


def main() -> None:
    source = parser(__doc__).parse_args().source
    lines = {f: len(read(source / f).splitlines()) for f in source_files(source, FOLDERS, SUFFIXES)}
    offences = [offence for f, n in lines.items() if (offence := too_long(f, n))]
    supervisor = sum(n for f, n in lines.items() if f.parts[0] == "supervisor" and f.suffix in SUPERVISOR_SUFFIXES)
    print(f"supervisor: {supervisor} lines of at most {LONGEST_SUPERVISOR}")
    if not 0 < supervisor <= LONGEST_SUPERVISOR:
        offences.append(f"the supervisor has {supervisor} lines")
    finish("files", len(lines), offences)


if __name__ == "__main__":
    main()
