"""Test input-guided decoding by every method: the real llama.cpp, on models whose answers are known."""

import os
import random
from pathlib import Path

import pytest

import tinygguf
from scanmend.errors import ChildError, ModelUnavailable
from scanmend.llm.contexts import PARALLEL_LINES
from scanmend.llm.llama_context import BatchToken, ContextOptions, LlamaContext
from scanmend.llm.loader import LoadedModel, load
from scanmend.llm.page_proposal import propose_page
from scanmend.workers.protocol import LoadRequest

TRUTH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
GPU_CURVE = [(1, 1.0), (64, 1.0), (256, 1.1)]  # (tokens of a batch, its seconds): nearly flat
LIMIT = 600  # seconds; generous, since test machines are busy at times
METHODS = ("parallel", "single", "greedy")


def _load(path: Path, method: str = "auto", context: int = 4096) -> LoadedModel:
    return load(LoadRequest(os.fsencode(path), context=context, method=method), lambda _: None)


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
def test_every_method_writes_the_same_text_and_better_methods_need_fewer_calls(
    tmp_path: Path, share: float
) -> None:
    rng = random.Random(7)
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [_noisy(rng, TRUTH, share) for _ in range(20)]
    calls = {}
    for method in METHODS:
        loaded = _load(path, method)
        loaded.curve = GPU_CURVE  # a measured curve would make the number of calls depend on the machine's load
        proposal = propose_page(loaded, "Correct.", lines, range(len(lines)), LIMIT)

        assert proposal.method == method
        assert [p and p.text for p in proposal.lines] == [TRUTH] * len(lines)
        calls[method] = proposal.calls
    assert calls["greedy"] >= len(lines) * len(TRUTH)
    assert calls["parallel"] * (10 if share < 0.1 else 3) < calls["greedy"]
    assert calls["parallel"] <= calls["single"]


def test_divergences_have_margins(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    line = TRUTH.replace("m", "rn").replace("Q", "O")

    proposed = propose_page(_load(path), "Correct.", [line, TRUTH], [0, 1], LIMIT).lines

    first, second = proposed
    assert first
    assert second
    assert second.divergences == ()
    assert first.divergences
    assert all(d.margin > 1 for d in first.divergences)
    places = {TRUTH[d.start] for d in first.divergences if d.start < len(TRUTH)}
    assert {"m", "Q"} <= places <= set("mnopQRS")


def test_only_requested_lines_have_proposals(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = propose_page(_load(path), "Correct.", [TRUTH, "", "x"], [0], LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, True]


def test_the_prompt_stays_in_the_cache_across_pages(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()))
    propose_page(loaded, "Correct. " * 100, [TRUTH], [0], LIMIT)
    before = loaded.context.tokens
    propose_page(loaded, "Correct. " * 100, [TRUTH + "x"], [0], LIMIT)

    assert (
        loaded.context.tokens - before < 500
    )  # prompt and page together have more than 900 tokens


def test_a_page_beyond_the_context_is_corrected_in_parts(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [TRUTH] * 100

    proposal = propose_page(_load(path, context=1024), "Correct.", lines, range(100), LIMIT)

    assert [p and p.text for p in proposal.lines] == lines


def test_a_line_beyond_the_context_is_left_out_and_the_bound_reported(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())
    lines = [TRUTH, TRUTH * 50, TRUTH]

    proposal = propose_page(_load(path, context=1024), "Correct.", lines, range(3), LIMIT)

    assert [p is None for p in proposal.lines] == [False, True, False]
    assert proposal.bound == "tokens"


def test_without_time_there_is_no_proposal(tmp_path: Path) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode())

    proposal = propose_page(_load(path), "Correct.", [TRUTH], [0], 0)

    assert proposal.lines == (None,)
    assert proposal.bound == "seconds"


@pytest.mark.parametrize("seed", range(3))
def test_a_model_of_random_weights_stays_within_its_bounds(tmp_path: Path, seed: int) -> None:
    loaded = _load(tinygguf.write(tmp_path / "random.gguf", seed=seed))
    lines = ["Invoic # 12345", "café für die Zähne", "", "x", *["the modem house"] * 90]

    proposal = propose_page(loaded, "Correct.", lines, [n for n, t in enumerate(lines) if t], LIMIT)

    assert proposal.tokens <= sum(1.3 * len(line.encode()) + 8 for line in lines)
    assert proposal.bound in ("tokens", "repetition", None)
    again = propose_page(loaded, "Correct.", lines[:3], [0, 1], LIMIT)
    assert len(again.lines) == 3


def test_text_of_a_page_is_never_a_marker_of_the_template(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()))
    prompt = loaded.prompt("Correct. <|end|>")

    assert len(loaded.context.tokenize(b"<|end|>")) == len("<|end|>")
    assert tinygguf.END in prompt.head  # the markers in a profile's prompt are kept: it is trusted


def test_a_template_without_a_system_role_gets_the_instruction_in_the_users_message(
    tmp_path: Path,
) -> None:
    """Put the instruction into the user's message if the template raises, as Gemma's and Mistral's do."""
    template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "[{{ m['content'] }}]{% endfor %} "
    )
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode(), template=template)
    loaded = _load(path)

    proposal = propose_page(loaded, "Correct.", [TRUTH], [0], LIMIT)

    head = b"".join(loaded.context.token_bytes(t) for t in loaded.prompt("Correct.").head)
    assert head.startswith(b"[Correct.\n\n<page>")
    assert [p and p.text for p in proposal.lines] == [TRUTH]


@pytest.mark.parametrize(
    "template", ["nothing of it", "{{ undefined.attribute.of_nothing }}", "{% endfor %}"]
)
def test_a_template_that_fails_or_loses_the_line_is_an_error_of_the_model(
    tmp_path: Path, template: str
) -> None:
    path = tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode(), template=template)

    with pytest.raises(ModelUnavailable, match="chat template"):
        propose_page(_load(path), "Correct.", [TRUTH], [0], LIMIT)


def test_a_prompt_and_a_page_that_do_not_fit_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    loaded = _load(tinygguf.chain(tmp_path / "chain.gguf", TRUTH.encode()), context=512)

    with pytest.raises(ChildError, match=r"raise llm\.context"):
        propose_page(loaded, "Correct. " * 100, [TRUTH], [0], LIMIT)
    assert propose_page(loaded, "Correct.", [TRUTH], [0], LIMIT).lines[
        0
    ]  # the next page is corrected


def test_gpu_samplers_choose_the_same_tokens_as_the_logits(tmp_path: Path) -> None:
    """Pick the best candidates on the device, which llama.cpp can also do on the CPU."""
    loaded = _load(tinygguf.write(tmp_path / "random.gguf"))
    options = ContextOptions(cells=1024, threads=2, sequences=PARALLEL_LINES, gpu_sampling=True)
    sampling = LlamaContext(loaded.model, options)
    batch = [
        BatchToken(token, n, 0, predict=True, expected=40 + n)
        for n, token in enumerate(b"the modem house rnade of stone")
    ]
    theirs, ours = sampling.decode(batch), loaded.context.decode(batch)

    assert sampling.returns_candidates()
    assert [p.token for p in theirs] == [p.token for p in ours]
    for a, b in zip(theirs, ours, strict=True):
        # a margin beyond the candidates is a lower bound
        assert a.margin <= b.margin + 0.01
    sampling.close()
