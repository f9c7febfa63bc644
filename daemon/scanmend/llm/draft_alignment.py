"""Where to go on copying after the model has left the OCR text ("input-guided aggressive decoding").

The OCR line is the draft of the corrected line (Sun et al. 2021, Ge et al. 2022). Where the two part, an index
of the line's n-grams finds the place nearest to the expected one where they meet again; until they do, what
was read wrong is taken to be as long as what was written instead, or to have been left out.
"""

NGRAMS = (4, 3, 2)  # bytes
WINDOW = 24  # bytes from the expected place
SNAP = 2  # bytes to the next word's beginning that a guess after a whole word is moved


class Draft:
    """One line of OCR text as a draft, and where its copying goes on. All places count in bytes."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._index: dict[bytes, list[int]] = {}
        for size in NGRAMS:
            for place in range(len(text) - size + 1):
                self._index.setdefault(text[place : place + size], []).append(place + size)
        self._resumed = 0  # where copying went on last
        self._kept = False  # the guess that something was left out was tried

    def resume(self, at: int, written: bytes, piece: bytes) -> int:
        """The place to copy from, after ``piece`` was written instead of what stands at ``at``.

        ``written``: all of the line so far, ``piece`` included.

        >>> draft = Draft(b"the modem house")
        >>> at = draft.resume(8, b"the moder", b"r"); draft.text[at:]
        b' house'
        >>> at = draft.resume(at, b"the modern", b"n"); draft.text[at:]
        b' house'
        >>> Draft(b"a hoouse").resume(4, b"a hou", b"u")
        6
        """
        expected = min(len(self.text), at + len(piece))
        found = self._meet(written, expected, at)
        if found is None:
            again = at == self._resumed and not self._kept
            self._kept = again
            found = at if again else self._snapped(expected, piece)
        else:
            self._kept = False
        self._resumed = found
        return found

    def _meet(self, written: bytes, expected: int, at: int) -> int | None:
        """Where the line says what was just written, nearest to the expected place; None: nowhere near."""
        for size in NGRAMS:
            if len(written) < size:
                continue
            places = self._index.get(written[-size:], ())
            near = [p for p in places if abs(p - expected) <= WINDOW and p > at - size]
            if near:
                return min(near, key=lambda p: abs(p - expected))
        return None

    def _snapped(self, place: int, piece: bytes) -> int:
        """Never inside a character; after a word of several letters, to where the next word begins if near."""
        if len(piece) > SNAP:
            for near in sorted(range(place - SNAP, place + SNAP + 1), key=lambda p: abs(p - place)):
                if near >= 0 and self.text[near : near + 1] in (b" ", b""):
                    return min(near, len(self.text))
        while place < len(self.text) and self.text[place] & 0xC0 == 0x80:
            place += 1
        return place
