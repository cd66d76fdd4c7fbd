"""What machine code may not do in which part. Each rule takes an Instruction and returns the reason why it may not be there,
or None. The `eremite` command is a host program, which no rule concerns: it holds ring-0 code only as data for a trial machine.
"""

import re

from disassembly import Instruction

# Fault in ring 3, or (the second line) do so under CR4.UMIP or CR4.PCE. Intel SDM vol. 2.
PRIVILEGED = re.compile(
    r"^(cli|sti|hlt|clts|clac|stac|invd|wbinvd|wbnoinvd|invlpg\w?|invpcid|l[gil]dt[wlq]?|ltr|lmsw|rdmsr|wrmsr|swapgs|sysretl?q?"
    r"|sysexitl?q?|xsetbv|xsaves(64)?|xrstors(64)?|monitor|mwait|rsm|in|out|ins[bwl]|outs[bwl]|skinit"
    r"|vm(call|clear|func|launch|resume|ptrld|ptrst|readq?|writeq?|xoff|xon|run|mcall|load|save)"
    r"|rdpmc|s[gil]dt[wlq]?|str|smsw)$"
)
CONTROL_REGISTER = re.compile(r"%(cr|db|dr)\d")
# Change of privilege or code segment: legal in ring 3, but only where entry.S says why.
FAR_TRANSFER = re.compile(r"^(iret[wlq]?|int|int1|into|syscall|sysenter|ljmp\w?|lcall\w?|lret\w?)$")
VECTOR_REGISTER = re.compile(r"%(xmm|ymm|zmm|mm|st\b|st\(|k[0-7]\b|bnd|tmm)")
# x87 and the control of vector units. fxsave, xsave and their counterparts only store state, and are not among them.
VECTOR_INSTRUCTION = re.compile(r"^(f(?!xsave|xrstor)\w+|v?(ld|st)mxcsr|emms|wait|vzero\w+)$")

# Instructions of ring 3 that stand in one place only, with the function (libos/arch/x86_64/entry.S and cpu.cpp).
LIBOS_PLACES = {
    "iretq": {"return_from_trap", "eremite_trap_exit_check"},  # the end of an upcall: from ring 3 to ring 3
    "syscall": {"probe_syscall_ring"},  # the probe that finds out where `syscall` lands
    "wrgsbase": {"eremite_libos_start", "eremite_libos_cpu_start"},  # GS is the CPU block, set once
    "wrfsbase": {"eremite::arch::set_thread_pointer(unsigned long)"},  # the program's TLS
}
# What moves the program's registers to and from memory.
LIBOS_VECTOR_PLACES = {"save_vectors", "restore_vectors"}

# What the supervisor may use, as mnemonics without size suffix. A host without hardware for ring 0 interprets it: not every
# instruction is known there, so the list grows only by what was tried on such a host.
SUPERVISOR_SYSTEM = {
    "cli", "sti", "hlt", "lgdt", "lidt", "ltr", "invlpg", "rdmsr", "wrmsr", "xsetbv", "in", "out", "outs", "iretq", "cpuid", "rdtsc", "ud2",
    "ljmp",
}  # fmt: skip
SUPERVISOR_INTEGER = {
    "mov", "movabs", "movz", "movs", "lea", "push", "pop", "xchg", "add", "adc", "sub", "sbb", "inc", "dec", "neg", "imul", "mul", "and",
    "or", "xor", "not", "shl", "shr", "sar", "test", "cmp", "bt", "bts", "call", "jmp", "ret", "nop", "cld", "leave", "cltq", "cqto",
}  # fmt: skip
CONDITIONAL = re.compile(r"^(j|cmov|set)(n?[abceglopsz]|n?[abgl]e|p[eo])$")
# Fault on such hosts, where no `syscall` lands in ring 0, so that these stubs are never entered there.
SUPERVISOR_PLACES = {"sysretq": {"syscall_stubs", "syscall_probe_stub"}, "sysretl": set()}


def privileged(i: Instruction) -> bool:
    return bool(PRIVILEGED.match(i.mnemonic) or (i.mnemonic.startswith("mov") and CONTROL_REGISTER.search(i.operands)))


def vector(i: Instruction) -> bool:
    return bool(VECTOR_REGISTER.search(i.operands) or VECTOR_INSTRUCTION.match(i.mnemonic))


def libos(i: Instruction) -> str | None:
    """The library OS: ring 3, no vector or floating-point registers."""
    if i.mnemonic == "(bad)":
        return "not an instruction"
    if privileged(i):
        return "a privileged instruction outside the supervisor"
    if vector(i) and i.function not in LIBOS_VECTOR_PLACES:
        return "a vector or floating-point register"
    places = LIBOS_PLACES.get(i.mnemonic)
    if places is None and FAR_TRANSFER.match(i.mnemonic):
        return "a far transfer"
    if places is not None and i.function not in places:
        return f"{i.mnemonic} stands only in {', '.join(sorted(places))}"
    return None


def base_mnemonics(mnemonic: str) -> set[str]:
    """The mnemonic with and without what may be a size suffix: movzbl is movz, pushq is push."""
    candidates = {mnemonic}
    if mnemonic.startswith(("movz", "movs")):
        candidates.add(mnemonic[:4])
    if mnemonic[-1] in "bwlq":
        candidates.add(mnemonic[:-1])
    return candidates


def supervisor(i: Instruction) -> str | None:
    """The supervisor: only what an interpreted ring 0 has."""
    if i.mnemonic in SUPERVISOR_PLACES:
        places = SUPERVISOR_PLACES[i.mnemonic]
        return None if i.function in places else f"{i.mnemonic} stands only in {', '.join(sorted(places))}"
    if vector(i):
        return "a vector or floating-point register, which an interpreted ring 0 does not have"
    if re.search(r"%(db|dr)\d", i.operands):
        return "a debug register"
    if base_mnemonics(i.mnemonic) & (SUPERVISOR_SYSTEM | SUPERVISOR_INTEGER) or CONDITIONAL.match(i.mnemonic):
        return None
    return "not among what is known to work in an interpreted ring 0"
