"""Measures noise, and draws how many detours of which length there were."""

import math

from . import noise_figures
from .collect import ICOUNT_TSC_MHZ, Setup, progress, run
from .figures import EREMITE, GUEST, WORLDS, Results
from .machine import Machine, Process, World
from .noise_figures import COUNTED, LONGEST_AND_P99, ONE_CPU, SECTIONS, TWO_CPUS
from .plot import COLOURS, WIDTH, document, rectangle, text

# Detours a second and CPU, by the power of two of their length.
Histogram = dict[int, float]


def _once(setup: Setup, results: Results, world: World, section: str, machine: Machine) -> None:
    arguments = ["--count", f"--tsc-mhz={ICOUNT_TSC_MHZ}"] if machine.icount else [f"--tsc-mhz={setup.tsc_mhz:.3f}"]
    if setup.quick:
        arguments.append("--quick")
    output = run(setup, results, world, "noise", arguments, machine)
    if output is None:
        return
    values = output.figures()
    if not isinstance(world, Process) and values.get("cpus") != machine.cpus:
        results.note(f"`noise` in the world “{world.name}” saw {values.get('cpus', 0):.0f} CPUs instead of {machine.cpus}.")
        return
    for figure in SECTIONS[section]:
        results.add(figure, world.name, values[figure.key])
    if section == COUNTED and world.name in (EREMITE, GUEST):
        results.add(LONGEST_AND_P99, world.name, values["hourglass_longest" if world.name == EREMITE else "hourglass_p99"])
    bins = {int(key.removeprefix("detours_")).bit_length() - 1: value for key, value in values.items() if key.startswith("detours_")}
    per_second = {power: count / values["seen_seconds"] for power, count in bins.items()}
    results.histograms.setdefault((section, world.name), []).append(per_second)


def noise(setup: Setup, results: Results) -> None:
    """One computing thread for each CPU."""
    progress("noise: instructions")
    for world in setup.guests:
        _once(setup, results, world, COUNTED, Machine(icount=True))
    for number in range(setup.rounds):
        for section, cpus in ((ONE_CPU, 1), (TWO_CPUS, 2)):
            progress(f"noise: time, {section.lower()}, round {number + 1} of {setup.rounds}")
            for world in setup.worlds:
                # A process cannot be given fewer CPUs than the host has.
                if cpus == 2 or not isinstance(world, Process):
                    _once(setup, results, world, section, Machine(accel=setup.accel, cpus=cpus))


PANEL_HEIGHT = 210
PLOT_HEIGHT = 120
LEFT = 70
FIRST_POWER, LAST_POWER = 5, 24  # of two: 32 ns to 16 ms
LEAST, MOST = 0.1, 1e5  # detours a second, on a logarithmic axis


def _mean(runs: list[Histogram]) -> Histogram:
    powers = {power for run_ in runs for power in run_}
    return {power: sum(run_.get(power, 0) for run_ in runs) / len(runs) for power in powers}


def _length(power: int) -> str:
    value = 1 << power
    for factor, name in ((1 << 20, " M"), (1 << 10, " k")):
        if value >= factor:
            return f"{value // factor}{name}"
    return str(value)


def _panel(section: str, worlds: dict[str, Histogram], top: float) -> list[str]:
    bottom = top + 40 + PLOT_HEIGHT
    step = (WIDTH - LEFT - 30) / (LAST_POWER - FIRST_POWER + 1)
    title = f"{section}: detours a second and CPU, by their length in {'instructions' if section == COUNTED else 'nanoseconds'}"
    elements = [text(20, top + 22, title, size=15, weight="bold")]
    for power in range(round(math.log10(LEAST)), round(math.log10(MOST)) + 1, 2):
        y = bottom - PLOT_HEIGHT * (power - math.log10(LEAST)) / math.log10(MOST / LEAST)
        elements.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 30}" y2="{y:.1f}" stroke="#ddd"/>')
        elements.append(text(LEFT - 8, y + 4, f"{10.0**power:,.10g}", size=11, anchor="end", colour="#555"))
    for power in range(FIRST_POWER, LAST_POWER + 1):
        x = LEFT + step * (power - FIRST_POWER)
        if (power - FIRST_POWER) % 2 == 0:
            elements.append(text(x, bottom + 16, _length(power), size=11, anchor="middle", colour="#555"))
        width = (step - 6) / max(len(worlds), 1)
        for place, (world, histogram) in enumerate(worlds.items()):
            # What lies outside the axis is counted at its end.
            rate = sum(value for at, value in histogram.items() if min(max(at, FIRST_POWER), LAST_POWER) == power)
            if rate > 0:
                height = max(1.5, PLOT_HEIGHT * math.log10(max(rate, LEAST) / LEAST) / math.log10(MOST / LEAST))
                elements.append(rectangle(x + 3 + place * width, bottom - height, width, height, COLOURS[world]))
    silent = [world for world, histogram in worlds.items() if not histogram]
    if silent:
        elements.append(text(WIDTH - 30, top + 22, f"{', '.join(silent)}: none at all", size=13, anchor="end"))
    return elements


def plot(results: Results) -> str:
    """The SVG document; empty when there is nothing to draw."""
    elements: list[str] = []
    x = 20.0
    for world in WORLDS:
        elements.append(rectangle(x, 44, 14, 14, COLOURS[world]))
        elements.append(text(x + 20, 56, world))
        x += 50 + 8 * len(world)
    elements.append(text(20, 30, "Detours of a thread that has a CPU to itself", size=19, weight="bold"))
    y = 70.0
    for section in noise_figures.SECTIONS:
        worlds = {world: _mean(results.histograms[section, world]) for world in WORLDS if (section, world) in results.histograms}
        if worlds:
            elements += _panel(section, worlds, y)
            y += PANEL_HEIGHT
    return document(elements, y) if results.histograms else ""
