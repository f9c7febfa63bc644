"""Compare a text layer with the picture of its page: recognise some excerpts and judge the layer by them.

The text in a PDF (from ToUnicode, CMaps, an earlier OCR) may be wrong, which only a comparison with the picture can
show. Drawn text is judged character by character: once a character of a font has agreed with the picture, it is not
recognised again in this document. The layer of an OCR program is judged page by page, and strictly: its digits must
agree.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Hashable, Sequence

from rapidfuzz.distance import Levenshtein

from scanmend.ocr.pdf.excerpts import (
    MIN_ALNUM,
    Excerpt,
    ExcerptReading,
    FacedText,
    Recognise,
    alnum,
    choose,
    difference,
    digits,
    foreign_share,
    is_latin,
    without_confusions,
)
from scanmend.ocr.pdf.glyphs import Glyph
from scanmend.ocr.pdf.runs import Run

MAX_ROUNDS = 3  # of excerpts of drawn text that are recognised
SURE_OF_READING = 0.8  # confidence from which a reading is evidence
SURE_OF_FOREIGN_READING = 0.95  # the same if the engine does not read the script of the layer
MIN_FOREIGN_SHARE = 0.3  # of letters in such a script, from which an excerpt counts as foreign
MIN_DRAWN_AGREEMENT = 0.6  # share of the characters that must agree in drawn text
CLEAR_DRAWN_AGREEMENT = 0.9  # the share from which drawn text is judged without more rounds
MIN_EARLIER_AGREEMENT = 0.93  # share of characters that must agree in the layer of an OCR program
# the share in each of its excerpts; different digits count as this share
MIN_EXCERPT_AGREEMENT = 0.5
MAX_UNLIKE_AGREEMENT = 0.3  # share below which a reading has nothing in common with the layer
MIN_UNLIKE_CHARACTERS = 12  # in such excerpts, from which the font is taken to show another script
# readings of a character as another one, and none as itself, that prove its map wrong
MIN_DENIALS = 3
REMEMBERED_DOCUMENTS = 4  # whose font memory is kept


class FontMemory:
    """The characters of one document's fonts that have agreed with the picture."""

    def __init__(self) -> None:
        """Begin without characters."""
        self._agreed: dict[str, set[str]] = defaultdict(set)

    def unproven(self, glyphs: Sequence[Glyph]) -> set[FacedText]:
        """Return the letters and digits of the glyphs that have not agreed yet."""
        return {
            (glyph.text_object.face, glyph.text)
            for glyph in glyphs
            if glyph.text[0].isalnum()
            and glyph.text not in self._agreed.get(glyph.text_object.face, ())
        }

    def add(self, face: str, text: str) -> None:
        """Note that a character of a font has agreed."""
        self._agreed[face].add(text)


_memories: OrderedDict[Hashable, FontMemory] = OrderedDict()


def font_memory(document: Hashable) -> FontMemory:
    """Return the font memory of a document. ``document``: a key that changes with its file."""
    memory = _memories.pop(document, None) or FontMemory()
    _memories[document] = memory
    while len(_memories) > REMEMBERED_DOCUMENTS:
        _memories.popitem(last=False)
    return memory


def drawn_disagreement(runs: Sequence[Run], fonts: FontMemory, recognise: Recognise) -> str:
    """Return an example of how drawn text differs from the picture; "" if no difference is proved."""
    votes = _Votes()
    tried: set[int] = set()
    for _ in range(MAX_ROUNDS):
        excerpts = choose(runs, lambda glyphs: fonts.unproven(glyphs) | votes.denied(glyphs), tried)
        if not excerpts:
            break
        for excerpt, reading in zip(excerpts, recognise(excerpts), strict=True):
            votes.count(excerpt, reading)
        if votes.are_against():
            return votes.example()
        if votes.are_clear():
            break
    for face, text in votes.agreed():
        fonts.add(face, text)
    return ""


def earlier_disagreement(runs: Sequence[Run], recognise: Recognise) -> tuple[str, float]:
    """Return an example of how an OCR program's layer differs from the picture, and the share that agrees.

    The example is "" if the layer agrees.
    """
    excerpts = choose(
        runs, lambda glyphs: {(g.text_object.face, str(g.index)) for g in glyphs}, set()
    )
    matched = total = 0
    worst, example = 1.0, ""
    for excerpt, reading in zip(excerpts, recognise(excerpts) if excerpts else (), strict=True):
        ours, theirs = alnum(excerpt.text), alnum(reading.text)
        if foreign_share(excerpt.text) > MIN_FOREIGN_SHARE or not ours:
            continue
        share = Levenshtein.normalized_similarity(ours, theirs)
        if reading.confidence < SURE_OF_READING and share > MAX_UNLIKE_AGREEMENT:
            continue  # the line is hard to read: it proves nothing
        matched += round(share * len(ours))
        total += len(ours)
        if digits(ours) != digits(theirs):
            share = min(share, MIN_EXCERPT_AGREEMENT)
        if share < worst:
            worst, example = share, difference(excerpt.text, reading.text)
    agrees = not total or (
        matched >= MIN_EARLIER_AGREEMENT * total and worst > MIN_EXCERPT_AGREEMENT
    )
    return "" if agrees else example, matched / total if total else 1.0


class _Votes:
    """Counts how often drawn characters were recognised as in the layer, and as something else."""

    def __init__(self) -> None:
        self._same: Counter[FacedText] = Counter()
        self._other: dict[FacedText, Counter[str]] = defaultdict(Counter)
        self._matched = self._total = 0
        self._digits_same = self._digits_other = 0
        # characters in excerpts whose reading has nothing in common with the layer
        self._unlike = 0
        self._worst = (1.0, "")  # the lowest share of agreeing characters, and an example

    def count(self, excerpt: Excerpt, reading: ExcerptReading) -> None:
        """Count the reading of an excerpt, if it proves something."""
        layer_glyphs = [(g, without_confusions(g.text)) for g in excerpt.glyphs]
        layer_glyphs = [(g, text) for g, text in layer_glyphs if text]
        ours, theirs = "".join(text for _, text in layer_glyphs), without_confusions(reading.text)
        foreign = foreign_share(excerpt.text) > MIN_FOREIGN_SHARE
        if ours and reading.confidence < SURE_OF_READING and not foreign:
            self._count_unlike(ours, theirs, difference(excerpt.text, reading.text))
        needed = SURE_OF_FOREIGN_READING if foreign else SURE_OF_READING
        if not ours or reading.confidence < needed or len(theirs) < MIN_ALNUM:
            return
        share = Levenshtein.normalized_similarity(ours, theirs)
        if foreign and (share > MAX_UNLIKE_AGREEMENT or foreign_share(reading.text) > 0):
            return
        self._total += len(ours)
        self._matched += round(share * len(ours))
        if share < self._worst[0]:
            self._worst = (share, difference(excerpt.text, reading.text))
        owners = [g for g, text in layer_glyphs for _ in text]
        for change in Levenshtein.opcodes(ours, theirs):
            read = theirs[change.dest_start : change.dest_end]
            self._count_pairs(change.tag, owners[change.src_start : change.src_end], read)

    def _count_unlike(self, ours: str, theirs: str, example: str) -> None:
        """Count an unsure reading if it has nothing in common with the layer."""
        if theirs and Levenshtein.normalized_similarity(ours, theirs) < MAX_UNLIKE_AGREEMENT:
            self._unlike += len(ours)
            if self._worst[0] == 1.0:
                self._worst = (1.0, example)

    def _count_pairs(self, tag: str, glyphs: Sequence[Glyph], read: str) -> None:
        """Count glyphs that were read as in the layer (``tag`` "equal") or as other characters ("replace")."""
        for number, glyph in enumerate(glyphs):
            key = (glyph.text_object.face, glyph.text)
            if tag == "equal":
                self._same[key] += 1
                self._digits_same += glyph.text.isdigit()
            elif tag == "replace" and is_latin(other := read[min(number, len(read) - 1)]):
                self._other[key][other] += 1
                self._digits_other += glyph.text.isdigit()

    def _denials(self, key: FacedText) -> int:
        """Return how often a Latin character was read as the same other one; 0 if it was ever read as itself."""
        if self._same[key] or not is_latin(key[1]):
            return 0
        return max(self._other[key].values(), default=0)

    def denied(self, glyphs: Sequence[Glyph]) -> set[FacedText]:
        """Return those characters of the glyphs that were only read as something else."""
        keys = {(g.text_object.face, g.text) for g in glyphs}
        return {key for key in keys if key in self._other and self._denials(key)}

    def are_clear(self) -> bool:
        """Return whether the layer can be judged without more readings."""
        agrees = not self._unlike and self._matched >= CLEAR_DRAWN_AGREEMENT * self._total
        return agrees and not any(self._denials(key) for key in self._other)

    def are_against(self) -> bool:
        """Return whether the layer's characters are wrong."""
        if self._unlike >= MIN_UNLIKE_CHARACTERS and self._unlike > 2 * self._total:
            return True
        if self._total < 2 * MIN_ALNUM:
            return False
        if self._matched < MIN_DRAWN_AGREEMENT * self._total:
            return True
        if self._digits_other >= MIN_DENIALS and self._digits_other > self._digits_same:
            return True
        return any(self._denials(key) >= MIN_DENIALS for key in self._other)

    def example(self) -> str:
        """Return the greatest difference, in words for a warning."""
        return self._worst[1]

    def agreed(self) -> list[FacedText]:
        """Return the characters that were read as in the layer more often than as something else."""
        return [key for key, count in self._same.items() if count > sum(self._other[key].values())]
