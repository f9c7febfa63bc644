"""Test models with recurrent layers, which walk through the page, with the real llama.cpp and tiny models of random weights."""

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import tinygguf
from hybrid import with_recurrent_layer
from language_models import smollm2
from scanmend.errors import ModelUnavailable
from scanmend.llm.contexts import PARALLEL_VARIANTS_OF_RECURRENT
from scanmend.llm.judge.combined_proposal import propose_with_judge
from scanmend.llm.judge.page_copies import WALK_TOKENS, PageWalk, Stop
from scanmend.llm.judge.page_judgement import PageToJudge
from scanmend.llm.judge.questions import MAX_ASKED
from scanmend.llm.judge.scorer import Choice, Likelihood, Passage, following_end
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import LlamaContext
from scanmend.llm.loader import LoadedModel, load
from scanmend.page import PageProposal
from scanmend.workers.protocol import LoadRequest

TEXT = (
    "Die commissie kwam mect opnieuw bijeen\nop dinsdag om de zaak tc bespreken en af to ronden.\n"
)
# words of TEXT with what may have been printed, not in the text's order
WORDS = (
    ("tc", "te", "ten"),
    ("mect", "met", "meer"),
    ("Die", "De"),
    ("to", "te"),
    ("zaak", "zaal"),
)
SAME = 0.01  # nats, for some twenty tokens
Write = Callable[[Path], Path]
RECURRENT = pytest.mark.parametrize("write", [tinygguf.write_mamba, tinygguf.write_lfm2])


def _load(path: Path) -> LoadedModel:
    return load(LoadRequest(os.fsencode(path), 0, 1024, 1), lambda _: None)


def _passages() -> list[Passage]:
    return [
        Passage(TEXT.index(read), TEXT.index(read) + len(read), tuple(v.encode() for v in variants))
        for variants in WORDS
        for read in variants[:1]
    ]


def _scored(
    scorer: TextScorer, passages: Sequence[Passage], choose: Choice | None = None
) -> dict[int, list[Likelihood]]:
    scorer.open(TEXT.encode(), passages[:1])
    return dict(itertools.chain.from_iterable(scorer.batches(passages, choose)))


def _whole(context: LlamaContext, scorer: TextScorer, text: str, begin: int, end: int) -> float:
    """Return the log-probability of ``text[begin:end]`` behind what is before it, decoded in one go."""
    before, tokens = (len(scorer.tokens_of(text[:n].encode())) for n in (begin, end))
    decoded = [*context.tokenize(b"\n"), *scorer.tokens_of(text[:end].encode())]
    context.clear()
    batch = [
        BatchToken(token, n, 0, predict=before <= n, expected=following)
        for n, (token, following) in enumerate(itertools.pairwise(decoded[: tokens + 1]))
    ]
    return sum(context.log_likelihoods(batch))


@RECURRENT
def test_the_likelihoods_are_those_of_decoding_each_whole_text(
    write: Write, tmp_path: Path
) -> None:
    context = _load(write(tmp_path / "tiny.gguf")).context
    scorer, passages = TextScorer(context), _passages()

    likelihoods = _scored(scorer, passages)

    assert sorted(likelihoods) == list(range(len(passages)))
    for index, passage in enumerate(passages):
        for variant, found in zip(passage.variants, likelihoods[index], strict=True):
            text = TEXT[: passage.start] + variant.decode() + TEXT[passage.end :]
            begin = max(0, passage.start - 1)  # with the space before the word
            end = passage.start + len(variant)
            behind = end + following_end(TEXT.encode(), passage.end) - passage.end
            assert found.alone == pytest.approx(_whole(context, scorer, text, begin, end), abs=SAME)
            expected = _whole(context, scorer, text, begin, behind)
            assert found.with_following == pytest.approx(expected, abs=SAME)


@RECURRENT
def test_neither_the_order_nor_the_number_of_walks_changes_a_likelihood(
    write: Write, tmp_path: Path
) -> None:
    scorer = TextScorer(_load(write(tmp_path / "tiny.gguf")).context)
    passages = _passages()
    alone = {n: _scored(scorer, [passage])[0] for n, passage in enumerate(passages)}

    often = _scored(scorer, passages * 12)

    assert len(often) == 12 * len(passages)
    for index, found in often.items():
        assert _totals(found) == pytest.approx(_totals(alone[index % len(passages)]), abs=SAME)


def _totals(likelihoods: Sequence[Likelihood]) -> list[float]:
    return [total for one in likelihoods for total in (one.alone, one.with_following)]


@RECURRENT
def test_variants_that_are_not_chosen_are_not_scored_with_the_words_behind_them(
    write: Write, tmp_path: Path
) -> None:
    scorer = TextScorer(_load(write(tmp_path / "tiny.gguf")).context)
    full = _scored(scorer, _passages())[0]
    tokens = scorer.tokens
    _scored(scorer, _passages())
    tokens_of_all = scorer.tokens - tokens

    chosen = _scored(scorer, _passages(), lambda index, _: [1] if index == 0 else [])

    assert _totals(chosen[0][:2]) == pytest.approx(_totals(full[:2]), abs=SAME)
    assert chosen[0][2].alone == pytest.approx(full[2].alone, abs=SAME)
    assert scorer.tokens - tokens - tokens_of_all < tokens_of_all


def test_the_most_important_stops_are_in_the_first_walk(tmp_path: Path) -> None:
    walk = PageWalk(_load(tinygguf.write_mamba(tmp_path / "tiny.gguf")).context)
    important = [Stop(n, position, 60) for n, position in enumerate((90, 20, 70, 5))]
    others = [Stop(n, position, 10) for n, position in enumerate((30, 10, 80), len(important))]

    walks = list(walk.parts([*important, *others]))

    positions = [[stop.position for stop in stops] for stops in walks]
    assert positions == [[20, 70, 90], [5], [10, 30, 80]]


def test_the_caller_may_look_at_the_clock_on_the_way_to_a_distant_stop(tmp_path: Path) -> None:
    scorer = TextScorer(_load(tinygguf.write_mamba(tmp_path / "tiny.gguf")).context)
    text = TEXT * 8
    start = text.rindex("tc")
    scorer.open(text.encode())

    batches = list(scorer.batches([Passage(start, start + 2, (b"tc", b"te"))]))

    assert [len(batch) for batch in batches] == [0] * (start // WALK_TOKENS) + [1]


def test_a_word_with_all_its_replacements_has_enough_sequences() -> None:
    as_read, wish = 1, 1

    assert as_read + wish + MAX_ASKED <= PARALLEL_VARIANTS_OF_RECURRENT


def test_a_recurrent_model_proposes_no_words_of_its_own(tmp_path: Path) -> None:
    scorer = TextScorer(_load(tinygguf.write_mamba(tmp_path / "tiny.gguf")).context)
    scorer.open(TEXT.encode())

    assert scorer.own_words([(TEXT.index("mect"), "mect"), (TEXT.index("tc"), "tc")]) == [[], []]


@pytest.mark.parametrize(
    ("architecture", "causal", "why"),
    [
        ("llada", True, "diffusion"),
        ("eurobert", True, "embeddings"),
        ("llama", False, "embeddings"),
    ],
)
def test_a_model_that_does_not_write_from_left_to_right_is_refused(
    tmp_path: Path, architecture: str, causal: bool, why: str
) -> None:
    path = tinygguf.write(tmp_path / "other.gguf", architecture=architecture, causal=causal)

    with pytest.raises(ModelUnavailable, match=rf"other\.gguf: this model can't tell .*{why}"):
        _load(path)


@pytest.mark.slow
def test_a_recurrent_layer_that_adds_nothing_changes_no_proposal(tmp_path: Path) -> None:
    """Judge with SmolLM2, and with SmolLM2 as a hybrid model, which walks through the page."""
    lines = [
        "The patient shou1d take tbe tablets with watcr after meals.",
        "We rccommend thnt you buy a new toner cartridqe soon.",
        "Thank you for your ordcr. Goods rernain our property until paid in full.",
    ]
    hybrid = with_recurrent_layer(smollm2(), tmp_path / "hybrid.gguf")

    plain, walked = (_proposal(path, lines) for path in (smollm2(), hybrid))

    assert _texts(walked) == [
        "The patient should take the tablets with water after meals.",
        "We recommend that you buy a new toner cartridge soon.",
        "Thank you for your order. Goods remain our property until paid in full.",
    ]
    assert _texts(walked) == _texts(plain)
    assert walked.calls > plain.calls


def _proposal(path: Path, lines: Sequence[str]) -> PageProposal:
    return propose_with_judge(_load(path), None, PageToJudge(lines, range(len(lines))), 600)


def _texts(proposal: PageProposal) -> list[str | None]:
    return [line.text if line else None for line in proposal.lines]
