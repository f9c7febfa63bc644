"""What a page's text and its ``unread`` boxes account for: the words that another engine saw, and the lines of a truth.

Texts are compared without case, accents, spaces and punctuation (``ink_words.folded``), and small misreadings are
passed over: what is lost counts here, and ``bench.quality`` counts what is misread.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from bench.ink_words import SeenWord, Share, folded, turned
from scanmend.page import Box, PageText

CHARACTERS_PER_EDIT = (
    4  # of a word; in one of three or more characters, at least one edit is passed over
)
MIN_SUBSTRING = 5  # characters of a word that may be found, with edits, within a longer one
NEAR_HEIGHTS = 0.5  # word heights by which a word may lie outside a line or an unread box
MIN_WINDOW = (
    12  # characters of a line, on each side of a word's place, among which the word is sought
)
WINDOW_SHARE = 0.35  # of the line's characters, likewise: letters and gaps differ in width
MIN_LINE_SIMILARITY = 70.0  # per cent; a truth line with less in all places is missing …
MIN_LINE_WORDS = 0.5  # … unless this share of its words is in the text
MIN_TRUTH_CHARACTERS = 2  # letters and digits of a truth line that counts


@dataclass(frozen=True, slots=True)
class Account:
    """How the sure words of a page came out: each is published, under an ``unread`` box, or lost.

    ``spelled``: number of the words that the text has letter by letter, as words of their own.
    """

    published: int
    unread: tuple[SeenWord, ...]
    lost: tuple[SeenWord, ...]
    spelled: int = 0

    @property
    def words(self) -> int:
        """Return the number of sure words."""
        return self.published + len(self.unread) + len(self.lost)

    @property
    def share(self) -> float:
        """Return the share of the words that are published or under an ``unread`` box; 1 without words."""
        return (self.words - len(self.lost)) / self.words if self.words else 1.0


def account(page: PageText, unread: Sequence[Box], words: Sequence[SeenWord]) -> Account:
    """Return how the words came out.

    A word is published if a line at its place holds it, perhaps misread, or if the text has it, letter by letter, more
    often than at such places.
    """
    placed = [(word, in_pixels(turned(word.box, page.rotation), page)) for word in words]
    elsewhere = [(word, box) for word, box in placed if not is_at_place(page, word.text, box)]
    spare = Counter(tokens(line.text for line in page.lines))
    spelled = sum(folded(word.text) in spare for word in words)
    spare.subtract(folded(w.text) for w, box in placed if (w, box) not in elsewhere)
    published = len(placed) - len(elsewhere)
    under, lost = [], []
    for word, box in elsewhere:
        if spare[folded(word.text)] > 0:  # without misreadings: any number is like another one
            spare[folded(word.text)] -= 1
            published += 1
        elif any(is_under(box, other) for other in unread):
            under.append(word)
        else:
            lost.append(word)
    return Account(published, tuple(under), tuple(lost), spelled)


def in_pixels(box: Share, page: PageText) -> Box:
    """Return a box in shares of the upright page as pixels of it."""
    x0, y0, x1, y1 = box
    return Box(x0 * page.width, y0 * page.height, x1 * page.width, y1 * page.height)


def is_under(word: Box, box: Box) -> bool:
    """Return whether the middle of a word lies in a box, or nearly."""
    x, y, slack = (word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2, NEAR_HEIGHTS * word.height
    return box.x0 - slack <= x <= box.x1 + slack and box.y0 - slack <= y <= box.y1 + slack


def is_at_place(page: PageText, text: str, box: Box) -> bool:
    """Return whether a line that runs through the word's box holds the word near this place."""
    return any(
        is_under(box, line.box) and holds(_near_place(line.text, line.box, box), text)
        for line in page.lines
    )


def _near_place(text: str, line: Box, word: Box) -> str:
    """Return the part of a line's text near a word's place; lines taller than wide run down or up: return them whole."""
    if line.height > line.width:
        return text
    width = max(1.0, line.width)
    reach = max(MIN_WINDOW, round(WINDOW_SHARE * len(text)))
    start = round((word.x0 - line.x0) / width * len(text)) - reach
    end = round((word.x1 - line.x0) / width * len(text)) + reach
    return text[max(0, start) : max(0, end)]


def holds(text: str, word: str) -> bool:
    """Return whether a text holds a word, perhaps misread or without the spaces beside it."""
    wanted, whole = folded(word), folded(text)
    if wanted in whole or _near_token(wanted, tokens([text])):
        return True
    if len(wanted) < MIN_SUBSTRING:
        return False
    limit = _edits(wanted)
    parts = (
        whole[at : at + length]
        for length in (len(wanted) - 1, len(wanted), len(wanted) + 1)
        for at in range(max(1, len(whole) - length + 1))
    )
    return any(Levenshtein.distance(part, wanted, score_cutoff=limit) <= limit for part in parts)


def tokens(texts: Iterable[str]) -> list[str]:
    """Return the words of texts, folded, cut at everything but letters and digits and, once more, at spaces alone."""
    found = []
    for text in texts:
        for piece in text.split():
            parts = [folded(part) for part in re.split(r"[\W_]+", piece)]
            found += [part for part in parts if part]
            if len(parts) > 1 and (whole := folded(piece)) not in parts:
                found.append(whole)
    return found


def _near_token(wanted: str, among: Sequence[str]) -> str | None:
    """Return the token that is, but for a few misread characters, the wanted one; None if there is none."""
    if wanted in among:
        return wanted
    limit = _edits(wanted)
    close = (t for t in among if Levenshtein.distance(t, wanted, score_cutoff=limit) <= limit)
    return next(close, None)


def _edits(word: str) -> int:
    return max(1, len(word) // CHARACTERS_PER_EDIT) if len(word) > 2 else 0


# the truth of a page ----------------------------------------------------------------------------------


def missing_lines(truth: str, text: str) -> list[str]:
    """Return the lines of a truth that are not in a text, in whatever order and however its lines are cut."""
    whole = " ".join(folded(piece) for piece in text.split())
    squeezed, there = whole.replace(" ", ""), tokens([text])
    missing = []
    for line in truth.splitlines():
        wanted = folded(line)
        if len(wanted) < MIN_TRUTH_CHARACTERS or wanted in squeezed:
            continue
        if len(wanted) >= MIN_SUBSTRING:
            near = fuzz.partial_ratio(wanted, squeezed) if len(squeezed) >= len(wanted) else 0.0
            if near >= MIN_LINE_SIMILARITY:
                continue
        words = tokens([line])
        found = sum(_near_token(word, there) is not None for word in words)
        if found < MIN_LINE_WORDS * len(words) or not found:
            missing.append(line)
    return missing


def unexplained(missing: int, boxes: Sequence[Box], line_height: float) -> int:
    """Return how many missing lines the ``unread`` boxes have no room for. A truth tells no places, only lines."""
    room = sum(max(1, round(box.height / max(1.0, line_height))) for box in boxes)
    return max(0, missing - room)


def false_boxes(
    page: PageText, boxes: Sequence[Box], missed: Sequence[SeenWord], missing: Sequence[str]
) -> tuple[int, int]:
    """Return the numbers of ``unread`` boxes that are false by the strict and by the lenient definition.

    ``missed``: sure words that are not published. Strictly, a box is true only if one of them lies in it. Leniently,
    it is also true if the truth has lines that are missing from the text, which tell no places.
    """
    places = [in_pixels(turned(word.box, page.rotation), page) for word in missed]
    strict = sum(not any(is_under(place, box) for place in places) for box in boxes)
    return strict, 0 if missing else strict
