"""Where to resume copying after the model has left the OCR text: input-guided aggressive decoding.

The OCR line is the draft of the corrected line (Sun et al. 2021; Ge et al. 2022). Where the two part, an index of the
line's n-grams finds the offset nearest to the expected one at which they meet again. Until they meet, either the misread
text is taken to be as long as what the model wrote instead, or the model is taken to have inserted what it wrote.
"""

NGRAM_SIZES = (4, 3, 2)  # bytes, tried in this order
WINDOW = 24  # bytes from the expected offset within which the texts may meet again
WORD_SNAP = 2  # bytes by which a guess after several letters is moved to the end of the word


class Draft:
    """One OCR line as a draft, with the state of its copying. All offsets count in bytes."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._ends: dict[bytes, list[int]] = {}  # of each n-gram
        for size in NGRAM_SIZES:
            for start in range(len(text) - size + 1):
                self._ends.setdefault(text[start : start + size], []).append(start + size)
        self._resumed = 0  # the offset that was returned last
        self._guessed_insertion = False

    def resume(self, at: int, written: bytes, piece: bytes) -> int:
        """Return the offset to copy from after the model wrote ``piece`` instead of the text at offset ``at``.

        ``written`` is all of the line so far, ``piece`` included.

        >>> draft = Draft(b"the modem house")
        >>> at = draft.resume(8, b"the moder", b"r"); draft.text[at:]
        b' house'
        >>> at = draft.resume(at, b"the modern", b"n"); draft.text[at:]
        b' house'
        >>> Draft(b"a hoouse").resume(4, b"a hou", b"u")
        6
        """
        expected = min(len(self.text), at + len(piece))
        found = self._meeting_point(written, expected, at)
        if found is not None:
            self._guessed_insertion = False
        else:
            self._guessed_insertion = at == self._resumed and not self._guessed_insertion
            found = at if self._guessed_insertion else self._boundary_near(expected, piece)
        self._resumed = found
        return found

    def _meeting_point(self, written: bytes, expected: int, at: int) -> int | None:
        """Return the offset nearest to ``expected`` behind the n-gram that was written last; None: none is within WINDOW."""
        for size in NGRAM_SIZES:
            if len(written) < size:
                continue
            ends = self._ends.get(written[-size:], ())
            near = [end for end in ends if abs(end - expected) <= WINDOW and end > at - size]
            if near:
                return min(near, key=lambda end: abs(end - expected))
        return None

    def _boundary_near(self, offset: int, piece: bytes) -> int:
        """Return ``offset``, moved to the end of the word when ``piece`` is long and it is near, never inside a character."""
        if len(piece) > WORD_SNAP:
            around = range(offset - WORD_SNAP, offset + WORD_SNAP + 1)
            for near in sorted(around, key=lambda n: abs(n - offset)):
                if near >= 0 and self.text[near : near + 1] in (b" ", b""):
                    return min(near, len(self.text))
        while offset < len(self.text) and self.text[offset] & 0xC0 == 0x80:
            offset += 1
        return offset
