"""Compare a text layer with the picture of its page: recognise some excerpts and judge the layer by them.

What a PDF says of its characters (ToUnicode, CMaps, an earlier OCR) may be wrong, and no rule on the text alone can
tell. Drawn text is judged character by character: once a character of a font has agreed with the picture, it is not
read again in the same document. The layer of an OCR program is judged page by page, and strictly: its digits must
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

ROUNDS = 3  # of reading excerpts of drawn text, at most
SURE_OF_READING = 0.8  # confidence from which a reading is evidence
SURE_OF_FOREIGN_READING = 0.95  # the same where the layer has another script than the engine reads
FOREIGN = 0.3  # share of such letters from which an excerpt counts as foreign
MIN_DRAWN_AGREEMENT = 0.6  # share of characters that must agree in drawn text
CLEAR_DRAWN_AGREEMENT = 0.9  # the share below which more is read before drawn text is judged
MIN_EARLIER_AGREEMENT = 0.93  # share of characters that must agree in the layer of an OCR program
MIN_EXCERPT_AGREEMENT = 0.5  # of each of its excerpts; one whose digits differ has no more
UNLIKE = 0.3  # share of agreeing characters below which a reading has nothing to do with the layer
MAX_UNLIKE = 12  # characters of such excerpts: the font shows another script
DENIALS = 3  # readings of a character as another one, and none as itself: its map is wrong
REMEMBERED_DOCUMENTS = 4  # whose fonts are remembered


class FontMemory:
    """The characters of fonts that have agreed with the picture, in one document."""

    def __init__(self) -> None:
        """Begin with none."""
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
    """Return what is remembered of a document's fonts, by a key that changes with its file."""
    memory = _memories.pop(document, None) or FontMemory()
    _memories[document] = memory
    while len(_memories) > REMEMBERED_DOCUMENTS:
        _memories.popitem(last=False)
    return memory


def drawn_disagreement(runs: Sequence[Run], fonts: FontMemory, recognise: Recognise) -> str:
    """Return an example of how drawn text differs from what the page shows; "" if it agrees, as far as can be told."""
    votes = _Votes()
    tried: set[int] = set()
    for _ in range(ROUNDS):
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
    """Return an example of how an OCR program's layer differs from what the page shows, and the share that agrees.

    The example is "" if the layer agrees.
    """
    excerpts = choose(
        runs, lambda glyphs: {(g.text_object.face, str(g.index)) for g in glyphs}, set()
    )
    matched = total = 0
    worst, example = 1.0, ""
    for excerpt, reading in zip(excerpts, recognise(excerpts) if excerpts else (), strict=True):
        ours, theirs = alnum(excerpt.text), alnum(reading.text)
        if foreign_share(excerpt.text) > FOREIGN or not ours:
            continue
        share = Levenshtein.normalized_similarity(ours, theirs)
        if reading.confidence < SURE_OF_READING and share > UNLIKE:
            continue  # a worn line: the engine can't tell
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
    """Readings of drawn characters, counted: as what the layer says, or as something else."""

    def __init__(self) -> None:
        self._same: Counter[FacedText] = Counter()
        self._other: dict[FacedText, Counter[str]] = defaultdict(Counter)
        self._matched = self._total = 0
        self._digits_same = self._digits_other = 0
        self._unlike = 0  # characters of which the engine makes nothing, though by the layer it should read them
        self._worst = (1.0, "")  # the lowest share of agreeing characters, and an example

    def count(self, excerpt: Excerpt, reading: ExcerptReading) -> None:
        """Count what was read of an excerpt."""
        compared = [(g, without_confusions(g.text)) for g in excerpt.glyphs]
        ours = "".join(text for _, text in compared)
        theirs = without_confusions(reading.text)
        foreign = foreign_share(excerpt.text) > FOREIGN
        if ours and reading.confidence < SURE_OF_READING and not foreign:
            self._count_unlike(ours, theirs, difference(excerpt.text, reading.text))
        needed = SURE_OF_FOREIGN_READING if foreign else SURE_OF_READING
        if not ours or reading.confidence < needed or len(theirs) < MIN_ALNUM:
            return
        share = Levenshtein.normalized_similarity(ours, theirs)
        if foreign and (share > UNLIKE or foreign_share(reading.text) > 0):
            return
        self._total += len(ours)
        self._matched += round(share * len(ours))
        if share < self._worst[0]:
            self._worst = (share, difference(excerpt.text, reading.text))
        owners = [g for g, text in compared for _ in text]
        for change in Levenshtein.opcodes(ours, theirs):
            read = theirs[change.dest_start : change.dest_end]
            self._count_pairs(change.tag, owners[change.src_start : change.src_end], read)

    def _count_unlike(self, ours: str, theirs: str, example: str) -> None:
        """Count an unsure reading if it has nothing to do with the layer."""
        if theirs and Levenshtein.normalized_similarity(ours, theirs) < UNLIKE:
            self._unlike += len(ours)
            if self._worst[0] == 1.0:
                self._worst = (1.0, example)

    def _count_pairs(self, tag: str, glyphs: Sequence[Glyph], read: str) -> None:
        """Count glyphs that were read as themselves (tag "equal") or as other characters ("replace")."""
        for number, glyph in enumerate(glyphs):
            key = (glyph.text_object.face, glyph.text)
            if tag == "equal":
                self._same[key] += 1
                self._digits_same += glyph.text.isdigit()
            elif tag == "replace" and is_latin(other := read[min(number, len(read) - 1)]):
                self._other[key][other] += 1
                self._digits_other += glyph.text.isdigit()

    def _denials(self, key: FacedText) -> int:
        """Return how often a Latin character was read as one other, if never as itself."""
        if self._same[key] or not is_latin(key[1]):
            return 0
        return max(self._other[key].values(), default=0)

    def denied(self, glyphs: Sequence[Glyph]) -> set[FacedText]:
        """Return the characters of the glyphs that were only read as something else."""
        keys = {(g.text_object.face, g.text) for g in glyphs}
        return {key for key in keys if key in self._other and self._denials(key)}

    def are_clear(self) -> bool:
        """Return whether the layer can be judged without more readings."""
        agrees = not self._unlike and self._matched >= CLEAR_DRAWN_AGREEMENT * self._total
        return agrees and not any(self._denials(key) for key in self._other)

    def are_against(self) -> bool:
        """Return whether the layer's characters are wrong."""
        if self._unlike >= MAX_UNLIKE and self._unlike > 2 * self._total:
            return True
        if self._total < 2 * MIN_ALNUM:
            return False
        if self._matched < MIN_DRAWN_AGREEMENT * self._total:
            return True
        if self._digits_other >= DENIALS and self._digits_other > self._digits_same:
            return True
        return any(self._denials(key) >= DENIALS for key in self._other)

    def example(self) -> str:
        """Return the excerpt that differs most, for a warning."""
        return self._worst[1]

    def agreed(self) -> list[FacedText]:
        """Return the characters that were read as what the layer says, more often than not."""
        return [key for key, count in self._same.items() if count > sum(self._other[key].values())]
