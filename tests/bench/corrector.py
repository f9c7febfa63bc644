"""`make eval-corrector`: evaluate the corrector on text with a truth, in the way that the product uses it.

Lines as OCR gives them go through the model's child (sandbox, guided decoding) and the gate. For comparison, the same lines go
through the model without the gate, and through SymSpell. See --help; ARGS="--sets ours overproof --lines 200".
"""

import argparse
import collections
import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import corrector_reading as reading
from bench import corrector_sets as sets
from bench import corrector_table as table
from bench.corrector_figures import Outcome, figures
from bench.corrector_plot import plot
from bench.corrector_run import (
    ProposedDocument,
    cached_model,
    gated,
    perfect,
    with_texts,
    without_gate,
)
from bench.documents import LANGUAGES
from scanmend.config.loading import load_settings
from scanmend.config.profiles import Profile, load_profiles

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETS = ("ours", "receipts", "magazine", *sets.POST_OCR_FILES)
LINES_OF_OURS = 22  # approximate length of one of our documents
Group = tuple[str, ...]


def collect(options: argparse.Namespace) -> list[sets.Document]:
    """Return the documents of the chosen sets."""
    found: list[sets.Document] = []
    for name in options.sets:
        if name == "ours":
            found += _ours(options)
        elif not os.path.isdir(options.data):
            remedy = "--data FOLDER says where it is"
            print(f"{options.data}: not there, so there is no {name}; {remedy}", file=sys.stderr)
        elif name in sets.POST_OCR_FILES:
            found += sets.post_ocr(options.data, name)
        else:
            pictures = reading.receipts if name == "receipts" else reading.magazine
            found += pictures(options.data, options.cache, options.jobs)
    if options.languages:
        found = [d for d in found if d.language in options.languages]
    return sets.sample(found, options.documents, options.lines)


def _ours(options: argparse.Namespace) -> list[sets.Document]:
    languages = [x for x in LANGUAGES if x in (options.languages or LANGUAGES)]
    limit = options.documents
    if not limit and options.lines:
        limit = 1 + options.lines // (LINES_OF_OURS * options.copies)
    cache, jobs, fonts = options.cache, options.jobs, options.fonts
    return list(reading.ours(cache, jobs, fonts, options.copies, languages, limit))


def shipped_profile(name: str) -> Profile:
    """Return a profile as the product ships it."""
    settings = load_settings(os.path.join(ROOT, "etc", "scanmend.yaml"))
    return load_profiles(settings)[name]


def judged(
    documents: Sequence[ProposedDocument],
    profile: Profile,
    margins: Sequence[float],
    allowed: Mapping[str, float],
) -> dict[str, dict[Group, list[Outcome]]]:
    """Return for each method the outcomes of each group.

    ``margins`` are the values of ``min_margin`` to compare. ``allowed`` is passed to ``gated`` for the methods whose names
    end with "+".
    """
    found: dict[str, dict[Group, list[Outcome]]] = {}

    def add(method: str, group: Group, outcome: Outcome) -> None:
        found.setdefault(method, {}).setdefault(group, []).append(outcome)

    for one in documents:
        group = one.document.group
        for margin in margins:
            method = f"scanmend, margin {margin:g}"
            rules = dataclasses.replace(profile, min_margin=margin)
            add(method, group, gated(one, rules))
            if allowed:
                add(f"{method} +", group, gated(one, rules, allowed))
        truth = perfect(one.document)
        add("a perfect model", group, gated(truth, profile))
        if allowed:
            add("a perfect model +", group, gated(truth, profile, allowed))
        add("model, no gate", group, without_gate(one))
    return found


def by_symspell(documents: Sequence[sets.Document], data: str) -> dict[Group, list[Outcome]]:
    """Return the documents as corrected by SymSpell; an empty list if it is not installed."""
    found: dict[Group, list[Outcome]] = {}
    try:
        from bench.symspell import corrector
    except ImportError:
        missing = "symspellpy is not installed: no figures for a dictionary"
        print(f"{missing}; ./setup.sh test installs it", file=sys.stderr)
        return found
    languages = {d.language for d in documents}
    correctors = {language: corrector(language, data) for language in languages}
    for document in documents:
        correct = correctors[document.language]
        if correct:
            texts = [[correct(line.text) for line in page.lines] for page in document.pages]
            found.setdefault(document.group, []).append(with_texts(document, texts))
    return found


def built_in() -> str | None:
    """Return the path of the model that comes with the source."""
    return next(map(str, sorted(Path(ROOT, "models").rglob("*.gguf"))), None)


def arguments() -> argparse.Namespace:
    """Return the command line's options; exit with a message if the model is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    data = os.path.join(ROOT, "..", "shared", "data")
    cache = os.path.join(ROOT, "var", "eval-corrector")
    margins = "values of min_margin to compare; default: the profile's"
    allow = "also: as if edits passed that this rule rejects, from this margin on; as short-word:2"
    said = "keeps the model's proposals: the next run with this file asks for nothing twice"
    fonts = "folders with fonts for our own documents, besides the system's"
    copies = "of each of our own documents, at each level, in other fonts"
    add("--model", default=built_in(), help="a GGUF; default: the built-in one")
    add("--data", default=data)
    add("--sets", nargs="+", default=list(SETS), choices=SETS)
    add("--languages", nargs="+", help="only these, as: en de")
    add("--documents", type=int, help="of each set, level and language, at most")
    add("--lines", type=int, help="of each set, level and language, about")
    add("--profile", default="default")
    add("--margins", nargs="+", type=float, help=margins)
    add("--allow", nargs="+", default=[], metavar="RULE:MARGIN", help=allow)
    add("--said", help=said)
    add("--threads", type=int, help="of the model; default: all cores")
    add("--cache", default=cache, help="keeps what OCR read")
    add("--fonts", nargs="+", default=[], help=fonts)
    add("--copies", type=int, default=2, help=copies)
    add("--jobs", type=int, default=os.cpu_count() or 1, help="pages read at a time")
    add("--no-dictionary", action="store_true", help="leave SymSpell out")
    add("--show", type=int, default=0, help="lines made worse, and better, to print")
    add("--plot", help="a picture (PNG) of CER before against after")
    add("--json", help="write all figures here")
    options = parser.parse_args()
    if not options.model:
        parser.error("there is no built-in model in models/: --model FILE.gguf")
    if not os.path.isfile(options.model):
        parser.error(f"--model {options.model}: there is no such file")
    return options


def main() -> int:
    """Run the evaluation and print its tables; return the exit code."""
    options = arguments()
    profile = shipped_profile(options.profile)
    documents = collect(options)
    if not documents:
        print("nothing to read", file=sys.stderr)
        return 1
    started = time.monotonic()
    with cached_model(options.model, options.threads, options.said) as model:
        proposed = list(model.documents(documents, profile))
    load_average = os.getloadavg()[0]
    margins = options.margins or [profile.min_margin]
    allowed = {rule: float(least) for rule, _, least in (x.partition(":") for x in options.allow)}
    outcomes = judged(proposed, profile, margins, allowed)
    if not options.no_dictionary:
        outcomes["SymSpell"] = by_symspell(documents, options.data)
    _report(options, outcomes, proposed)
    seconds = time.monotonic() - started
    print(f"\n{seconds:.0f} s; load average {load_average:.1f} on {os.cpu_count()} cores")
    return 0


def _report(
    options: argparse.Namespace,
    outcomes: dict[str, dict[Group, list[Outcome]]],
    proposed: Sequence[ProposedDocument],
) -> None:
    """Print the tables; write the plot and the figures if the options say so."""
    results: dict[str, Any] = {
        method: {" ".join(group): figures(of) for group, of in groups.items()}
        for method, groups in outcomes.items()
    }
    table.show(results)
    table.rules(results)
    table.confidence(results)
    table.pages(results)
    table.missed_targets(results)
    if options.show:
        table.examples(outcomes, options.show)
    bounds = dict(collections.Counter(bound for one in proposed for bound in one.bounds))
    missing = sum(one.missing_lines for one in proposed)
    if bounds or missing:
        print(f"\npages that a bound cut short: {bounds}; lines without a proposal: {missing}")
    if options.plot:
        method = next(iter(outcomes))
        plot(options.plot, f"{os.path.basename(options.model)}: {method}", outcomes[method])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    sys.exit(main())
