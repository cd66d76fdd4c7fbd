"""No privileged instruction outside the supervisor, no vector register in either part, and in the supervisor only what an
interpreted ring 0 has. Every object is looked at, and what was made of the library OS's objects."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import instruction_rules
from disassembly import Instruction, disassemble
from options import environment, finish, parser

# The parts of boot.S in 32-bit mode: from these labels to the next.
PARTS_32_BIT = {"eremite_entry", "to_long_mode", "other_cpu"}


def supervisor_instructions(objdump: str, objects: list[str]) -> Iterator[Instruction]:
    for i in disassemble(objdump, objects):
        if i.function not in PARTS_32_BIT:
            yield i
    for i in disassemble(objdump, objects, "i386"):
        if i.function in PARTS_32_BIT:
            yield i


def executable_sections(objdump: str, path: Path) -> set[str]:
    answer = subprocess.run([objdump, "-h", "-w", path], capture_output=True, text=True, check=True, env=environment(), timeout=60)
    return {line.split()[1] for line in answer.stdout.splitlines() if line.rstrip().endswith("CODE") or " CODE," in line}


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--rules", choices=("libos", "supervisor"), required=True)
    p.add_argument("--object", type=Path, help="the prelinked object")
    p.add_argument("--list", type=Path, required=True, help="a file with the objects' paths, one a line")
    options = p.parse_args()
    objects = [line for line in options.list.read_text().splitlines() if line]
    offences = []
    if options.rules == "supervisor":
        instructions, rule = supervisor_instructions(options.objdump, objects), instruction_rules.supervisor
    else:
        instructions, rule = disassemble(options.objdump, [str(options.object), *objects]), instruction_rules.libos
        if (found := executable_sections(options.objdump, options.object)) != {"eremite_libos_text"}:
            offences.append(f"{options.object}: executable sections {sorted(found)}, expected eremite_libos_text alone")
    count = 0
    for i in instructions:
        count += 1
        if reason := rule(i):
            offences.append(f"{i}: {reason}")
    finish("instructions", count, offences)


if __name__ == "__main__":
    main()
