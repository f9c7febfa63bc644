"""Test input-guided decoding: the real llama.cpp, on correctors whose answers are known."""

import os
import random
from pathlib import Path

import pytest

import tinygguf
from scanmend.errors import ModelUnavailable
from scanmend.llm.loader import LoadedCorrector, load_corrector
from scanmend.llm.page_proposal import propose_page
from scanmend.workers.protocol import LoadRequest

TRUTH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LIMIT = 600  # seconds; generous, since test machines are busy at times


def _load(path: Path, context: int = 4096) -> LoadedCorrector:
    return load_corrector(LoadRequest(os.fsencode(path), context=context, threads=1))


def _noisy(rng: random.Random, text: str, share: float) -> str:
    """Return the text with a share of its characters replaced, lost, doubled, split off or read as several."""
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


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
def test_drafts_save_calls_and_change_no_text(tmp_path: Path, share: float) -> None:
    rng = random.Random(7)
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()))
    lines = [_noisy(rng, TRUTH, share) for _ in range(20)]

    proposal = propose_page(loaded, lines, range(len(lines)), LIMIT)

    assert [p and p.text for p in proposal.lines] == [TRUTH] * len(lines)
    token_by_token = len(lines) * len(TRUTH)
    assert proposal.calls * (4 if share < 0.1 else 1.2) < token_by_token


def test_divergences_have_margins(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    line = TRUTH.replace("m", "rn").replace("Q", "O")

    proposed = propose_page(_load(path), [line, TRUTH], [0, 1], LIMIT).lines

    first, second = proposed
    assert first
    assert second
    assert second.divergences == ()
    assert first.divergences
    assert all(d.margin > 1 for d in first.divergences)
    places = {TRUTH[d.start] for d in first.divergences if d.start < len(TRUTH)}
    assert {"m", "Q"} <= places <= set("mnopQRS")


def test_a_corrector_that_does_not_state_what_ends_a_line_is_refused(tmp_path: Path) -> None:
    path = tinygguf.write(tmp_path / "mute.gguf", corrector=True)
    path.write_bytes(path.read_bytes().replace(b" }}\x01", b" }\x01}"))

    with pytest.raises(ModelUnavailable, match=r"mute\.gguf: .* what ends a line; export it again"):
        _load(path)


def test_only_requested_lines_have_proposals(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = propose_page(_load(path), [TRUTH, "", "x"], [0], LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, True]


def test_a_line_beyond_the_context_is_left_out_and_the_bound_reported(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [TRUTH, TRUTH * 50, TRUTH]

    proposal = propose_page(_load(path, context=1024), lines, range(3), LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, False]
    assert proposal.bound == "tokens"


def test_without_time_there_is_no_proposal(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = propose_page(_load(path), [TRUTH], [0], 0)

    assert proposal.lines == (None,)
    assert proposal.bound == "seconds"


@pytest.mark.parametrize("seed", range(3))
def test_a_model_of_random_weights_stays_within_its_bounds(tmp_path: Path, seed: int) -> None:
    loaded = _load(tinygguf.write(tmp_path / "random.gguf", seed=seed, corrector=True))
    lines = ["Invoic # 12345", "café für die Zähne", "", "x", *["the modem house"] * 90]

    proposal = propose_page(loaded, lines, [n for n, t in enumerate(lines) if t], LIMIT)

    assert proposal.tokens <= sum(1.3 * len(line.encode()) + 8 for line in lines)
    assert proposal.bound in ("tokens", "repetition", None)
    again = propose_page(loaded, lines[:3], [0, 1], LIMIT)
    assert len(again.lines) == 3
