"""Test the scores of variants with the real llama.cpp: they are those of decoding each text by itself."""

import itertools
import os

import pytest

from language_models import smollm2
from scanmend.backends.gguf_files import builtin
from scanmend.config.profiles import Profile
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import shipped
from scanmend.llm.__main__ import Worker
from scanmend.llm.judge.combined_proposal import propose_with_judge
from scanmend.llm.judge.page_judgement import PageToJudge
from scanmend.llm.judge.scorer import Likelihood, Passage
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.loader import LoadedCorrector, LoadedModel, load, load_corrector
from scanmend.page import Box, Line
from scanmend.workers.protocol import LoadRequest, ProposeRequest

TEXT = "The committee will mect again\non Tuesday to consider the matter.\n"
SAME = 0.1  # nats


@pytest.fixture
def corrector() -> LoadedCorrector:
    return load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=1))


@pytest.fixture(scope="module")
def language_model() -> LoadedModel:
    return load(LoadRequest(os.fsencode(smollm2()), gpu_layers=0, threads=2), lambda _: None)


def _passage(read: str, *others: str) -> Passage:
    start = TEXT.index(read)
    return Passage(start, start + len(read), (read.encode(), *(o.encode() for o in others)))


def _alone(model: LoadedModel, text: str, begin: int, end: int) -> float:
    """Return the log-probability of ``text[begin:end]``, after what is before it, decoded in one go."""
    context = model.context
    scorer = TextScorer(context)
    tokens = scorer.tokens_of(text[:end].encode())
    start = context.begin_tokens or context.tokenize(b"\n")[-1:]
    decoded = [*start, *tokens]
    before = len(start) + len(scorer.tokens_of(text[:begin].encode()))
    context.clear()
    batch = [
        BatchToken(token, n, 0, predict=n + 1 >= before, expected=following)
        for n, (token, following) in enumerate(itertools.pairwise(decoded))
    ]
    return sum(context.log_likelihoods(batch))


def _check_differences(model: LoadedModel) -> None:
    """Compare the variants' differences with those of whole texts that end behind the same two words.

    The variants differ in the first token, in a later one, and begin with the text as it is.
    """
    passage = _passage("mect", "meet", "most", "me", "mectings", "convene itself")
    texts = [TEXT.replace("mect", variant.decode()) for variant in passage.variants]
    whole = [_alone(model, t, t.index(" will") + 5, t.index(" Tuesday")) for t in texts]
    expected = [one - whole[0] for one in whole]
    scorer = TextScorer(model.context)
    for hint in ([], [passage], [_passage("mect", "most")]):
        scorer.open(TEXT.encode(), hint)
        ((_, likelihoods),) = next(scorer.batches([passage]))

        found = [x.with_following - likelihoods[0].with_following for x in likelihoods]
        assert found == pytest.approx(expected, abs=SAME)


def test_a_corrector_s_scores_are_those_of_decoding_each_text_by_itself(
    corrector: LoadedCorrector,
) -> None:
    _check_differences(corrector)


@pytest.mark.slow
def test_a_language_model_s_scores_are_those_of_decoding_each_text_by_itself(
    language_model: LoadedModel,
) -> None:
    _check_differences(language_model)


def test_all_passages_are_scored_in_order_whatever_the_batches(corrector: LoadedCorrector) -> None:
    scorer = TextScorer(corrector.context)
    scorer.open(TEXT.encode())
    passages = [_passage("mect", "meet"), _passage("matter", "mutter")] * 12

    batches = list(scorer.batches(passages))

    assert len(batches) > 1
    scored = [entry for batch in batches for entry in batch]
    assert [index for index, _ in scored] == list(range(len(passages)))
    assert _totals(scored[0][1]) == pytest.approx(_totals(scored[-2][1]), abs=SAME)


def _totals(likelihoods: list[Likelihood]) -> list[float]:
    return [likelihood.with_following for likelihood in likelihoods]


def test_a_misread_word_surprises_more_than_a_usual_one(corrector: LoadedCorrector) -> None:
    scorer = TextScorer(corrector.context)
    words = [_passage("mect", "meet"), _passage("Tuesday")]

    assert scorer.open(TEXT.encode(), words) == pytest.approx(
        [-_alone(corrector, TEXT, word.start - 1, word.end) for word in words], abs=SAME
    )


def test_variants_that_are_not_chosen_count_as_if_followed_like_the_text(
    corrector: LoadedCorrector,
) -> None:
    scorer = TextScorer(corrector.context)
    passage = _passage("mect", "meet", "most")
    scorer.open(TEXT.encode())
    ((_, full),) = next(scorer.batches([passage]))

    ((_, chosen),) = next(scorer.batches([passage], lambda _index, _alone: [1]))
    ((_, none),) = next(scorer.batches([passage], lambda _index, _alone: []))

    following = full[0].with_following - full[0].alone
    assert _totals(chosen[:2]) == pytest.approx(_totals(full[:2]), abs=SAME)
    assert chosen[2].with_following == pytest.approx(full[2].alone + following, abs=SAME)
    assert [x.with_following for x in none] == [x.alone for x in none]


@pytest.mark.slow
def test_the_page_s_decoding_tells_of_variants_that_differ_in_one_token(
    language_model: LoadedModel,
) -> None:
    scorer, passage = TextScorer(language_model.context), _passage("mect", "meet", "most")

    def scored(hint: list[Passage]) -> tuple[float, list[Likelihood], int]:
        surprises = scorer.open(TEXT.encode(), hint)
        tokens = scorer.tokens
        ((_, likelihoods),) = next(scorer.batches([passage], lambda _index, _alone: []))
        return sum(surprises), likelihoods, scorer.tokens - tokens

    surprise, with_page, decoded = scored([passage])
    _, without_page, decoded_without = scored([])

    assert with_page[0].alone == pytest.approx(-surprise, abs=SAME)
    assert _totals(with_page) == pytest.approx(_totals(without_page), abs=SAME)
    assert decoded == 0 < decoded_without


@pytest.mark.slow
def test_an_english_model_judges_no_german_page(language_model: LoadedModel) -> None:
    lines = [
        "Die Versicherung zahlt nicht, was wir von der Gesellfchaft",
        "und den Häusern wollen.",
    ]

    proposal = propose_with_judge(language_model, None, PageToJudge(lines, [0, 1]), 600)

    assert proposal.method == "parallel"
    assert [line.text for line in proposal.lines if line] == lines
    assert proposal.bound is None


@pytest.mark.slow
def test_fast_judging_leaves_known_words_alone(language_model: LoadedModel) -> None:
    lines = ["The patient shou1d take the tablets with walker after meals, three times a day."]
    full, fast = (
        propose_with_judge(language_model, None, PageToJudge(lines, [0], fast=fast), 600)
        for fast in (False, True)
    )

    assert fast.lines[0]
    assert "should" in fast.lines[0].text
    assert fast.tokens < full.tokens


@pytest.mark.slow
def test_a_language_model_corrects_a_page_without_a_prompt(language_model: LoadedModel) -> None:
    lines = [
        "Invoic # 12345",
        "Total: $1O0.00",
        "The patient shou1d take tbe tablets with watcr after meals.",
        "We rccommend thnt you replace the toner cartridqe soon.",
        "Thank you for your ordcr. Goods rernain our property until paid in full.",
    ]

    proposal = propose_with_judge(
        language_model, None, PageToJudge(lines, range(1, len(lines))), 600
    )

    assert [line.text if line else None for line in proposal.lines] == [
        None,
        "Total: $1O0.00",
        "The patient should take the tablets with water after meals.",
        "We recommend that you replace the toner cartridge soon.",
        "Thank you for your order. Goods remain our property until paid in full.",
    ]
    assert all(d.margin >= 2 for line in proposal.lines if line for d in line.divergences or ())


@pytest.mark.slow
def test_without_time_nothing_is_proposed(language_model: LoadedModel) -> None:
    proposal = propose_with_judge(
        language_model, None, PageToJudge(["We rccommend thnt you go."], [0]), 0
    )

    assert proposal.bound == "seconds"
    assert [line.text for line in proposal.lines if line] == ["We rccommend thnt you go."]


@pytest.mark.slow
def test_corrector_judge_and_gate_together_publish_the_right_lines(
    corrector: LoadedCorrector, language_model: LoadedModel
) -> None:
    """Publish the lines of an invoice: the number is repaired by rule, and the words by the judge."""
    texts = [
        "Invoic # 12345",
        "Total: $1O0.00",
        "Date: 2023-07-15",
        "The patient shou1d take tbe tablets with watcr after meals.",
        "We rccommend thnt you replace the toner cartridqe soon.",
        "Thank you for your ordcr. Goods rernain our property until paid in full.",
    ]
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in texts]

    proposal = propose_with_judge(
        language_model, corrector, PageToJudge(texts, range(len(texts))), 600
    )

    assert gate(lines, proposal.lines, Profile("default").gate_rules, shipped()).lines == (
        "Invoice # 12345",
        "Total: $100.00",
        "Date: 2023-07-15",
        "The patient should take the tablets with water after meals.",
        "We recommend that you replace the toner cartridge soon.",
        "Thank you for your order. Goods remain our property until paid in full.",
    )


@pytest.mark.slow
def test_a_worker_judges_if_it_has_a_corrector_beside_the_model(
    language_model: LoadedModel,
) -> None:
    worker = Worker()
    files = (os.fsencode(smollm2()), os.fsencode(builtin()))
    worker.load(LoadRequest(files[0], gpu_layers=0, threads=2, corrector=files[1]), lambda _: None)

    request = ProposeRequest("Correct.", ("We rccommend thnt you go to tbe house.",), (0,), 600.0)
    proposal = worker.propose(request, lambda _: None)

    assert proposal.method == "judge"
    assert [line.text for line in proposal.lines if line] == [
        "We recommend that you go to the house."
    ]
