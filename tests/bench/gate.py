"""`make bench-gate CASES=1000000`: pass random lines through the gate, check its properties and measure its cost.

A plain generator draws texts and proposals from pieces that are likely to break a rule. It is a hundred times as fast as hypothesis.
The properties are those of tests/unit/correction/test_gate.py; the first line that breaks one ends the run.
"""

import random
import statistics
import sys
import time

from gating import BOX, RULES, revert
from scanmend.correction.checks import suspects
from scanmend.correction.gate import apply, gate
from scanmend.correction.repairs import repair_numbers
from scanmend.page import Edit, Line, LineProposal

PIECES = [  # parts of random texts
    *("total", "12.50", "\u20ac", "rn", "modem", "modern", "Invoic", "Invoice"),
    *("l00.00", "12/03/2024", "a@x.org", "O", "1O", "the", "tlie", "é", "e\u0301"),
    *("ſ", "\uff11", "DE89 3704 0044 O532 0130 00", "mg", "5O", "InvoIce", "clied"),
    *("died", "house", "honse", "-", "¬", "\u00ad", "١", "½", "XIV", "3704", "\u200b"),
    *("\u202e", "4111 1111 1111 1111", "0", "1", "8", "9", ".", ",", "'", "\ufb01"),
    *("m", "d", "cl", "WOONYANN", "WOON YANN", "Straße", "Strasse"),
    "x" * 30,
]


def _line(rng: random.Random) -> tuple[str, str, tuple[int, ...] | None]:
    """Return an OCR text, a proposal for it, and the offsets that the engine doubted."""
    text = rng.choice(["", " "]).join(rng.choice(PIECES) for _ in range(rng.randrange(9)))
    if rng.random() < 0.5 and text:
        proposal = text
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(proposal) + 1)
            new = rng.choice([*PIECES, "", " ", *"aceilmnorsu0158"])
            proposal = proposal[:place] + new + proposal[place + rng.randrange(3) :]
    else:
        proposal = " ".join(rng.choice(PIECES) for _ in range(rng.randrange(9)))
    unsure = tuple(sorted(rng.sample(range(60), 4))) if rng.random() < 0.5 else None
    return text, proposal, unsure


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def check(rng: random.Random) -> int:
    """Check one line; return the number of accepted edits."""
    text, proposal, unsure = _line(rng)
    line = Line(text, BOX, 0.5, unsure=unsure)
    gated = gate([line], [LineProposal(proposal)], RULES)
    published, edits = gated.lines[0], gated.edits
    named = [
        Edit(0, r.start, r.before, r.after, True, r.rule) for r in repair_numbers(text, unsure)
    ]
    case = (text, proposal, unsure, published, edits)
    assert _digits(published) == _digits(apply(text, named)), case
    assert published == apply(text, edits), case
    assert revert(published, edits) == text, case
    assert published.count("\n") == text.count("\n"), case
    again = Line(published, BOX, 0.5, unsure=None if unsure is None else ())
    assert gate([again], [LineProposal(proposal)], RULES).lines == gated.lines, case
    return sum(e.accepted for e in edits)


def cost() -> tuple[float, float]:
    """Return the milliseconds of the gate and the checks for a page: 60 lines of 10 words, one word in ten misread."""
    rng = random.Random(2)
    words = [
        "the",
        "amount",
        "of",
        "this",
        "invoice",
        "is",
        "due",
        "within",
        "fourteen",
        "days",
        "and",
        "payable",
        "to",
        "our",
        "account",
    ]

    def misread(word: str) -> str:
        at = rng.randrange(len(word))
        return word[:at] + rng.choice("ceoilrn") + word[at + 1 :]

    truth = [" ".join(rng.choice(words) for _ in range(9)) + f" {n}.50" for n in range(60)]
    lines = []
    for text in truth:
        read = [misread(w) if rng.random() < 0.1 else w for w in text.split()[:-1]]
        lines.append(Line(" ".join(read) + " 1.50", BOX, 0.9))
    proposals = [LineProposal(text) for text in truth]
    gate_seconds, check_seconds = [], []
    for _ in range(100):
        started = time.perf_counter()
        gated = gate(lines, proposals, RULES)
        between = time.perf_counter()
        suspects(lines, gated.lines, gated.edits)
        gate_seconds.append(between - started)
        check_seconds.append(time.perf_counter() - between)
    return 1000 * statistics.median(gate_seconds), 1000 * statistics.median(check_seconds)


def main() -> None:
    """Run all cases, and print the figures."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = time.time_ns()
    rng = random.Random(seed)
    started = time.perf_counter()
    accepted = sum(check(rng) for _ in range(cases))
    seconds = time.perf_counter() - started
    digits = "no digit changed but by a rule"
    print(f"{cases} lines (seed {seed}): every property holds; {accepted} edits accepted, {digits}")
    print(f"{seconds:.0f} s")
    print("a page of 60 lines: gate {:.2f} ms, suspects {:.2f} ms".format(*cost()))


if __name__ == "__main__":
    main()
