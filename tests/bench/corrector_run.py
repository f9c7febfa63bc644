"""Documents through the model's real child, the gate, or neither: what `make eval-corrector` compares."""

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
from scanmend.backends.llm_lifecycle import Model
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import apply, needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.correction.page_result import review
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


@dataclass(slots=True)
class Said:
    """A document with what the model made of each page, and how long that took it.

    ``cut``: pages that a bound of the decoder cut short, with which. ``missed``: lines it was asked for in vain.
    """

    document: Document
    proposals: list[tuple[LineProposal | None, ...]] = field(default_factory=list)
    seconds: float = 0.0
    characters: int = 0
    cut: list[str] = field(default_factory=list)
    missed: int = 0


class Asked:
    """The model in its child, as the correct step has it; what it said is kept in a file, where one is named."""

    def __init__(self, path: str, threads: int | None, keep: str | None) -> None:
        """``keep``: proposals of a run before are taken from there, so that the gate's rules alone are tried."""
        settings = LlmSettings(model=os.path.basename(path), auto_download=False, threads=threads)
        folder = os.path.dirname(os.path.abspath(path))
        self._model = Model(settings, folder, lambda *_: None)
        self._file = keep
        self._kept: dict[str, dict[str, object]] = {}
        if keep and os.path.exists(keep):
            self._kept = json.loads(Path(keep).read_text(encoding="utf-8"))
        self._digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()

    def close(self) -> None:
        """End the child; write what is kept."""
        self._model.close()
        if self._file:
            Path(self._file).write_text(
                json.dumps(self._kept, ensure_ascii=False), encoding="utf-8"
            )

    def documents(self, documents: Sequence[Document], profile: Profile) -> Iterator[Said]:
        """Each page once."""
        for number, document in enumerate(documents):
            said = Said(document)
            for page in document.pages:
                wanted = [
                    n
                    for n, line in enumerate(page.lines)
                    if needs_correction(line, profile, shipped())
                ]
                proposal = self._propose(page, wanted, profile) if wanted else None
                lines = proposal.lines if proposal else (None,) * len(page.lines)
                said.proposals.append(lines)
                said.characters += sum(len(line.text) for line in page.lines)
                said.seconds += proposal.seconds if proposal else 0
                said.missed += sum(lines[n] is None for n in wanted)
                if proposal and proposal.bound:
                    said.cut.append(proposal.bound)
            progress(number + 1, len(documents), document.name)
            yield said

    def _propose(self, page: Page, wanted: Sequence[int], profile: Profile) -> PageProposal | None:
        """None where the model failed on the page: the daemon would publish it uncorrected."""
        asked = [
            self._digest,
            profile.prompt_sha256,
            [(line.text, msgspec.to_builtins(line.doubts or ())) for line in page.lines],
            list(wanted),
        ]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        if key in self._kept:
            return msgspec.convert(self._kept[key], PageProposal)
        try:
            proposal = self._model.propose(page.lines, wanted, profile)
        except ChildError as error:
            print(
                f"\nthe model failed on a page of {len(page.lines)} lines: {error}", file=sys.stderr
            )
            return None
        if self._file:
            self._kept[key] = msgspec.to_builtins(proposal)
        return proposal


@contextlib.contextmanager
def asked(path: str, threads: int | None, keep: str | None) -> Iterator[Asked]:
    """The model, closed in the end."""
    running = Asked(path, threads, keep)
    try:
        yield running
    finally:
        running.close()


def gated(said: Said, profile: Profile, allowed: Mapping[str, float] | None = None) -> Outcome:
    """The document through the gate.

    ``allowed``: edits that one of these rules rejects pass all the same when their margin is at least that; what a
    change of the gate would bring, at best: a rule that comes later might still reject them.
    """
    lines, pages = [], []
    for page, proposed in zip(said.document.pages, said.proposals, strict=True):
        text = PageText(0, 1, 1, 72, 0, page.lines, EngineInfo("given", ""))
        result = review(text, proposed, profile, Correction(CorrectionStatus.DONE))
        texts, edits = list(result.lines), list(result.edits)
        if allowed:
            edits = [_allow(edit, allowed) for edit in edits]
            texts = [
                apply(line.text, [e for e in edits if e.line == n])
                for n, line in enumerate(page.lines)
            ]
        for n, (line, truth) in enumerate(zip(page.lines, page.truths, strict=True)):
            if truth is not None:
                one = proposed[n]
                mine = tuple(e for e in edits if e.line == n)
                lines.append(
                    Judged(
                        line.text, texts[n], truth, line.confidence, mine, one.text if one else None
                    )
                )
        pages.append(("\n".join(x.text for x in page.lines), "\n".join(texts), page.truth))
    document = said.document
    return Outcome(document.name, tuple(lines), tuple(pages), document.fold, said.seconds, said.characters)  # fmt: skip


def _allow(edit: Edit, allowed: Mapping[str, float]) -> Edit:
    least = allowed.get(edit.rule)
    passes = least is not None and (edit.margin is None or edit.margin >= least)
    return replace(edit, accepted=True) if passes else edit


def perfect(document: Document) -> Said:
    """As if a model had said the truth: what the gate lets pass of that is the most that any model can bring."""
    said = Said(document)
    for page in document.pages:
        said.proposals.append(tuple(None if t is None else _sure(t) for t in page.truths))
    return said


def _sure(text: str) -> LineProposal:
    return LineProposal(text, (Divergence(0, len(text), 99.0),))


def ungated(said: Said) -> Outcome:
    """The document as the model says it."""
    texts = [
        [p.text if p else line.text for line, p in zip(page.lines, proposed, strict=True)]
        for page, proposed in zip(said.document.pages, said.proposals, strict=True)
    ]
    return plainly(said.document, texts)


def plainly(document: Document, texts: Sequence[Sequence[str]]) -> Outcome:
    """The document with these lines in place of its own."""
    lines, pages = [], []
    for page, new in zip(document.pages, texts, strict=True):
        lines += [
            Judged(line.text, text, truth, line.confidence)
            for line, text, truth in zip(page.lines, new, page.truths, strict=True)
            if truth is not None
        ]
        pages.append(("\n".join(x.text for x in page.lines), "\n".join(new), page.truth))
    return Outcome(document.name, tuple(lines), tuple(pages), document.fold)
