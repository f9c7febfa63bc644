"""Run documents through the model's child and the gate, or through one of them, for `make eval-corrector`."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from bench.corrector_figures import Judged, Outcome
from bench.corrector_sets import Document, Page
from bench.corrector_table import progress
from scanmend.backends.gguf_files import builtin
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import apply, needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.correction.page_result import gated_result
from scanmend.errors import ChildError
from scanmend.page import (
    Correction,
    CorrectionStatus,
    Divergence,
    Edit,
    EngineInfo,
    LineProposal,
    PageProposal,
    PageText,
)

CERTAIN = 99.0  # nats: the margin of a model that knows the truth


@dataclass(slots=True)
class ProposedDocument:
    """A document with the model's proposals.

    ``seconds`` is the time of the model for ``characters`` of OCR text. ``bounds`` names the bound of each page that was cut
    short. ``missing_lines`` counts the requested lines without a proposal.
    """

    document: Document
    pages: list[tuple[LineProposal | None, ...]] = field(default_factory=list)
    seconds: float = 0.0
    characters: int = 0
    bounds: list[str] = field(default_factory=list)
    missing_lines: int = 0


class CachedModel:
    """The model in its child, as in the correct step, with a file that caches its proposals."""

    def __init__(self, path: str, threads: int | None, cache: str | None) -> None:
        """Use the proposals in the file ``cache``, so that a run can compare the gate's rules without the model."""
        settings = LlmSettings(model=os.path.basename(path), auto_download=False, threads=threads)
        folder = os.path.dirname(os.path.abspath(path))
        self._model = LanguageModel(settings, folder, lambda *_: None)
        self._cache_file = cache
        self._cached: dict[str, dict[str, object]] = {}
        if cache and os.path.exists(cache):
            self._cached = json.loads(Path(cache).read_text(encoding="utf-8"))
        # as the daemon does, ask a language model about lines of known words, too
        self._words = shipped() if path == builtin() else None
        self._digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()

    def close(self) -> None:
        """End the child; write the cache."""
        self._model.close()
        if self._cache_file:
            text = json.dumps(self._cached, ensure_ascii=False)
            Path(self._cache_file).write_text(text, encoding="utf-8")

    def documents(
        self, documents: Sequence[Document], profile: Profile
    ) -> Iterator[ProposedDocument]:
        """Yield each document with the model's proposals for the lines that need correction."""
        for number, document in enumerate(documents):
            found = ProposedDocument(document)
            for page in document.pages:
                self._add_page(found, page, profile)
            progress(number + 1, len(documents), document.name)
            yield found

    def _add_page(self, found: ProposedDocument, page: Page, profile: Profile) -> None:
        rules = profile.gate_rules
        wanted = [n for n, x in enumerate(page.lines) if needs_correction(x, rules, self._words)]
        proposal = self._propose(page, wanted, profile) if wanted else None
        lines = proposal.lines if proposal else (None,) * len(page.lines)
        found.pages.append(lines)
        found.characters += sum(len(line.text) for line in page.lines)
        found.seconds += proposal.seconds if proposal else 0
        found.missing_lines += sum(lines[n] is None for n in wanted)
        if proposal and proposal.bound:
            found.bounds.append(proposal.bound)

    def _propose(self, page: Page, wanted: Sequence[int], profile: Profile) -> PageProposal | None:
        """Return the proposals; None if the model failed on the page, which the daemon would publish uncorrected."""
        lines = [(line.text, msgspec.to_builtins(line.doubts or ())) for line in page.lines]
        request = [self._digest, profile.prompt_sha256, lines, list(wanted)]
        key = hashlib.sha256(json.dumps(request).encode()).hexdigest()
        if key in self._cached:
            return msgspec.convert(self._cached[key], PageProposal)
        try:
            proposal = self._model.propose(page.lines, wanted, profile)
        except ChildError as error:
            failed = f"the model failed on a page of {len(page.lines)} lines"
            print(f"\n{failed}: {error}", file=sys.stderr)
            return None
        if self._cache_file:
            self._cached[key] = msgspec.to_builtins(proposal)
        return proposal


@contextlib.contextmanager
def cached_model(path: str, threads: int | None, cache: str | None) -> Iterator[CachedModel]:
    """Yield the model, and close it after the block."""
    model = CachedModel(path, threads, cache)
    try:
        yield model
    finally:
        model.close()


def gated(
    proposed: ProposedDocument, profile: Profile, allowed: Mapping[str, float] | None = None
) -> Outcome:
    """Return the document as published through the gate.

    ``allowed`` maps rules to margins in nats: an edit that such a rule rejects passes nevertheless if it has this margin. The
    result shows the best case of a change of the gate, since a later rule might still reject the edit.
    """
    judged: list[Judged] = []
    texts = []
    for page, proposals in zip(proposed.document.pages, proposed.pages, strict=True):
        published, edits = _reviewed(page, proposals, profile, allowed or {})
        for n, (line, truth) in enumerate(zip(page.lines, page.truths, strict=True)):
            if truth is not None:
                of_line = tuple(e for e in edits if e.line == n)
                proposal = proposals[n]
                said = proposal.text if proposal else None
                judged.append(
                    Judged(line.text, published[n], truth, line.confidence, of_line, said)
                )
        texts.append(_page_texts(page, published))
    document = proposed.document
    return Outcome(
        name=document.name,
        lines=tuple(judged),
        pages=tuple(texts),
        fold=document.fold,
        seconds=proposed.seconds,
        characters=proposed.characters,
    )


def _reviewed(
    page: Page,
    proposals: Sequence[LineProposal | None],
    profile: Profile,
    allowed: Mapping[str, float],
) -> tuple[list[str], list[Edit]]:
    """Return the published lines and all edits of a page."""
    text = PageText(0, 1, 1, 72, 0, page.lines, EngineInfo("given", ""))
    result = gated_result(
        text, tuple(proposals), profile.gate_rules, Correction(CorrectionStatus.DONE)
    )
    if not allowed:
        return list(result.lines), list(result.edits)
    edits = [_allowed(edit, allowed) for edit in result.edits]
    lines = [
        apply(line.text, [e for e in edits if e.line == n]) for n, line in enumerate(page.lines)
    ]
    return lines, edits


def _allowed(edit: Edit, allowed: Mapping[str, float]) -> Edit:
    """Return the edit, accepted if it has the margin that ``allowed`` has for its rule."""
    least = allowed.get(edit.rule)
    passes = least is not None and (edit.margin is None or edit.margin >= least)
    return replace(edit, accepted=True) if passes else edit


def perfect(document: Document) -> ProposedDocument:
    """Return the document with the truth as the proposals: the gate's result is the best that any model can reach."""
    found = ProposedDocument(document)
    for page in document.pages:
        found.pages.append(tuple(None if t is None else _certain(t) for t in page.truths))
    return found


def _certain(text: str) -> LineProposal:
    return LineProposal(text, (Divergence(0, len(text), CERTAIN),))


def without_gate(proposed: ProposedDocument) -> Outcome:
    """Return the document as the model proposes it."""
    texts = [
        [p.text if p else line.text for line, p in zip(page.lines, proposals, strict=True)]
        for page, proposals in zip(proposed.document.pages, proposed.pages, strict=True)
    ]
    return with_texts(proposed.document, texts)


def with_texts(document: Document, texts: Sequence[Sequence[str]]) -> Outcome:
    """Return the document with these lines as the published ones, page by page."""
    judged: list[Judged] = []
    pages = []
    for page, published in zip(document.pages, texts, strict=True):
        judged += [
            Judged(line.text, text, truth, line.confidence)
            for line, text, truth in zip(page.lines, published, page.truths, strict=True)
            if truth is not None
        ]
        pages.append(_page_texts(page, published))
    return Outcome(document.name, tuple(judged), tuple(pages), document.fold)


def _page_texts(page: Page, published: Sequence[str]) -> tuple[str, str, str]:
    """Return the whole page as read, as published, and true."""
    return "\n".join(line.text for line in page.lines), "\n".join(published), page.truth
