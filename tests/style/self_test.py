"""The checks find offenders: each rule is given something that breaks it, and something that does not."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import check_headers
import check_inline_assembly
import check_instructions
import check_lengths
import check_links
import check_symbols
import include_rules
import instruction_rules
from disassembly import Instruction, disassemble, split
from options import environment, parser

OPTIONS = None


class Objects(unittest.TestCase):
    """With a folder for objects made from assembly or C++."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def assemble(self, text: str) -> str:
        source, target = self.folder / "code.s", self.folder / "code.o"
        source.write_text(text + "\n")
        subprocess.run([OPTIONS.assembler, "-c", source, "-o", target], check=True, env=environment(), timeout=60)
        return str(target)

    def reasons(self, rule, text: str) -> list[str]:
        """One for each instruction that the rule refuses."""
        return [reason for i in disassemble(OPTIONS.objdump, [self.assemble(text)]) if (reason := rule(i))]


class LibosInstructions(Objects):
    def test_privileged_instructions_are_found(self) -> None:
        for text in (
            "cli", "sti", "hlt", "lgdt (%rax)", "lidt (%rax)", "lldt %ax", "ltr %ax", "lmsw %ax", "clts", "invd", "wbinvd", "invlpg (%rax)",
            "invpcid (%rax), %rcx", "rdmsr", "wrmsr", "swapgs", "sysretq", "sysretl", "sysexitl", "iretq", "iretl", "xsetbv", "mov %rax, %cr0",
            "mov %cr3, %rax", "mov %rax, %db7", "mov %db6, %rax", "in %dx, %al", "in $0x60, %eax", "out %al, %dx", "rep insb", "rep outsl", "rdpmc",
            "sgdt (%rax)", "str %ax", "smsw %ax", "vmcall", "clac", "int $0x80", "lretq", "syscall",
        ):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(len(self.reasons(instruction_rules.libos, f"function: nop\n{text}\nret")), 1)

    def test_vector_registers_are_found(self) -> None:
        for text in (
            "pxor %xmm0, %xmm0", "movd %xmm1, %eax", "vaddps %ymm1, %ymm2, %ymm3", "vpaddd %zmm1, %zmm2, %zmm3", "movq %mm0, %rax", "fld1",
            "fadd %st(1), %st", "fninit", "ldmxcsr (%rax)", "cvtsi2sd %rax, %xmm0", "emms", "kmovw %k1, %eax",
        ):  # fmt: skip
            with self.subTest(text):
                self.assertEqual(len(self.reasons(instruction_rules.libos, text)), 1)
                self.assertEqual(len(self.reasons(instruction_rules.supervisor, text)), 1)

    def test_ordinary_code_is_not(self) -> None:
        text = "mov %rax, %rbx\nrep movsb\nlock cmpxchg %rax, (%rbx)\nmov %gs:8, %rax\nrdtsc\ncpuid\nud2\nint3\nrdrand %rax\nxsave (%rax)\npause\nbswap %eax"
        self.assertEqual(self.reasons(instruction_rules.libos, text), [])

    def test_special_instructions_stand_in_their_places(self) -> None:
        self.assertEqual(self.reasons(instruction_rules.libos, "return_from_trap: iretq\nprobe_syscall_ring: syscall"), [])
        self.assertEqual(self.reasons(instruction_rules.libos, "save_vectors: vmovups %ymm0, (%rdi)\nrestore_vectors: fninit"), [])
        self.assertEqual(len(self.reasons(instruction_rules.libos, "elsewhere: iretq\nsyscall\nwrgsbase %rax")), 3)

    def test_a_compiler_that_uses_vectors_is_found(self) -> None:
        source, target = self.folder / "sum.cpp", self.folder / "sum.o"
        source.write_text("double sum(double a, double b) { return a + b; }\n")
        subprocess.run([OPTIONS.compiler, "-O2", "-c", source, "-o", target], check=True, env=environment(), timeout=60)
        self.assertTrue([i for i in disassemble(OPTIONS.objdump, [str(target)]) if instruction_rules.libos(i)])

    def test_executable_sections_are_seen(self) -> None:
        text = '.section other_text, "ax"\nnop\n.section constants, "a"\n.quad 1\n.text\nnop'
        self.assertEqual(check_instructions.executable_sections(OPTIONS.objdump, Path(self.assemble(text))), {".text", "other_text"})


class SupervisorInstructions(Objects):
    def test_what_interpreted_ring_0_lacks_is_found(self) -> None:
        for text in ("swapgs", "int3", "int $0x20", "sysretq", "sysretl", "rdrand %rax", "wbinvd", "pause", "mov %rax, %db7", "rdtscp", "popcnt %rax, %rax"):
            with self.subTest(text):
                self.assertEqual(len(self.reasons(instruction_rules.supervisor, f"function: {text}")), 1)

    def test_what_it_has_is_not(self) -> None:
        text = (
            "mov %cr2, %rax\nmov %rax, %cr3\nrdmsr\nwrmsr\nlidt (%rax)\nltr %ax\ninvlpg (%rax)\nin %dx, %al\nrep outsb\niretq\ncpuid\nmovzbl (%rax), %eax\n"
            "jne 1f\ncmovne %rax, %rbx\nsetb %al\n1: pushq $1\nnopw (%rax)\nsyscall_stubs: sysretq"
        )
        self.assertEqual(self.reasons(instruction_rules.supervisor, text), [])

    def test_the_32_bit_entry_is_read_as_such(self) -> None:
        # In 64-bit mode the first byte of `dec %eax` would be a prefix, and `ljmp` no instruction.
        target = self.assemble(".code32\neremite_entry: dec %eax\nljmp $0x10, $0x1000\nswapgs_free: .code64\nmov %rax, %cr3")
        found = [i.mnemonic for i in check_instructions.supervisor_instructions(OPTIONS.objdump, [target])]
        self.assertEqual(sorted(found), ["dec", "ljmp", "mov"])


class Listings(unittest.TestCase):
    def test_prefixes_and_remarks_are_cut_off(self) -> None:
        self.assertEqual(split("rep stos %al,%es:(%rdi)"), ("stos", "%al,%es:(%rdi)"))
        self.assertEqual(split("data16 cs nopw 0x0(%rax,%rax,1)"), ("nopw", "0x0(%rax,%rax,1)"))
        self.assertEqual(split("lea    0x0(%rip),%rdi        # 7 <f+0x7>"), ("lea", "0x0(%rip),%rdi"))
        self.assertEqual(split("call   b4 <boot_long_mode+0x2a>"), ("call", "b4"))
        self.assertEqual(split("rex.W lock hlt"), ("hlt", ""))

    def test_the_place_is_named(self) -> None:
        self.assertEqual(str(Instruction("a.o", "f", 0x10, "cli", "")), "a.o: f: 10: cli")


class Includes(unittest.TestCase):
    def test_wrong_directions_are_found(self) -> None:
        for path, included in (
            ("base/list.hpp", "abi/boot_info.hpp"),
            ("abi/boot_info.hpp", "base/time.hpp"),
            ("supervisor/x86_64/main.cpp", "libos/log/log.hpp"),
            ("libos/init/main.cpp", "supervisor/x86_64/cpu.hpp"),
            ("libos/init/main.cpp", "cli/report.hpp"),
            ("libos/syscall/time.cpp", "libos/arch/x86_64/cpu_block.hpp"),
            ("libos/mm/fault.cpp", "libos/sched/process.hpp"),
            ("libos/sched/process.hpp", "libos/fs/context.hpp"),
            ("libos/fs/file.hpp", "libos/syscall/adapter.hpp"),
            ("cli/main.cpp", "libos/log/log.hpp"),
        ):
            with self.subTest(path=path, included=included):
                self.assertEqual(len(list(include_rules.offences(path, f'// text\n#include "{included}"\n'))), 1)

    def test_right_directions_are_not(self) -> None:
        for path, included in (
            ("base/list.hpp", "base/address.hpp"),
            ("libos/mm/fault.cpp", "libos/arch/tlb.hpp"),
            ("libos/arch/x86_64/trap.cpp", "libos/arch/x86_64/cpu_block.hpp"),
            ("libos/init/main.cpp", "libos/syscall/time.hpp"),
            ("libos/fs/dev/console_file.cpp", "libos/drivers/console.hpp"),
            ("cli/report.hpp", "abi/host_channel.hpp"),
        ):
            with self.subTest(path=path, included=included):
                self.assertEqual(list(include_rules.offences(path, f'#include "{included}"\n#include <vector>\n')), [])


class Sources(unittest.TestCase):
    def test_inline_assembly_is_found(self) -> None:
        text = '// asm("in a comment")\nconst char* s = "asm(1)";\nvoid f() {\n    asm volatile("nop");\n    __asm__("nop");\n}\n'
        self.assertEqual(
            [o.split(": ")[0] for o in check_inline_assembly.offences("libos/mm/fault.cpp", text)], ["libos/mm/fault.cpp:4", "libos/mm/fault.cpp:5"]
        )
        self.assertEqual(list(check_inline_assembly.offences("libos/arch/cpu.hpp", text)), [])

    def test_long_files_are_found(self) -> None:
        self.assertIsNone(check_lengths.too_long(Path("a.cpp"), 450))
        self.assertIsNotNone(check_lengths.too_long(Path("a.cpp"), 451))

    def test_dead_links_are_found(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            page = Path(name) / "page.md"
            text = "# A, b\n[1](page.md) [2](#a-b) [3](https://example.org) `[x](none)`\n[4](gone.md) [5](#c) [6](page.md#a-b)\n"
            page.write_text(text)
            found = [o.split(" to ")[1] for o in check_links.offences(page, text)]
        self.assertEqual(found, ["gone.md, which is not there", "#c, which has no such section"])

    def test_headers_that_need_others_are_found(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "alone.hpp").write_text("#pragma once\nstruct Alone {};\n")
            (folder / "needy.hpp").write_text("#pragma once\ninline Alone needy;\n")
            (folder / "twice.hpp").write_text("struct Twice {};\n")
            answers = {h: check_headers.compile_alone(OPTIONS.compiler, folder, Path(h), []) for h in ("alone.hpp", "needy.hpp", "twice.hpp")}
        self.assertIsNone(answers["alone.hpp"])
        self.assertIn("Alone", answers["needy.hpp"])
        self.assertIn("redefinition", answers["twice.hpp"])

    def test_what_the_build_has_shown_is_not_compiled_again(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "first.hpp").write_text('// What it is.\n#pragma once\n\n#include "second.hpp"\n#include "third.hpp"\n')
            (folder / "second.hpp").write_text("#pragma once\n#include <cstdint>\n")
            (folder / "third.hpp").write_text("#pragma once\ninline Alone needy;\n")
            (folder / "twice.hpp").write_text("struct Twice {};\n")
            (folder / "later.hpp").write_text("#pragma once\ninline Alone needy;\n")
            for source in ("first", "twice", "later"):
                (folder / f"{source}.cpp").write_text(f'#include "{source}.hpp"\n')
                (folder / f"{source}.o").touch()
            os.utime(folder / "later.o", (0, 0))
            commands = [{"directory": name, "file": f"{folder}/{source}.cpp", "command": f"c++ -o {source}.o -c"} for source in ("first", "twice", "later")]
            (folder / "compile_commands.json").write_text(json.dumps(commands))
            headers = check_headers.Headers(folder, check_headers.headers_in(folder, ["."], []))
            headers.show_objects(["."], folder / "compile_commands.json")
            compiled: list[str] = []
            with unittest.mock.patch.object(check_headers, "compile_alone", lambda _compiler, _source, header, _flags: compiled.append(str(header))):
                headers.compile(OPTIONS.compiler, [])
        self.assertEqual(compiled, ["later.hpp", "third.hpp", "twice.hpp"])


class Symbols(Objects):
    def test_strangers_are_found(self) -> None:
        listed = {"eremite_entry", "eremite_gone"}
        text = ".globl eremite_entry, memcpy\neremite_entry: call printf\n.weak _start\nmemcpy: lea _start, %rax\nlea __ehdr_start, %rax\n.local hidden\nhidden: nop"
        found = check_symbols.symbols(OPTIONS.nm, Path(self.assemble(text)))
        self.assertEqual(
            check_symbols.offences(found, listed),
            [
                "undefined: printf",
                "defined without the prefix eremite_: memcpy",
                "defined but not listed in cmake/kernel/*.symbols: memcpy",
                "listed in cmake/kernel/*.symbols but not defined: eremite_gone",
            ],
        )


if __name__ == "__main__":
    OPTIONS, rest = parser(__doc__).parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
