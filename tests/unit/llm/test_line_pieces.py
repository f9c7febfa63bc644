"""Test how lines are cut for a model that reads few bytes at a time."""

import doctest

from scanmend.llm import line_pieces
from scanmend.llm.line_pieces import narrowed, pieces, requests_of
from scanmend.llm.line_request import LineAnswer
from scanmend.page import CharAlternatives, Divergence


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(line_pieces)

    assert result.attempted > 0
    assert result.failed == 0


def test_lines_are_cut_between_words_and_not_inside_tables() -> None:
    text = b"one two   three four " + b"x" * 30 + b" end"

    assert pieces(text, 0) == [(text, b"")]
    for line in (text, b"   " + text, text + b"  ", b"a  b", b""):
        for limit in range(1, len(text) + 5):
            cut = pieces(line, limit)
            assert b"".join(piece + spaces for piece, spaces in cut) == line
            assert all(len(piece) <= limit or b" " not in piece.strip() for piece, _ in cut)


def test_alternatives_move_with_their_piece() -> None:
    alternatives = [CharAlternatives(1, {"a": 1.0}), CharAlternatives(9, {"b": 1.0})]

    found = list(requests_of(3, "é one     two".encode(), 200, alternatives, 7))

    assert [(p.line, p.text.decode(), p.spaces) for p, _ in found] == [
        (3, "é one", b"     "),
        (3, "two", b""),
    ]
    assert [r.number for _, r in found] == [7, 8]
    assert [[a.at for a in r.alternatives or ()] for _, r in found] == [[1], []]


def test_a_narrowed_request_and_its_piece_make_up_the_whole_line() -> None:
    line = (
        b"the first words of a long line with a misreed word in its very middle and many more words"
    )
    ((piece, request),) = requests_of(0, line, 200, None, 0)
    start = line.index(b"misreed")

    piece, smaller = narrowed(request, piece, [(start, start + 7)])

    assert piece.head + smaller.text + piece.tail == line
    assert b"misreed" in smaller.text
    assert piece.head
    assert piece.tail
    whole = LineAnswer()
    piece.append_to(whole, LineAnswer(bytearray(smaller.text), [(0, 3, 1.0)]))
    assert whole.written == line
    assert whole.divergences == [(len(piece.head), len(piece.head) + 3, 1.0)]


def test_a_replaced_word_shifts_the_divergences_after_it() -> None:
    answer = LineAnswer(bytearray("ä bad word".encode()), [(3, 6, 1.0), (7, 11, 2.0)])

    answer.replace(3, 6, b"better", 5.0)

    assert answer.written.decode() == "ä better word"
    assert answer.divergences == [(3, 9, 5.0), (10, 14, 2.0)]
    assert answer.proposal().divergences == (Divergence(2, 8, 5.0), Divergence(9, 13, 2.0))
