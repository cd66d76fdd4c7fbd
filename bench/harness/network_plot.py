"""Lines of bandwidth over the size of messages, on logarithmic scales, written as SVG."""

import math

from . import network_figures
from .figures import BITS_PER_SECOND, WORLDS, Figure, Results
from .network_figures import CPUS, SIZES, WAYS, size_text
from .plot import COLOURS, WIDTH, document, rectangle, text
from .report import quantity

LEFT, RIGHT = 110, 30
PLOT_HEIGHT = 300
PANEL_HEIGHT = PLOT_HEIGHT + 90


def _panel(title: str, figures: list[tuple[int, Figure]], results: Results, top: float) -> list[str]:
    points = {
        world: [(size, values[world]) for size, figure in figures if world in (values := results.values(figure)) and values[world] > 0]
        for world in WORLDS
    }
    known = [value for line in points.values() for _, value in line]
    if not known:
        return []
    lowest, highest = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    highest = max(highest, lowest + 1)
    largest = math.log2(max(size for size, _ in figures))
    bottom = top + 40 + PLOT_HEIGHT

    def across(size: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log2(size) / largest

    def up(value: float) -> float:
        return bottom - PLOT_HEIGHT * (math.log10(value) - lowest) / (highest - lowest)

    elements = [text(20, top + 22, title, size=15, weight="bold")]
    for power in range(lowest, highest + 1):
        y = up(10.0**power)
        elements.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        elements.append(text(LEFT - 8, y + 4, quantity(10.0**power, BITS_PER_SECOND), size=11, anchor="end", colour="#555"))
    for size, _ in figures:
        # Its label would stand on that of its neighbour.
        if size != network_figures.SMALL:
            elements.append(text(across(size), bottom + 18, size_text(size), size=11, anchor="middle", colour="#555"))
    for world, line in points.items():
        path = " ".join(f"{across(size):.1f},{up(value):.1f}" for size, value in line)
        elements.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[world]}" stroke-width="2.5"/>')
        for size, value in line:
            elements.append(f'<circle cx="{across(size):.1f}" cy="{up(value):.1f}" r="3.5" fill="{COLOURS[world]}"/>')
    return elements


def plot(results: Results) -> str:
    """The SVG document; empty when there is nothing to draw."""
    elements = [text(20, 30, "TCP: bandwidth over the size of messages", size=19, weight="bold")]
    x = 20.0
    for world in WORLDS:
        elements.append(rectangle(x, 44, 14, 14, COLOURS[world]))
        elements.append(text(x + 20, 56, world))
        x += 50 + 8 * len(world)
    y = 70.0
    for cpus, cpus_text in CPUS.items():
        for way, way_text in WAYS.items():
            figures = [(size, network_figures.BANDWIDTH[cpus][f"tcp_{way}_{size}"]) for size in SIZES[cpus]]
            panel = _panel(f"{way_text[0].upper()}{way_text[1:]}, {cpus_text}", figures, results, y)
            elements += panel
            y += PANEL_HEIGHT if panel else 0
    return document(elements, y) if y > 70 else ""
