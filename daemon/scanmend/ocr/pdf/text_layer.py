"""Find the valid part of a page's text layer: the text that the page shows, and with which its picture agrees.

A text layer is evidence, not the page. Two kinds of its characters are valid: those that the page draws, and those that
an OCR program laid over a picture in which the engine reads the same. The caller recognises the rest of the page.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scanmend.ocr.frames import angle_between
from scanmend.ocr.ink.account import holds_print
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.pdf.agreement import (
    MAX_UNLIKE_AGREEMENT,
    drawn_disagreement,
    earlier_disagreement,
    font_memory,
)
from scanmend.ocr.pdf.characters import MAX_CHARACTERS, GlyphReader
from scanmend.ocr.pdf.combining import combined
from scanmend.ocr.pdf.comparison import ExcerptReader
from scanmend.ocr.pdf.coverage import find_lines, share_on, uncovered
from scanmend.ocr.pdf.geometry import scaled
from scanmend.ocr.pdf.glyphs import UNMAPPED, Glyph, GlyphGap
from scanmend.ocr.pdf.open_page import OpenPage
from scanmend.ocr.pdf.runs import Run, runs_of
from scanmend.ocr.pdf.visibility import HiddenGlyph, Visibility, hidden_reason, visibility_of
from scanmend.ocr.rulings import MIN_CONTRAST, Rulings, find_rulings
from scanmend.page import Box, Hidden, HiddenReason

MIN_MAIN_SHARE = 0.5  # of a page's letters, that lie on their side if the page is turned
MAX_LEAN_OF_MAIN = 15.0  # degrees within which text has the page's main direction
# of a text object's characters without meaning, from which it is a drawing
MIN_UNMAPPED_SHARE = 0.25
MIN_ON_LINES = 0.5  # share of an OCR program's text that must lie on lines of the picture
MAX_HIDDEN = 100  # stretches of hidden text that are reported
MAX_HIDDEN_CHARACTERS = 500  # of one of them


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The valid part of a page's text layer.

    ``drawn``: text that the page draws. ``earlier``: text that an OCR program read in the page's pictures. ``hidden``:
    text that the page does not show. ``has_more``: the page shows lines that the layer does not cover.
    ``text_objects``: addresses of the layer's text objects. ``rules``: the rules that the page draws, in its pixels.
    """

    drawn: tuple[Run, ...] = ()
    earlier: tuple[Run, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    warnings: tuple[str, ...] = ()
    has_more: bool = True
    text_objects: frozenset[int] = frozenset()
    rules: Rulings = Rulings()

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return all valid text."""
        return self.drawn + self.earlier


def trusted_layer(page: OpenPage) -> TextLayer:
    """Return the layer as it is in the PDF, without a comparison with the page's picture."""
    glyphs = _glyphs(page) or []
    width, height = page.geometry.size
    on_page = [
        g for g in glyphs if 0 <= g.cell.x0 < width and g.cell.y1 >= 0 and g.cell.y0 < height
    ]
    return TextLayer(tuple(runs_of(on_page)), has_more=False)


def checked_layer(page: OpenPage, document: Hashable, models: LineModels | None) -> TextLayer:
    """Return the part of the layer that the page shows, and with which its picture agrees.

    ``document``: a key that changes with the file. ``models`` find and recognise lines; without them only the
    visibility of the text is checked.
    """
    all_glyphs = _glyphs(page)
    if all_glyphs is None:
        return not_printed(TextLayer(), f"it has more than {MAX_CHARACTERS:,} characters")
    glyphs = _with_meaning(all_glyphs)
    unmapped_count = len(all_glyphs) - len(glyphs)
    notes = [_unmapped_warning(unmapped_count)] if unmapped_count else []
    if not glyphs:
        return TextLayer(warnings=tuple(notes))
    visibility = visibility_of(page.page, glyphs, page.geometry)
    notes += _font_warnings(visibility.fontless)
    exact = sorted((*visibility.drawn, *visibility.fontless), key=lambda g: g.index)
    drawn = tuple(runs_of(exact))
    if models is None:
        earlier = tuple(runs_of(visibility.over_ink))
        return _layer(visibility, visibility.hidden, notes, drawn, earlier, has_more=False)
    reader = ExcerptReader(page, models)
    example = drawn_disagreement(_with_ink(drawn), font_memory(document), reader.read)
    if example:
        return _layer(visibility, visibility.hidden, [*notes, _disagreement_warning(example)])
    lines = find_lines(visibility.background, models.find_lines)
    earlier, hidden, earlier_notes = _earlier_text(visibility, lines, reader)
    boxes = _boxes(drawn + earlier, visibility.scale)
    has_more = bool(uncovered(lines, boxes)) or holds_print(visibility.background, boxes)
    return _layer(visibility, hidden, [*notes, *earlier_notes], drawn, earlier, has_more=has_more)


def _earlier_text(
    visibility: Visibility, lines: Sequence[Box], reader: ExcerptReader
) -> tuple[tuple[Run, ...], list[HiddenGlyph], list[str]]:
    """Return an OCR program's text if the picture agrees with it, all hidden glyphs, and warnings."""
    hidden = list(visibility.hidden)
    earlier = tuple(runs_of(visibility.over_ink))
    if not earlier:
        return (), hidden, []
    example, share = earlier_disagreement(earlier, reader.read)
    on_lines = share_on(lines, _boxes(earlier, visibility.scale))
    if on_lines < MIN_ON_LINES or share < MAX_UNLIKE_AGREEMENT:
        # this is not from an OCR program, but text behind a picture
        hidden += [HiddenGlyph(glyph, hidden_reason(glyph)) for glyph in visibility.over_ink]
        return (), hidden, []
    if example:
        return (), hidden, [_disagreement_warning(example)]
    return earlier, hidden, []


def _layer(
    visibility: Visibility,
    hidden: Sequence[HiddenGlyph],
    notes: Sequence[str],
    drawn: tuple[Run, ...] = (),
    earlier: tuple[Run, ...] = (),
    *,
    has_more: bool = True,
) -> TextLayer:
    warnings = ([_hidden_warning(hidden)] if hidden else []) + list(notes)
    return TextLayer(
        drawn,
        earlier,
        _stretches(hidden),
        tuple(warnings),
        has_more,
        visibility.text_objects,
        _rules(visibility) if drawn or earlier else Rulings(),
    )


def _rules(visibility: Visibility) -> Rulings:
    """Return the rules that a page draws, from its picture without text, in the pixels of its glyphs."""
    background = visibility.background
    if int(background.max()) - int(background.min()) < MIN_CONTRAST:
        return Rulings()
    rules, factor = find_rulings(background), 1 / visibility.scale
    return Rulings(
        tuple(scaled(rule, factor) for rule in rules.horizontal),
        tuple(scaled(rule, factor) for rule in rules.vertical),
    )


def not_printed(layer: TextLayer, reason: str) -> TextLayer:
    """Return a layer without valid text, for one that can't be printed text: hidden text and a warning remain."""
    warning = f"the text layer is no print: {reason}; the page was recognised"
    return TextLayer(hidden=layer.hidden, warnings=(*layer.warnings, warning))


def main_turn(runs: Sequence[Run]) -> int:
    """Return the clockwise turn (90, 180 or 270 degrees) by which most of the text becomes upright; 0 if none does."""
    letters: dict[int, int] = defaultdict(int)
    for run in runs:
        angle = 0 if run.column else round(run.frame.angle / 90) * 90 % 360
        if not run.frame.mirrored and angle_between(run.frame.angle, angle) < MAX_LEAN_OF_MAIN:
            letters[angle] += len(run.glyphs)
    turn = max(letters, key=letters.__getitem__, default=0)
    all_letters = sum(len(run.glyphs) for run in runs)
    return turn if letters[turn] > MIN_MAIN_SHARE * all_letters else 0


# glyphs -------------------------------------------------------------------------------------------


def _glyphs(page: OpenPage) -> list[Glyph] | None:
    """Return the glyphs of the page; None if it has too many characters."""
    text = page.page.get_textpage()
    try:
        if text.count_chars() > MAX_CHARACTERS:
            return None
        return combined(GlyphReader(text, page.geometry).glyphs())
    finally:
        text.close()


def _with_meaning(glyphs: list[Glyph]) -> list[Glyph]:
    """Return the glyphs without those that have no meaning.

    A text object with unmapped characters within words, or with many of them, counts as a drawing: the engine
    recognises it in the picture of the page without text. A single one among words, such as a bullet, is left out.
    """
    all_characters = Counter(g.text_object.address for g in glyphs)
    unmapped = Counter(g.text_object.address for g in glyphs if g.text == UNMAPPED)
    drawings = {
        address
        for address, count in unmapped.items()
        if count == all_characters[address]
        or (count > 1 and count > MIN_UNMAPPED_SHARE * all_characters[address])
    }
    for last, glyph in pairwise(glyphs):
        within_word = last.text_object is glyph.text_object and glyph.gap == GlyphGap.NONE
        if within_word and UNMAPPED in (last.text, glyph.text):
            drawings.add(glyph.text_object.address)
    return [g for g in glyphs if g.text_object.address not in drawings and g.text != UNMAPPED]


def _with_ink(runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose glyphs have ink: the picture does not show glyphs without a font on this machine."""
    return [run for run in runs if not any(glyph.blank for glyph in run.glyphs)]


def _boxes(runs: Sequence[Run], scale: float) -> list[Box]:
    return [scaled(run.page_box, scale) for run in runs]


# hidden text and warnings -------------------------------------------------------------------------


def _stretches(hidden: Sequence[HiddenGlyph]) -> tuple[Hidden, ...]:
    """Return the hidden glyphs as stretches of text, from the top of the page."""
    by_reason: dict[HiddenReason, list[Glyph]] = defaultdict(list)
    for hidden_glyph in hidden:
        by_reason[hidden_glyph.reason].append(hidden_glyph.glyph)
    stretches = [
        Hidden(run.text[:MAX_HIDDEN_CHARACTERS], run.page_box, reason)
        for reason, glyphs in by_reason.items()
        for run in runs_of(glyphs)
    ]
    stretches.sort(key=lambda h: (h.box.y0, h.box.x0))
    return tuple(stretches[:MAX_HIDDEN])


def _hidden_warning(hidden: Sequence[HiddenGlyph]) -> str:
    reasons = sorted({hidden_glyph.reason for hidden_glyph in hidden})
    return f"the page carries {len(hidden)} characters that it does not show ({', '.join(reasons)}); they are not published"


def _font_warnings(fontless: Sequence[Glyph]) -> list[str]:
    fonts = Counter(glyph.text_object.font for glyph in fontless)
    return [
        f"the font {font or 'without a name'} is not in the PDF and no font of this machine replaces it:"
        f" {count} characters were taken from the text layer unseen"
        for font, count in fonts.items()
    ]


def _unmapped_warning(count: int) -> str:
    return f"{count} characters of the text layer have no meaning, or stand with such; they are left to recognition"


def _disagreement_warning(example: str) -> str:
    return f"the text layer is not what the page shows: {example}; it was recognised"
