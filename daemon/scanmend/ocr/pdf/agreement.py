"""A text layer against the picture of its page: some of its pieces are recognised and compared.

What a PDF says of its characters (ToUnicode, CMaps, an earlier OCR) may be wrong, and no rule on the text alone
can see it. So a few pieces, those with numbers first, are read from the picture. Drawn text is judged character by
character over what its font was seen to say; once a character of a font has agreed it is not looked at again in
the same document. The layer of an OCR program is judged page by page, and strictly: its numbers must agree.
"""

import unicodedata
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from scanmend.ocr.pdf.characters import UNMAPPED, Glyph
from scanmend.ocr.pdf.runs import Run
from scanmend.page import Box

UNLIKE = 0.3  # share of characters in which such a piece and its reading agree, at most
MOST_UNLIKE = 12  # characters of such pieces: the font shows another script
PIECES = 6  # that are recognised at a time
LONGEST = 36  # characters of a piece
LEAST = 3  # letters and digits of a piece that can be judged
SURE = 0.8  # confidence of a reading that is evidence
FOREIGN_SURE = 0.95  # the same where the layer has another script than the engine reads
DRAWN = 0.6  # share of characters that must agree in drawn text
EARLIER = 0.93  # the same in a layer that an OCR program made
DENIALS = 3  # readings of a character as another one, and none as itself: its map is wrong
MOST_UNMAPPED, MOST_UNMAPPED_SHARE = (
    2,
    0.003,
)  # characters within words that may be without a meaning
DOCUMENTS = 4  # whose fonts are remembered

# what engines take for each other, also in clean print: no evidence against a map
_ALIKE = str.maketrans({
    "0": "o", "q": "o", "1": "l", "i": "l", "|": "l", "!": "l", "j": "l", "5": "s", "2": "z", "8": "b", "6": "b", "9": "g",
    "ø": "o", "ł": "l", "ı": "l", "đ": "d", "ß": "b", "æ": "a", "œ": "o", "þ": "p", "ð": "d", "µ": "u", "v": "u", "c": "e",
})  # fmt: skip
_READABLE = (
    "LATIN",
    "DIGIT",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "FULLWIDTH",
    "SUPERSCRIPT",
    "SUBSCRIPT",
)

Recognise = Callable[[Sequence["Piece"]], Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some glyphs of a run that are recognised together; ``box`` in the run's frame."""

    run: Run
    glyphs: tuple[Glyph, ...]
    text: str
    box: Box


class Fonts:
    """Which characters of which fonts have agreed with the picture, in one document."""

    def __init__(self) -> None:
        self._agreed: dict[str, set[str]] = defaultdict(set)

    def unproven(self, glyphs: Sequence[Glyph]) -> set[tuple[str, str]]:
        """Return the pairs of font and character, letters and digits alone, that have not agreed yet."""
        return {
            (glyph.paint.face, glyph.text)
            for glyph in glyphs
            if glyph.text[0].isalnum() and glyph.text not in self._agreed.get(glyph.paint.face, ())
        }

    def agree(self, face: str, text: str) -> None:
        """Note that a character of a font looks like what it says."""
        self._agreed[face].add(text)


_documents: OrderedDict[Any, Fonts] = OrderedDict()


def fonts_of(document: Any) -> Fonts:
    """Return what is known of the fonts of a document, by a key that changes with its file."""
    fonts = _documents.pop(document, None) or Fonts()
    _documents[document] = fonts
    while len(_documents) > DOCUMENTS:
        _documents.popitem(last=False)
    return fonts


def drawn_disagrees(runs: Sequence[Run], fonts: Fonts, recognise: Recognise) -> str:
    """Return why drawn text is not what the page shows, for a warning; "" when it is, as far as can be told."""
    votes = _Votes()
    tried: set[int] = set()
    for _ in range(3):
        pieces = _chosen(runs, lambda glyphs: fonts.unproven(glyphs) | votes.denied(glyphs), tried)
        if not pieces:
            break
        for piece, (read, confidence) in zip(pieces, recognise(pieces), strict=True):
            votes.count(piece, read, confidence)
        if votes.wrong():
            return votes.example()
        if not votes.doubtful():
            break
    for face, text in votes.agreed():
        fonts.agree(face, text)
    return ""


def earlier_disagrees(runs: Sequence[Run], recognise: Recognise) -> tuple[str, float]:
    """Return why the layer of an OCR program is not what the page shows, and the share of it that was read so.

    The reason is "" when it is what the page shows.
    """
    pieces = _chosen(runs, lambda glyphs: {(g.paint.face, str(g.index)) for g in glyphs}, set())
    matched = total = 0
    worst, example = 1.0, ""
    for piece, (read, confidence) in zip(pieces, recognise(pieces) if pieces else (), strict=True):
        said, seen = _bare(piece.text), _bare(read)
        if _foreign(piece.text) > 0.3 or not said:
            continue
        share = Levenshtein.normalized_similarity(said, seen)
        if confidence < SURE and share > UNLIKE:
            continue  # a worn line: the engine can't tell
        matched += round(share * len(said))
        total += len(said)
        if _digits(said) != _digits(seen):
            share = min(share, 0.5)
        if share < worst:
            worst, example = share, _told(piece.text, read)
    agrees = not total or (matched >= EARLIER * total and worst > 0.5)
    return "" if agrees else example, matched / total if total else 1.0


class _Votes:
    """Readings of drawn characters: as what they say, or as something else."""

    def __init__(self) -> None:
        self._same: Counter[tuple[str, str]] = Counter()
        self._other: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._matched = self._total = 0
        self._digits_same = self._digits_other = 0
        self._unlike = 0  # characters that should be plain to read, and are not
        self._worst = (1.0, "")

    def count(self, piece: Piece, read: str, confidence: float) -> None:
        """Count what was read of a piece."""
        said = [(g, _alike(g.text)) for g in piece.glyphs]
        said = [(g, a) for g, a in said if a]
        ours, seen = "".join(a for _, a in said), _alike(read)
        foreign = _foreign(piece.text) > 0.3
        if ours and confidence < SURE and not foreign:
            self._count_unlike(ours, seen, piece.text, read)
        if not ours or confidence < (FOREIGN_SURE if foreign else SURE) or len(seen) < LEAST:
            return
        share = Levenshtein.normalized_similarity(ours, seen)
        if foreign and (share > 0.3 or _foreign(read) > 0):
            return
        self._total += len(ours)
        self._matched += round(share * len(ours))
        if share < self._worst[0]:
            self._worst = (share, _told(piece.text, read))
        owners = [g for g, a in said for _ in a]
        for change in Levenshtein.opcodes(ours, seen):
            there = seen[change.dest_start : change.dest_end]
            self._pair(change.tag, owners[change.src_start : change.src_end], there)

    def _count_unlike(self, ours: str, seen: str, said: str, read: str) -> None:
        """Count a piece that is plain by the layer, and that the engine can make nothing of."""
        if seen and Levenshtein.normalized_similarity(ours, seen) < UNLIKE:
            self._unlike += len(ours)
            if self._worst[0] == 1.0:
                self._worst = (1.0, _told(said, read))

    def _pair(self, tag: str, glyphs: Sequence[Glyph], seen: str) -> None:
        for number, glyph in enumerate(glyphs):
            key = (glyph.paint.face, glyph.text)
            if tag == "equal":
                self._same[key] += 1
                self._digits_same += glyph.text.isdigit()
            elif tag == "replace" and _latin(other := seen[min(number, len(seen) - 1)]):
                self._other[key][other] += 1
                self._digits_other += glyph.text.isdigit()

    def _denied(self, key: tuple[str, str]) -> int:
        return (
            0
            if self._same[key] or not _latin(key[1])
            else max(self._other[key].values(), default=0)
        )

    def denied(self, glyphs: Sequence[Glyph]) -> set[tuple[str, str]]:
        """Return the characters of the glyphs that were read as something else alone."""
        keys = {(g.paint.face, g.text) for g in glyphs}
        return {key for key in keys if key in self._other and self._denied(key)}

    def doubtful(self) -> bool:
        """Return whether more should be read before it is decided."""
        some_unlike = self._unlike > 0 or self._matched < 0.9 * self._total
        return some_unlike or any(self._denied(key) for key in self._other)

    def wrong(self) -> bool:
        """Return whether the map of the characters is wrong."""
        if self._unlike >= MOST_UNLIKE and self._unlike > 2 * self._total:
            return True
        if self._total < 2 * LEAST:
            return False
        if self._matched < DRAWN * self._total:
            return True
        if self._digits_other >= DENIALS and self._digits_other > self._digits_same:
            return True
        return sum(self._denied(key) >= DENIALS for key in self._other) >= 1

    def example(self) -> str:
        """Return the piece that differs most, for a warning."""
        return self._worst[1]

    def agreed(self) -> list[tuple[str, str]]:
        """Return the characters that were read as what they say."""
        return [key for key, count in self._same.items() if count > sum(self._other[key].values())]


def _chosen(
    runs: Sequence[Run],
    wanted: Callable[[Sequence[Glyph]], set[tuple[str, str]]],
    tried: set[int],
) -> list[Piece]:
    """Return pieces that hold most of what is wanted, numbers first; ``tried``: glyphs not to be taken again."""
    pieces = [
        p
        for run in runs
        if run.frame.angle % 90 == 0 and not run.frame.mirrored
        for p in _cut(run)
        if p.glyphs[0].index not in tried
    ]
    chosen: list[Piece] = []
    have: set[tuple[str, str]] = set()
    worth = {id(p): wanted(p.glyphs) for p in pieces}
    while len(chosen) < PIECES:
        best = max(pieces, key=lambda p: _worth(worth[id(p)] - have, p), default=None)
        if best is None or not worth[id(best)] - have:
            break
        chosen.append(best)
        pieces.remove(best)
        tried.add(best.glyphs[0].index)
        have |= worth[id(best)]
    return chosen


def _worth(pairs: set[tuple[str, str]], piece: Piece) -> float:
    if not pairs:
        return 0.0
    digits = sum(text.isdigit() for _, text in pairs)
    return len(pairs) + 3 * digits + 0.1 * sum(c.isdigit() for c in piece.text)


def _cut(run: Run) -> list[Piece]:
    """Return the run in pieces of whole words that can be judged."""
    visual = sorted(run.glyphs, key=lambda g: run.frame.place(g.x, g.y)[0])
    pieces = []
    start = 0
    while start < len(visual):
        end = min(len(visual), start + LONGEST)
        glyphs = tuple(visual[start:end])
        text = "".join(g.text for g in glyphs)
        if sum(c.isalnum() for c in text) >= LEAST and UNMAPPED not in text:
            places = [run.frame.box(g.cell) for g in glyphs]
            box = Box(min(p.x0 for p in places), run.box.y0, max(p.x1 for p in places), run.box.y1)
            pieces.append(Piece(run, glyphs, text, box))
        start = end
    return pieces


def _bare(text: str) -> str:
    """Return letters and digits alone, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if c.isalnum())


def _alike(text: str) -> str:
    return _bare(text).translate(_ALIKE)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _latin(text: str) -> bool:
    return unicodedata.name(text[0], "").startswith(("LATIN", "DIGIT"))


def _foreign(text: str) -> float:
    """Return the share of letters in scripts that the engine does not read."""
    letters = [c for c in text if c.isalnum()]
    foreign = sum(not unicodedata.name(c, "").startswith(_READABLE) for c in letters)
    return foreign / max(1, len(letters))


def _told(said: str, read: str) -> str:
    return f"it says {said[:40]!r}, the page shows {read[:40]!r}"
