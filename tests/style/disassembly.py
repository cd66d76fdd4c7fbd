"""Reads machine code with objdump: one Instruction per line of its listing."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from options import environment

PREFIXES = {"lock", "rep", "repz", "repnz", "cs", "ds", "es", "fs", "gs", "ss", "data16", "addr32", "notrack", "bnd"}
FILE = re.compile(r"^(?P<name>\S.*):\s+file format ")
FUNCTION = re.compile(r"^[0-9a-f]+ <(?P<name>.*)>:$")
LINE = re.compile(r"^\s*(?P<address>[0-9a-f]+):\t(?P<text>.*)$")


@dataclass(frozen=True)
class Instruction:
    """In AT&T syntax, prefixes cut off."""

    file: str
    function: str
    address: int
    mnemonic: str
    operands: str

    def __str__(self) -> str:
        return f"{self.file}: {self.function}: {self.address:x}: {self.mnemonic} {self.operands}".rstrip()


def split(text: str) -> tuple[str, str]:
    """Mnemonic and operands of an instruction as objdump writes it, without prefixes and remarks."""
    words = re.sub(r"\s+(#|<).*$", "", text.strip()).split(maxsplit=1)
    while words and (words[0] in PREFIXES or words[0].startswith("rex")):
        words = words[1].split(maxsplit=1) if len(words) > 1 else []
    if not words:
        return "", ""
    return words[0], words[1] if len(words) > 1 else ""


def parse(listing: Iterable[str]) -> Iterator[Instruction]:
    file = function = ""
    for line in listing:
        if match := FILE.match(line):
            file, function = match["name"], ""
        elif match := FUNCTION.match(line):
            function = match["name"]
        elif match := LINE.match(line):
            mnemonic, operands = split(match["text"])
            if mnemonic:
                yield Instruction(file, function, int(match["address"], 16), mnemonic, operands)


def disassemble(objdump: str, files: list[str], mode: str = "x86-64") -> Iterator[Instruction]:
    """All instructions of all executable sections. `mode`: x86-64 or i386."""
    command = [objdump, "-d", "-w", "-C", "--no-show-raw-insn", "-M", mode, *files]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(), timeout=240)
    return parse(answer.stdout.splitlines())
