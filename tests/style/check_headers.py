"""Every header compiles alone, and a second time without redefining anything. What follows -- are flags of the compiler."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from options import environment, finish, parser, split_at_dashes

AT_ONCE = 2


def compile_alone(compiler: str, source: Path, header: Path, flags: list[str]) -> str | None:
    """What the compiler says against it, or None."""
    unit = f'#include "{header}"\n#include "{header}"\n'
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Werror", *flags, f"-I{source}", f"-I{source / header.parent}", "-x", "c++", "-"]
    answer = subprocess.run(command, input=unit, capture_output=True, text=True, cwd=source, env=environment(), timeout=120)
    return None if answer.returncode == 0 else f"{header}: {answer.stderr.strip()}"


def headers_in(source: Path, folders: list[str], without: list[str]) -> list[Path]:
    found = []
    for folder in folders:
        for suffix in ("*.hpp", "*.h"):
            found += [p.relative_to(source) for p in (source / folder).rglob(suffix)]
    return sorted(p for p in found if not any(p.is_relative_to(folder) for folder in without))


def main() -> None:
    words, flags = split_at_dashes(sys.argv[1:])
    p = parser(__doc__)
    p.add_argument("--folders", nargs="+", required=True, help="those that are not there are passed over")
    p.add_argument("--without", nargs="+", default=[], help="folders below them whose headers need what is not there")
    options = p.parse_args(words)
    headers = headers_in(options.source, options.folders, options.without)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda h: compile_alone(options.compiler, options.source, h, flags), headers)
        offences = [answer for answer in answers if answer]
    finish("headers", len(headers), offences)


if __name__ == "__main__":
    main()
