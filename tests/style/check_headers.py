"""Every header compiles alone, and a second time without redefining anything. What follows -- are flags of the compiler.

What the build has shown is not compiled again: a header with `#pragma once` that a source, or a header that compiles alone, has
before anything else compiles alone, too."""

import json
import re
import subprocess
import sys
from pathlib import Path

from options import environment, finish, parser, split_at_dashes

BLANK = re.compile(r"(?:\s|//[^\n]*\n)*")
ONCE = re.compile(r"#pragma once\n")
INCLUDE = re.compile(r'#include "([^"]+)"')


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


def begins_with(text: str) -> tuple[bool, Path | None]:
    """Whether a text is read once only, and what it includes before anything else, if that is a header of ours."""
    at = BLANK.match(text).end()
    once = ONCE.match(text, at)
    include = INCLUDE.match(text, BLANK.match(text, once.end() if once else at).end())
    return once is not None, Path(include[1]) if include else None


class Headers:
    """Those that are to compile alone, and those that do."""

    def __init__(self, source: Path, headers: list[Path]):
        self._beginnings = {header: begins_with((source / header).read_text(encoding="utf-8")) for header in headers}
        self._shown: set[Path] = set()
        self._source = source

    def show(self, header: Path | None, since: float) -> None:
        """Something compiled then that has this header before anything else."""
        while header in self._beginnings and header not in self._shown:
            once, following = self._beginnings[header]
            if not once or (self._source / header).stat().st_mtime > since:
                return
            self._shown.add(header)
            header = following

    def show_objects(self, folders: list[str], commands: Path) -> None:
        """What CMake says of all objects (compile_commands.json)."""
        for entry in json.loads(commands.read_text()):
            words = entry["command"].split()
            file, target = Path(entry["file"]), commands.parent / words[words.index("-o") + 1]
            if not file.is_relative_to(self._source) or file.suffix != ".cpp" or not target.exists():
                continue
            file = file.relative_to(self._source)
            if any(file.is_relative_to(folder) for folder in folders):
                self.show(begins_with((self._source / file).read_text(encoding="utf-8"))[1], target.stat().st_mtime)

    def compile(self, compiler: str, flags: list[str]) -> list[str]:
        """All others; those first that have others of them before anything else."""
        followers = {following for _, following in self._beginnings.values()}
        offences = []
        for header in sorted(self._beginnings, key=lambda h: (h in followers, h)):
            if header in self._shown:
                continue
            if offence := compile_alone(compiler, self._source, header, flags):
                offences.append(offence)
            else:
                self.show(header, float("inf"))
        return offences


def main() -> None:
    words, flags = split_at_dashes(sys.argv[1:])
    p = parser(__doc__)
    p.add_argument("--folders", nargs="+", required=True, help="those that are not there are passed over")
    p.add_argument("--without", nargs="+", default=[], help="folders below them whose headers need what is not there")
    p.add_argument("--commands", type=Path, required=True, help="the build's compile_commands.json")
    options = p.parse_args(words)
    found = headers_in(options.source, options.folders, options.without)
    headers = Headers(options.source, found)
    headers.show_objects(options.folders, options.commands)
    finish("headers", len(found), headers.compile(options.compiler, flags))


if __name__ == "__main__":
    main()
