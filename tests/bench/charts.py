"""Write plots as SVG: bars with their numbers, or points over an axis."""

import math
from collections.abc import Sequence
from html import escape

from bench.results import Plot, shown

WIDTH, LEFT, RIGHT = 900, 380, 80  # pixels: the plot, its labels, the numbers after the bars
ROW, HEAD = 24, 50
AREA_HEIGHT = 300  # pixels: height of the area with the points
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
MAX_MARKS = 5  # maximum of numbers on an axis


def svg(plot: Plot) -> str:
    """Return the plot as an SVG file."""
    body, height = _lines(plot) if plot.x else _bars(plot)
    title = f"{plot.title} ({plot.unit})"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13">'
    )
    return "\n".join([
        head,
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(20, 25, title, "start", ' font-size="16"'),
        *body,
        "</svg>\n",
    ])  # fmt: skip


def _bars(plot: Plot) -> tuple[list[str], int]:
    most = max((value for *_, value in plot.points), default=1.0) or 1.0
    body = []
    for number, (series, label, value) in enumerate(plot.points):
        top = HEAD + ROW * number
        long = (WIDTH - LEFT - RIGHT) * value / most
        name = f"{series} {label}".strip()
        colour = COLOURS[_series(plot).index(series) % len(COLOURS)]
        body += [
            _text(LEFT - 8, top + 15, name, "end"),
            f'<rect x="{LEFT}" y="{top + 2}" width="{long:.1f}" height="{ROW - 6}" fill="{colour}"/>',
            _text(LEFT + long + 6, top + 15, shown(value), "start"),
        ]
    return body, HEAD + ROW * len(plot.points) + 20


def _lines(plot: Plot) -> tuple[list[str], int]:
    left, bottom, wide = 80, HEAD + AREA_HEIGHT, WIDTH - 80 - 200
    right = max((float(x) for _, x, _ in plot.points), default=1.0) or 1.0
    top = max((value for *_, value in plot.points), default=1.0) or 1.0
    body = [
        f'<path d="M{left} {HEAD}V{bottom}H{left + wide}" fill="none" stroke="black"/>',
        _text(left + wide / 2, bottom + 45, plot.x, "middle"),
    ]
    body += [
        _text(left + wide * mark / right, bottom + 20, shown(mark), "middle")
        for mark in _marks(right)
    ]
    body += [
        _text(left - 8, bottom - AREA_HEIGHT * mark / top + 4, shown(mark), "end")
        for mark in _marks(top)
    ]
    for number, series in enumerate(_series(plot)):
        colour = COLOURS[number % len(COLOURS)]
        places = [
            f"{left + wide * float(x) / right:.1f},{bottom - AREA_HEIGHT * value / top:.1f}"
            for name, x, value in plot.points
            if name == series
        ]
        body.append(f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}"/>')
        body += [
            f'<circle cx="{place.split(",")[0]}" cy="{place.split(",")[1]}" r="3" fill="{colour}"/>'
            for place in places
        ]
        body.append(_text(left + wide + 20, HEAD + 20 * number + 10, series, "start", f' fill="{colour}"'))  # fmt: skip
    return body, bottom + 60


def _series(plot: Plot) -> Sequence[str]:
    return list(dict.fromkeys(series for series, *_ in plot.points))


def _marks(most: float) -> list[float]:
    """Return round numbers from 0 to at most ``most``."""
    step = 10 ** math.floor(math.log10(most / MAX_MARKS))
    step *= next(m for m in (1, 2, 5, 10) if most / (m * step) <= MAX_MARKS)
    return [step * number for number in range(int(most / step) + 1)]


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
