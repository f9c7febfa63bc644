"""Plot each document's CER after correction against its CER before: `make eval-corrector ARGS="--plot FILE.png"`.

A dot below the diagonal is a document that the correction improved. Both axes are logarithmic; a document without errors is on
the edge.
"""

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from bench.corrector_figures import Outcome, distances, plain

SIDE, EDGE = 900, 110  # pixels: side of the square, and margin around it
LEGEND = 140  # pixels: width
MIN_CER, MAX_CER = 0.0005, 1.0  # ends of the axes
DOT = 4  # radius in pixels
TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
COLOURS = (
    *("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e"),
    *("#8c564b", "#e377c2", "#17becf", "#7f7f7f", "#bcbd22"),
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def plot(path: str, title: str, groups: Mapping[tuple[str, ...], Sequence[Outcome]]) -> None:
    """Write the plot; each group of documents has a colour."""
    image = Image.new("RGB", (SIDE + 2 * EDGE + LEGEND, SIDE + 2 * EDGE), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(20)
    _axes(draw, font, title)
    for number, (group, outcomes) in enumerate(groups.items()):
        colour = COLOURS[number % len(COLOURS)]
        for outcome in outcomes:
            cer = _cer(outcome)
            if cer:
                x, y = EDGE + _at(cer[0]), EDGE + SIDE - _at(cer[1])
                draw.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), outline=colour, width=2)
        top = EDGE + 26 * number
        draw.rectangle((SIDE + EDGE + 15, top + 5, SIDE + EDGE + 27, top + 17), fill=colour)
        draw.text((SIDE + EDGE + 34, top), " ".join(group), font=font, fill="black")
    image.save(path)


def _axes(draw: ImageDraw.ImageDraw, font: Font, title: str) -> None:
    draw.rectangle((EDGE, EDGE, EDGE + SIDE, EDGE + SIDE), outline="black")
    draw.line((EDGE, EDGE + SIDE, EDGE + SIDE, EDGE), fill="grey")
    for tick in TICKS:
        at = _at(tick)
        draw.line((EDGE + at, EDGE + SIDE, EDGE + at, EDGE + SIDE + 8), fill="black")
        draw.line((EDGE - 8, EDGE + SIDE - at, EDGE, EDGE + SIDE - at), fill="black")
        text = f"{100 * tick:g}"
        draw.text((EDGE + at - 10, EDGE + SIDE + 14), text, font=font, fill="black")
        draw.text((EDGE - 50, EDGE + SIDE - at - 12), text, font=font, fill="black")
    draw.text((EDGE, 30), title, font=font, fill="black")
    scales = "CER of a document in %: across as read, up as published"
    draw.text((EDGE, 60), scales, font=font, fill="black")


def _cer(outcome: Outcome) -> tuple[float, float] | None:
    """Return the document's CER before and after; None when it has no text."""
    characters = sum(len(plain(line.truth)) for line in outcome.lines)
    if not characters:
        return None
    pairs = [distances(line, outcome.fold) for line in outcome.lines]
    return sum(b for b, _ in pairs) / characters, sum(a for _, a in pairs) / characters


def _at(cer: float) -> float:
    """Return the distance from the axes' origin in pixels."""
    inside = min(MAX_CER, max(MIN_CER, cer))
    return SIDE * math.log(inside / MIN_CER) / math.log(MAX_CER / MIN_CER)
