"""The tables: Markdown with ratios and targets."""

from pathlib import Path

from . import figures
from .figures import BYTES, EREMITE, GUEST, INSTRUCTIONS, PROCESS, Figure, Results, Values

MISSING = "–"


def _scaled(value: float, steps: list[tuple[float, str]]) -> str:
    """The value with three significant digits in the largest unit that it reaches."""
    factor, unit = next((step for step in steps if value >= step[0]), steps[-1])
    number = value / factor
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    text = f"{number:,.{digits}f}"
    return f"{text} {unit}".rstrip()


def quantity(value: float, unit: str) -> str:
    """A value as people read it: `1,358 million`, `325`, `6.31 µs`, `7.25 MiB`."""
    if unit == INSTRUCTIONS:
        return _scaled(value, [(1e6, "million")]) if value >= 1e6 else f"{value:,.0f}"
    if unit == BYTES:
        return _scaled(value, [(1 << 20, "MiB"), (1 << 10, "KiB")])
    return _scaled(value, [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")])


def ratio(values: Values, world: str) -> str:
    """How many times Eremite's value goes into the other world's."""
    if EREMITE not in values or world not in values or values[EREMITE] <= 0:
        return MISSING
    factor = values[world] / values[EREMITE]
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}" if factor >= 10 else f"{factor:.2f}"


def verdict(figure: Figure, values: Values) -> str:
    if figure.target is None:
        return ""
    met = figure.target.met(values)
    return f"{figure.target.text}: " + ("not measured" if met is None else "**met**" if met else "**missed**")


def table(results: Results, section: str, accel: str) -> str:
    """The Markdown table of a section; empty when none of its figures was measured."""
    rows = [figure for figure in figures.all_figures(accel) if figure.section == section and results.values(figure)]
    if not rows:
        return ""
    with_process = any(PROCESS in results.values(figure) for figure in rows)
    head = ["", EREMITE, GUEST] + ([PROCESS] if with_process else [])
    head += [f"{GUEST} / {EREMITE}"] + ([f"{PROCESS} / {EREMITE}"] if with_process else []) + ["target"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 2) + ["---"]]
    for figure in rows:
        values = results.values(figure)
        worlds = (EREMITE, GUEST, PROCESS) if with_process else (EREMITE, GUEST)
        cells = [figure.title] + [quantity(values[world], figure.unit) if world in values else MISSING for world in worlds]
        cells += [ratio(values, world) for world in worlds[1:]] + [verdict(figure, values)]
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


SECTIONS = {
    "Instructions": "Guest instructions, counted by QEMU (`-icount shift=0`). They do not depend on the host's speed or load.",
    "Time": "Medians, on this host. For a process the start is its own, since it has no VMM.",
    "Memory and size": "For the Linux guest the size is that of its compressed kernel, which is delivered beside the program.",
    "Computation": "Time of one run. Only with `--accel kvm` does the comparison with the process say something about Eremite.",
}


def tables(results: Results, accel: str) -> str:
    parts = []
    for section, comment in SECTIONS.items():
        text = table(results, section, accel)
        if text:
            parts.append(f"## {section}\n\n{comment}\n\n{text}\n")
    return "\n".join(parts)


INTRODUCTION = """# The foundation, measured ({accel})

One static C++ program, three worlds: booted by itself in Eremite, as the first process of a Linux guest on the same virtual
machine, and as a process of the host. `bench/run` made this page.

{plot}{facts}

How it is measured: the programs time themselves with the time stamp counter, which all three worlds read without help from a
kernel. Each figure is a median over batches within a run, less the cost of an empty loop, and a median over {rounds} runs, in which
the worlds take turns. Both guests get QEMU's `microvm`, 1 virtual CPU, PVH boot, 128 MiB (1 GiB for system calls and memory,
since Linux declines large pages below 512 MiB) and a CPU without ERMS and FSRM, which QEMU runs a byte at a time. The Linux guest is
told the frequency of the counter and runs the program as `/init` of an initramfs with three device nodes.
Boot counts everything that the virtual machine executes before `main`, QEMU's firmware included; the time the guest is idle counts too.

"""


def page(results: Results, accel: str, facts: list[str], rounds: int, plot: Path | None) -> str:
    """The whole page; `plot` is the picture to show, which stands in the same folder."""
    picture = f"![Instructions and times on a logarithmic scale]({plot.name})\n\n" if plot else ""
    text = INTRODUCTION.format(accel=accel.upper(), plot=picture, facts="\n".join(f"* {fact}" for fact in facts), rounds=rounds)
    text += tables(results, accel)
    if results.notes:
        text += "\n## Not measured\n\n" + "\n".join(f"* {note}" for note in results.notes) + "\n"
    return text
