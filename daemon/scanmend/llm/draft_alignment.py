"""Find where to resume copying after the model has left the OCR text: input-guided aggressive decoding.

The OCR line is the draft of the corrected line (Sun et al. 2021; Ge et al. 2022). Where the two diverge, an index of the
line's n-grams finds the offset nearest to the expected one at which they meet again. Until they meet, there are two
guesses: the misread text is as long as the text that the model wrote instead, or the model inserted its text.
"""

NGRAM_SIZES = (4, 3, 2)  # bytes, tried in this order
MEETING_WINDOW = 24  # bytes; the texts may meet again this far from the expected offset
# A guess after more bytes than this moves to a word's end that is no farther away than this.
WORD_SNAP_BYTES = 2


class Draft:
    """One OCR line as a draft, with the progress of copying it. All offsets are in bytes."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._ends: dict[bytes, list[int]] = {}  # the offsets behind each n-gram
        for size in NGRAM_SIZES:
            for start in range(len(text) - size + 1):
                self._ends.setdefault(text[start : start + size], []).append(start + size)
        self._resumed = 0  # the last offset that ``resume`` returned
        self._guessed_insertion = False

    def resume(self, at: int, written: bytes, piece: bytes) -> int:
        """Return the offset to copy from after the model wrote ``piece`` instead of the text at offset ``at``.

        ``written`` is the whole answer so far, ``piece`` included.

        >>> draft = Draft(b"the modem house")
        >>> at = draft.resume(8, b"the moder", b"r"); draft.text[at:]
        b' house'
        >>> at = draft.resume(at, b"the modern", b"n"); draft.text[at:]
        b' house'
        >>> Draft(b"a hoouse").resume(4, b"a hou", b"u")
        6
        """
        expected = min(len(self.text), at + len(piece))
        offset = self._meeting_point(written, expected, at)
        if offset is not None:
            self._guessed_insertion = False
        else:
            self._guessed_insertion = at == self._resumed and not self._guessed_insertion
            offset = at if self._guessed_insertion else self._boundary_near(expected, piece)
        self._resumed = offset
        return offset

    def _meeting_point(self, written: bytes, expected: int, at: int) -> int | None:
        """Return the offset nearest to ``expected`` behind the n-gram that was written last.

        None if there is none within MEETING_WINDOW.
        """
        for size in NGRAM_SIZES:
            if len(written) < size:
                continue
            ends = self._ends.get(written[-size:], ())
            near = [
                end for end in ends if abs(end - expected) <= MEETING_WINDOW and end > at - size
            ]
            if near:
                return min(near, key=lambda end: abs(end - expected))
        return None

    def _boundary_near(self, offset: int, piece: bytes) -> int:
        """Return ``offset``, moved to a near end of a word when ``piece`` is long, and never inside a character."""
        if len(piece) > WORD_SNAP_BYTES:
            near = range(offset - WORD_SNAP_BYTES, offset + WORD_SNAP_BYTES + 1)
            for end in sorted(near, key=lambda n: abs(n - offset)):
                if end >= 0 and self.text[end : end + 1] in (b" ", b""):
                    return min(end, len(self.text))
        while offset < len(self.text) and self.text[offset] & 0xC0 == 0x80:
            offset += 1
        return offset
