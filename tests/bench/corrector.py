"""What the corrector does to text with a truth, by the whole way of the product: `make eval-corrector`.

Lines as OCR gives them go through the model's child (sandbox, guided decoding) and the gate; beside that, the same
lines through the model without the gate, and through SymSpell. See --help; ARGS="--sets ours overproof --lines 200".
"""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import corrector_reading as reading
from bench import corrector_sets as sets
from bench import corrector_table as table
from bench.corrector_figures import Judged, Outcome, figures
from bench.corrector_plot import plot
from bench.documents import LANGUAGES
from scanmend.config import Llm, load
from scanmend.gate import needs
from scanmend.model import Model
from scanmend.profiles import Profile, load_profiles
from scanmend.review import review
from scanmend.values import Correction, EngineInfo, PageText, Proposed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETS = ("ours", "receipts", "magazine", *sets.POSTED)


@dataclass(slots=True)
class Said:
    """A document with what the model made of each page, and how long that took it."""

    document: sets.Document
    proposals: list[tuple[Proposed | None, ...]]
    seconds: float = 0.0
    characters: int = 0


@contextlib.contextmanager
def model(path: str, threads: int | None) -> Iterator[Model]:
    """The model's real child; its states go to nobody."""
    settings = Llm(model=os.path.basename(path), auto_download=False, threads=threads)
    running = Model(settings, os.path.dirname(os.path.abspath(path)), lambda *_: None)
    try:
        yield running
    finally:
        running.close()


def ask(running: Model, documents: Sequence[sets.Document], profile: Profile) -> Iterator[Said]:
    """Each page once, as the correct step asks."""
    for number, document in enumerate(documents):
        said = Said(document, [])
        for page in document.pages:
            wanted = [n for n, line in enumerate(page.lines) if needs(line, profile)]
            said.characters += sum(len(line.text) for line in page.lines)
            if not wanted:
                said.proposals.append((None,) * len(page.lines))
                continue
            proposal = running.propose(page.lines, wanted, profile)
            said.proposals.append(proposal.lines)
            said.seconds += proposal.seconds
        table.progress(number + 1, len(documents), document.name)
        yield said


def gated(said: Said, profile: Profile) -> Outcome:
    """The document through the gate."""
    lines, pages = [], []
    for page, proposed in zip(said.document.pages, said.proposals, strict=True):
        text = PageText(0, 1, 1, 72, 0, page.lines, EngineInfo("given", ""))
        result = review(text, proposed, profile, Correction("done"))
        for n, (line, truth) in enumerate(zip(page.lines, page.truths, strict=True)):
            if truth is not None:
                edits = tuple(e for e in result.edits if e.line == n)
                one = proposed[n]
                lines.append(
                    Judged(
                        line.text,
                        result.lines[n],
                        truth,
                        line.confidence,
                        edits,
                        one.text if one else None,
                    )
                )
        pages.append(("\n".join(x.text for x in page.lines), "\n".join(result.lines), page.truth))
    document = said.document
    return Outcome(document.name, tuple(lines), tuple(pages), document.fold, said.seconds, said.characters)  # fmt: skip


def ungated(said: Said) -> Outcome:
    """The document as the model says it."""
    texts = [
        [p.text if p else line.text for line, p in zip(page.lines, proposed, strict=True)]
        for page, proposed in zip(said.document.pages, said.proposals, strict=True)
    ]
    return plainly(said.document, texts)


def plainly(document: sets.Document, texts: Sequence[Sequence[str]]) -> Outcome:
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


def collect(options: argparse.Namespace) -> list[sets.Document]:
    """The documents of the chosen sets."""
    found: list[sets.Document] = []
    for name in options.sets:
        if name == "ours":
            languages = [x for x in LANGUAGES if x in (options.languages or LANGUAGES)]
            found += reading.ours(options.cache, options.jobs, options.fonts, options.copies, languages)  # fmt: skip
        elif not os.path.isdir(options.data):
            print(f"{options.data}: not there, so there is no {name}; --data FOLDER says where it is", file=sys.stderr)  # fmt: skip
        elif name in sets.POSTED:
            found += sets.posted(options.data, name)
        else:
            pictures = reading.receipts if name == "receipts" else reading.magazine
            found += pictures(options.data, options.cache, options.jobs)
    if options.languages:
        found = [d for d in found if d.language in options.languages]
    return sets.some(found, options.documents, options.lines)


def profile_of(name: str) -> Profile:
    """A profile as the product ships it."""
    settings = load(os.path.join(ROOT, "etc", "scanmend.yaml"))
    return load_profiles(settings)[name]


def judge(
    said: Sequence[Said], profile: Profile, margins: Sequence[float]
) -> dict[str, dict[tuple[str, ...], list[Outcome]]]:
    """For each way of correcting, the outcomes of each group."""
    found: dict[str, dict[tuple[str, ...], list[Outcome]]] = {}
    for one in said:
        group = one.document.group
        for margin in margins:
            name = f"scanmend, margin {margin:g}"
            rules = dataclasses.replace(profile, min_margin=margin)
            found.setdefault(name, {}).setdefault(group, []).append(gated(one, rules))
        found.setdefault("model, no gate", {}).setdefault(group, []).append(ungated(one))
    return found


def spelled(documents: Sequence[sets.Document], data: str) -> dict[tuple[str, ...], list[Outcome]]:
    """The documents by SymSpell; empty where it is not installed."""
    found: dict[tuple[str, ...], list[Outcome]] = {}
    try:
        from bench.symspell import corrector
    except ImportError:
        print("symspellpy is not installed: no figures for a dictionary; ./setup.sh test installs it", file=sys.stderr)  # fmt: skip
        return found
    correctors = {
        language: corrector(language, data) for language in {d.language for d in documents}
    }
    for document in documents:
        correct = correctors[document.language]
        if correct:
            texts = [[correct(line.text) for line in page.lines] for page in document.pages]
            found.setdefault(document.group, []).append(plainly(document, texts))
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a GGUF")
    parser.add_argument("--data", default=os.path.join(ROOT, "..", "shared", "data"))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--languages", nargs="+", help="only these, as: en de")
    parser.add_argument("--documents", type=int, help="of each set, level and language, at most")
    parser.add_argument("--lines", type=int, help="of each set, level and language, about")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--margins", nargs="+", type=float, help="values of min_margin to compare; default: the profile's")  # fmt: skip
    parser.add_argument("--threads", type=int, help="of the model; default: all cores")
    parser.add_argument("--cache", default=os.path.join(ROOT, "var", "eval-corrector"), help="keeps what OCR read")  # fmt: skip
    parser.add_argument("--fonts", nargs="+", default=[], help="folders with fonts for documents of ours, besides the system's")  # fmt: skip
    parser.add_argument("--copies", type=int, default=2, help="of each document of ours, at each level, in other fonts")  # fmt: skip
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="pages read at a time"
    )
    parser.add_argument("--no-dictionary", action="store_true", help="leave SymSpell out")
    parser.add_argument(
        "--show", type=int, default=0, help="lines made worse, and better, to print"
    )
    parser.add_argument("--plot", help="a picture (PNG) of CER before against after")
    parser.add_argument("--json", help="write all figures here")
    return parser.parse_args()


def main() -> int:
    """Run, and print tables."""
    options = arguments()
    profile = profile_of(options.profile)
    documents = collect(options)
    if not documents:
        print("nothing to read", file=sys.stderr)
        return 1
    started = time.monotonic()
    with model(options.model, options.threads) as running:
        said = list(ask(running, documents, profile))
    load_average = os.getloadavg()[0]
    margins = options.margins or [profile.min_margin]
    outcomes = judge(said, profile, margins)
    if not options.no_dictionary:
        outcomes["SymSpell"] = spelled(documents, options.data)
    results: dict[str, Any] = {
        name: {" ".join(group): figures(of) for group, of in groups.items()}
        for name, groups in outcomes.items()
    }
    table.show(results)
    table.rules(results)
    table.confidence(results)
    table.pages(results)
    table.wishes(results)
    if options.show:
        table.examples(outcomes, options.show)
    print(f"\n{time.monotonic() - started:.0f} s; load average {load_average:.1f} on {os.cpu_count()} cores")  # fmt: skip
    if options.plot:
        way = next(iter(outcomes))
        plot(options.plot, f"{os.path.basename(options.model)}: {way}", outcomes[way])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, ensure_ascii=False, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
