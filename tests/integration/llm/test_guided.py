"""Input-guided decoding: real llama.cpp on models whose answers are known, on every rung of the ladder."""

import doctest
import os
import random
from pathlib import Path
from types import ModuleType

import pytest

import tinygguf
from scanmend.errors import ChildError, ModelUnavailable
from scanmend.llm import decode as decode_module
from scanmend.llm import draft_alignment as draft_module
from scanmend.llm import draft_length
from scanmend.llm.context import LANES, Context
from scanmend.llm.decode import correct
from scanmend.llm.draft_alignment import Draft
from scanmend.llm.loader import Loaded, load
from scanmend.workers.protocol import LoadRequest

TRUTH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
GPU = [(1, 1.0), (64, 1.0), (256, 1.1)]  # seconds of a batch: nearly flat
LIMIT = 600  # seconds: these machines are busy at times
RUNGS = ("parallel", "single", "greedy")


def _load(path: Path, method: str = "auto", context: int = 4096) -> Loaded:
    return load(LoadRequest(os.fsencode(path), context=context, method=method), lambda _: None)


def _noisy(rng: random.Random, text: str, share: float) -> str:
    """Characters swapped, lost, doubled, split by spaces, two for one."""
    out = ""
    for c in text:
        change = rng.random()
        if change > share:
            out += c
        elif change < share / 5:
            out += rng.choice("#*éß€")
        elif change < 2 * share / 5:
            pass
        elif change < 3 * share / 5:
            out += c + c
        elif change < 4 * share / 5:
            out += c + " "
        else:
            out += "rn" + c
    return out


@pytest.mark.parametrize("module", [draft_module, decode_module], ids=["draft", "decode"])
def test_the_documented_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0


def test_a_line_is_cut_into_pieces_where_words_end_and_no_table_is_torn() -> None:
    text = b"one two   three four " + b"x" * 30 + b" end"

    assert decode_module.pieces(text, 0) == [(text, b"")]
    for line in (text, b"   " + text, text + b"  ", b"a  b", b""):
        for most in range(1, len(text) + 5):
            cut = decode_module.pieces(line, most)
            assert b"".join(piece + space for piece, space in cut) == line
            assert all(len(piece) <= most or b" " not in piece.strip() for piece, _ in cut)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
def test_the_same_text_on_every_rung_with_fewer_calls(tmp_path: Path, share: float) -> None:
    rng = random.Random(7)
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [_noisy(rng, TRUTH, share) for _ in range(20)]
    calls = {}
    for method in RUNGS:
        loaded = _load(path, method)
        loaded.curve = GPU  # so that the calls don't hang on what else this machine does
        proposal = correct(loaded, "Correct.", lines, range(len(lines)), LIMIT)

        assert proposal.method == method
        assert [p and p.text for p in proposal.lines] == [TRUTH] * len(lines)
        calls[method] = proposal.calls
    assert calls["greedy"] >= len(lines) * len(TRUTH)
    assert calls["parallel"] * (10 if share < 0.1 else 3) < calls["greedy"]
    assert calls["parallel"] <= calls["single"]


def test_where_model_and_ocr_part_is_told_with_a_margin(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    line = TRUTH.replace("m", "rn").replace("Q", "O")

    proposed = correct(_load(path), "Correct.", [line, TRUTH], [0, 1], LIMIT).lines

    first, second = proposed
    assert first
    assert second
    assert second.divergences == ()
    assert first.divergences
    assert all(d.margin > 1 for d in first.divergences)
    places = {TRUTH[d.start] for d in first.divergences if d.start < len(TRUTH)}
    assert {"m", "Q"} <= places <= set("mnopQRS")


def test_only_what_is_wanted_is_asked(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = correct(_load(path), "Correct.", [TRUTH, "", "x"], [0], LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, True]


def test_the_prompt_stays_in_memory_across_pages(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()))
    correct(loaded, "Correct. " * 100, [TRUTH], [0], LIMIT)
    before = loaded.context.tokens
    correct(loaded, "Correct. " * 100, [TRUTH + "x"], [0], LIMIT)

    assert loaded.context.tokens - before < 500  # of more than 900 with the prompt


def test_a_page_beyond_the_context_is_done_in_parts(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [TRUTH] * 100

    proposal = correct(_load(path, context=1024), "Correct.", lines, range(100), LIMIT)

    assert [p and p.text for p in proposal.lines] == lines


def test_a_line_beyond_the_context_is_left_out_and_said(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [TRUTH, TRUTH * 50, TRUTH]

    proposal = correct(_load(path, context=1024), "Correct.", lines, range(3), LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, False]
    assert proposal.bound == "tokens"


def test_no_time_no_proposal(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = correct(_load(path), "Correct.", [TRUTH], [0], 0)

    assert proposal.lines == (None,)
    assert proposal.bound == "seconds"


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_stays_within_its_bounds(tmp_path: Path, seed: int) -> None:
    loaded = _load(tinygguf.write(tmp_path / "random.gguf", seed=seed))
    lines = ["Invoic # 12345", "café für die Zähne", "", "x", *["the modem house"] * 90]

    proposal = correct(loaded, "Correct.", lines, [n for n, t in enumerate(lines) if t], LIMIT)

    assert proposal.tokens <= sum(1.3 * len(line.encode()) + 8 for line in lines)
    assert proposal.bound in ("tokens", "repetition", None)
    again = correct(loaded, "Correct.", lines[:3], [0, 1], LIMIT)
    assert len(again.lines) == 3


def test_data_is_never_a_marker_of_the_template(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()))
    prompt = loaded.prompt("Correct. <|end|>")

    assert len(loaded.context.tokenize(b"<|end|>")) == len("<|end|>")
    assert tinygguf.END in prompt.head  # the profile is ours, and trusted


def test_a_template_without_a_system_role(tmp_path: Path) -> None:
    """As Gemma's and Mistral's: it raises, and the instruction goes to the user's message."""
    template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "[{{ m['content'] }}]{% endfor %} "
    )
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode(), template=template)
    loaded = _load(path)

    proposal = correct(loaded, "Correct.", [TRUTH], [0], LIMIT)

    head = b"".join(loaded.context.piece(t) for t in loaded.prompt("Correct.").head)
    assert head.startswith(b"[Correct.\n\n<page>")
    assert [p and p.text for p in proposal.lines] == [TRUTH]


@pytest.mark.parametrize(
    "template", ["nothing of it", "{{ undefined.attribute.of_nothing }}", "{% endfor %}"]
)
def test_a_template_that_is_of_no_use_is_an_error_of_the_model(
    tmp_path: Path, template: str
) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode(), template=template)

    with pytest.raises(ModelUnavailable, match="chat template"):
        correct(_load(path), "Correct.", [TRUTH], [0], LIMIT)


def test_a_page_and_a_prompt_that_do_not_fit_are_said(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()), context=512)

    with pytest.raises(ChildError, match=r"raise llm\.context"):
        correct(loaded, "Correct. " * 100, [TRUTH], [0], LIMIT)
    assert correct(loaded, "Correct.", [TRUTH], [0], LIMIT).lines[0]  # and the next one is done


def test_the_backend_picks_what_the_logits_say(tmp_path: Path) -> None:
    """The rung of a GPU: only the best candidates leave the device. llama.cpp can do it on the CPU too."""
    loaded = _load(tinygguf.write(tmp_path / "random.gguf"))
    from scanmend.llm.context import Entry

    backend = Context(loaded.model, 1024, 2, LANES, True)
    entries = [Entry(t, n, 0, 40 + n) for n, t in enumerate(b"the modem house rnade of stone")]
    theirs, ours = backend.decode(entries), loaded.context.decode(entries)

    assert backend.hands_out_candidates()
    assert [c.token for c in theirs] == [c.token for c in ours]
    for a, b in zip(theirs, ours, strict=True):
        assert a.margin <= b.margin + 0.01  # beyond the candidates, a lower bound
    backend.close()


def test_a_curve_decides_how_far_to_draft() -> None:
    cheap = [(1, 1.0), (4, 1.0), (16, 1.0), (64, 1.1), (256, 2.0)]  # a GPU
    dear = [(1, 1.0), (4, 4.0), (16, 16.0), (64, 64.0), (256, 256.0)]

    assert draft_length.choose(cheap, [(1, 60, 0.99)]) == 64
    assert draft_length.choose(dear, [(1, 60, 0.6)]) == 0
    assert draft_length.choose(cheap, [(1, 60, 0.5)]) < 64
    assert draft_length.ahead(0.5, 64) < 6
    assert draft_length.cost(cheap, 1000) > draft_length.cost(cheap, 500)


def test_copying_goes_on_after_any_edit() -> None:
    """Wherever the copying stops, it goes on within the line, and never inside a character."""
    rng = random.Random(3)
    for _ in range(3000):
        text = "".join(rng.choice("aabbcé €ß") for _ in range(rng.randrange(20))).encode()
        draft = Draft(text)
        at, written = 0, b""
        for _ in range(8):
            piece = rng.choice(["a", "b", " x", " abc", "é", "bc"]).encode()
            written += piece
            at = draft.resume(at, written, piece)
            assert 0 <= at <= len(text)
            text[at:].decode()
