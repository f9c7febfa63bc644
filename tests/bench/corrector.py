"""What the corrector does to text with a truth, by the whole way of the product: `make eval-corrector`.

Lines as OCR gives them go through the model's child (sandbox, guided decoding) and the gate; beside that, the same
lines through the model without the gate, and through SymSpell. See --help; ARGS="--sets ours overproof --lines 200".
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
from bench.corrector_run import Said, asked, gated, perfect, plainly, ungated
from bench.documents import LANGUAGES
from scanmend.config.loading import load_settings
from scanmend.config.profiles import Profile, load_profiles

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETS = ("ours", "receipts", "magazine", *sets.POSTED)


def collect(options: argparse.Namespace) -> list[sets.Document]:
    """The documents of the chosen sets."""
    found: list[sets.Document] = []
    for name in options.sets:
        if name == "ours":
            languages = [x for x in LANGUAGES if x in (options.languages or LANGUAGES)]
            most = options.documents or (
                options.lines and 1 + options.lines // (22 * options.copies)
            )
            found += reading.ours(options.cache, options.jobs, options.fonts, options.copies, languages, most)  # fmt: skip
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
    settings = load_settings(os.path.join(ROOT, "etc", "scanmend.yaml"))
    return load_profiles(settings)[name]


def judge(
    said: Sequence[Said], profile: Profile, margins: Sequence[float], allowed: Mapping[str, float]
) -> dict[str, dict[tuple[str, ...], list[Outcome]]]:
    """For each way of correcting, the outcomes of each group."""
    found: dict[str, dict[tuple[str, ...], list[Outcome]]] = {}
    for one in said:
        group = one.document.group
        for margin in margins:
            name = f"scanmend, margin {margin:g}"
            rules = dataclasses.replace(profile, min_margin=margin)
            found.setdefault(name, {}).setdefault(group, []).append(gated(one, rules))
            if allowed:
                found.setdefault(name + " +", {}).setdefault(group, []).append(gated(one, rules, allowed))  # fmt: skip
        truth = perfect(one.document)
        found.setdefault("a perfect model", {}).setdefault(group, []).append(gated(truth, profile))
        if allowed:
            found.setdefault("a perfect model +", {}).setdefault(group, []).append(gated(truth, profile, allowed))  # fmt: skip
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


def built_in() -> str | None:
    """The model that comes with the source."""
    return next(map(str, sorted(Path(ROOT, "models").rglob("*.gguf"))), None)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=built_in(), help="a GGUF; default: the built-in one")
    parser.add_argument("--data", default=os.path.join(ROOT, "..", "shared", "data"))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--languages", nargs="+", help="only these, as: en de")
    parser.add_argument("--documents", type=int, help="of each set, level and language, at most")
    parser.add_argument("--lines", type=int, help="of each set, level and language, about")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--margins", nargs="+", type=float, help="values of min_margin to compare; default: the profile's")  # fmt: skip
    parser.add_argument("--allow", nargs="+", default=[], metavar="RULE:MARGIN", help="also: as if the gate let edits pass that this rule rejects, from this margin on; as short-word:2")  # fmt: skip
    parser.add_argument("--said", help="keeps what the model said: the next run with this file asks for nothing twice")  # fmt: skip
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
    options = parser.parse_args()
    if not options.model:
        parser.error("there is no built-in model in models/: --model FILE.gguf")
    if not os.path.isfile(options.model):
        parser.error(f"--model {options.model}: there is no such file")
    return options


def main() -> int:
    """Run, and print tables."""
    options = arguments()
    profile = profile_of(options.profile)
    documents = collect(options)
    if not documents:
        print("nothing to read", file=sys.stderr)
        return 1
    started = time.monotonic()
    with asked(options.model, options.threads, options.said) as running:
        said = list(running.documents(documents, profile))
    load_average = os.getloadavg()[0]
    margins = options.margins or [profile.min_margin]
    allowed = {rule: float(least) for rule, _, least in (x.partition(":") for x in options.allow)}
    outcomes = judge(said, profile, margins, allowed)
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
    cut = collections.Counter(bound for one in said for bound in one.cut)
    if cut or any(one.missed for one in said):
        print(f"\npages that a bound cut short: {dict(cut)}; lines asked for in vain: {sum(one.missed for one in said)}")  # fmt: skip
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
