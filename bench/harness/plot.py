"""A bar plot on a logarithmic scale, written as SVG."""

import math
from dataclasses import dataclass
from html import escape

from . import figures
from .figures import EREMITE, GUEST, NANOSECONDS, PROCESS, Figure, Results
from .pages import Page
from .report import quantity

# Colours that people with any colour vision tell apart (Okabe and Ito's palette).
COLOURS = {EREMITE: "#0072b2", GUEST: "#e69f00", PROCESS: "#8c8c8c"}

WIDTH = 960
LABEL_WIDTH = 300
# Room for the value at the end of the longest bar.
VALUE_WIDTH = 100
MARGIN = 20
BAR_HEIGHT = 13
BAR_GAP = 2
ROW_GAP = 14
TICK_LABEL_HEIGHT = 36
PANEL_TITLE_HEIGHT = 34
LEGEND_HEIGHT = 64


def text(x: float, y: float, content: str, size: int = 13, anchor: str = "start", colour: str = "#222", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
        f' font-weight="{weight}" paint-order="stroke" stroke="white" stroke-width="3">{escape(content)}</text>'
    )


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


@dataclass
class Panel:
    """One axis with the figures that share its unit."""

    title: str
    unit: str
    worlds: tuple[str, ...]
    rows: list[tuple[Figure, dict[str, float]]]

    def draw(self, top: float) -> tuple[list[str], float]:
        """The elements, and the height that they take."""
        values = [max(value, 1.0) for _, row in self.rows for value in row.values()]
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        # A bar whose value is the axis' first power of ten would have no length.
        if first == math.log10(min(values)) and first > 0:
            first -= 1
        last = max(last, first + 1)
        left, width = MARGIN + LABEL_WIDTH, WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH

        def position(value: float) -> float:
            return left + width * (math.log10(max(value, 1.0)) - first) / (last - first)

        row_heights = [len(row) * (BAR_HEIGHT + BAR_GAP) + ROW_GAP for _, row in self.rows]
        plot_top = top + PANEL_TITLE_HEIGHT
        plot_bottom = plot_top + sum(row_heights) + ROW_GAP / 2
        elements = [text(MARGIN, top + 20, self.title, size=16, weight="bold")]
        for power in range(first, last + 1):
            x = position(10.0**power)
            elements.append(
                f'<line x1="{x:.1f}" y1="{plot_top:.1f}" x2="{x:.1f}" y2="{plot_bottom:.1f}" stroke="#ddd" stroke-width="1"/>'
            )
            for line, words in enumerate(self.tick_label(power)):
                elements.append(text(x, plot_bottom + 16 + 14 * line, words, size=12, anchor="middle", colour="#555"))
        y = plot_top + ROW_GAP / 2
        for (figure, row), height in zip(self.rows, row_heights):
            bars = height - ROW_GAP
            elements.append(text(left - 12, y + bars / 2 + 4, figure.title.replace("`", ""), anchor="end"))
            for world in self.worlds:
                if world not in row:
                    continue
                end = position(row[world])
                elements.append(rectangle(left, y, max(end - left, 1.5), BAR_HEIGHT, COLOURS[world]))
                elements.append(text(end + 6, y + BAR_HEIGHT - 2.5, quantity(row[world], self.unit), size=12))
                y += BAR_HEIGHT + BAR_GAP
            y += ROW_GAP
        return elements, plot_bottom + TICK_LABEL_HEIGHT - top

    def tick_label(self, power: int) -> list[str]:
        """The lines of the label at a power of ten; long words stand below their number, since labels are narrow."""
        if self.unit == NANOSECONDS:
            return [f"{10 ** (power % 3)} {('ns', 'µs', 'ms', 's')[power // 3]}"]
        return [f"{10**power:,}"] if power < 6 else [f"{10 ** (power % 3)}", ("million", "billion")[power // 3 - 2]]


def panels(results: Results, page: Page, accel: str) -> list[Panel]:
    answer = []
    for panel in page.panels:
        wanted = (figure for figure in page.figures(accel) if figure.section in panel.sections and figure.unit == panel.unit)
        rows = [(figure, values) for figure in wanted if (values := results.values(figure))]
        worlds = tuple(world for world in figures.WORLDS if any(world in row for _, row in rows))
        if rows:
            answer.append(Panel(panel.title, panel.unit, worlds, rows))
    return answer


def document(elements: list[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
        ' font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" role="img">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>', *elements, "</svg>"]) + "\n"


def plot(results: Results, page: Page, accel: str) -> str:
    """The SVG document; empty when there is nothing to draw."""
    parts = panels(results, page, accel)
    if not parts:
        return ""
    elements = [text(MARGIN, 30, "One program, three worlds", size=19, weight="bold")]
    x = MARGIN
    for world in (world for world in figures.WORLDS if any(world in panel.worlds for panel in parts)):
        elements.append(rectangle(x, 44, 14, 14, COLOURS[world]))
        elements.append(text(x + 20, 56, world))
        x += 50 + 8 * len(world)
    y = float(LEGEND_HEIGHT + MARGIN / 2)
    for panel in parts:
        drawn, height = panel.draw(y)
        elements += drawn
        y += height + MARGIN
    return document(elements, y)
