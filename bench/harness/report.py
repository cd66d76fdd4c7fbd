"""The tables: Markdown with ratios and targets."""

from pathlib import Path

from .figures import BITS_PER_SECOND, BYTES, COUNT, EREMITE, GUEST, INSTRUCTIONS, MORE_IS_BETTER, PARTS_PER_MILLION, PER_SECOND, PROCESS, RATE, RATIO
from .figures import Figure, Results, Values
from .pages import Page

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
    if unit in (INSTRUCTIONS, COUNT):
        return _scaled(value, [(1e6, "million")]) if value >= 1e6 else f"{value:,.0f}"
    if unit == BYTES:
        return _scaled(value, [(1 << 20, "MiB"), (1 << 10, "KiB")])
    if unit == RATIO:
        return f"{value:.2f}"
    if unit == PARTS_PER_MILLION:
        return f"{value / 1e4:.3g} %"
    if unit == BITS_PER_SECOND:
        return _scaled(value, [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1, "bit/s")])
    if unit in (PER_SECOND, RATE):
        return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}"
    return _scaled(value, [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")])


def ratio(values: Values, world: str, unit: str) -> str:
    """How many times better Eremite is than the other world."""
    if EREMITE not in values or world not in values or min(values[EREMITE], values[world]) <= 0:
        return MISSING
    factor = values[EREMITE] / values[world] if unit in MORE_IS_BETTER else values[world] / values[EREMITE]
    return f"{factor:,.0f}" if factor >= 100 else f"{factor:.3g}" if factor >= 10 else f"{factor:.2f}"


def verdict(figure: Figure, values: Values) -> str:
    if figure.target is None:
        return ""
    met = figure.target.met(values)
    return f"{figure.target.text}: " + ("not measured" if met is None else "**met**" if met else "**missed**")


def table(results: Results, page: Page, section: str, accel: str) -> str:
    """The Markdown table of a section; empty when none of its figures was measured."""
    rows = [figure for figure in page.figures(accel) if figure.section == section and results.values(figure)]
    if not rows:
        return ""
    with_process = any(PROCESS in results.values(figure) for figure in rows)
    head = ["", EREMITE, GUEST] + ([PROCESS] if with_process else [])
    more_is_better = rows[0].unit in MORE_IS_BETTER
    others = (GUEST, PROCESS) if with_process else (GUEST,)
    head += [f"{EREMITE} / {world}" if more_is_better else f"{world} / {EREMITE}" for world in others] + ["target"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 2) + ["---"]]
    for figure in rows:
        values = results.values(figure)
        worlds = (EREMITE, GUEST, PROCESS) if with_process else (EREMITE, GUEST)
        cells = [figure.title] + [quantity(values[world], figure.unit) if world in values else MISSING for world in worlds]
        cells += [ratio(values, world, figure.unit) for world in worlds[1:]] + [verdict(figure, values)]
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def tables(results: Results, page: Page, accel: str) -> str:
    parts = []
    for section, comment in page.sections.items():
        text = table(results, page, section, accel)
        if text:
            parts.append(f"## {section}\n\n{comment}\n\n{text}\n")
    return "\n".join(parts)


def document(results: Results, page: Page, accel: str, facts: list[str], rounds: int, plot: Path | None) -> str:
    """The whole page; `plot` is the picture to show, which stands in the same folder."""
    picture = f"![{page.picture}]({plot.name})\n\n" if plot else ""
    text = page.introduction.format(accel=accel.upper(), plot=picture, facts="\n".join(f"* {fact}" for fact in facts), rounds=rounds)
    text += tables(results, page, accel)
    if results.notes:
        text += "\n## Not measured\n\n" + "\n".join(f"* {note}" for note in results.notes) + "\n"
    return text
