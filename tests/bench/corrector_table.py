"""Print the figures of `make eval-corrector`: tables and examples."""

import collections
import sys
from collections.abc import Sequence
from typing import Any

from bench.corrector_figures import MARGIN_BINS, MODEL_RULE, Judged, Outcome, distances, gain
from scanmend.page import Edit

Results = dict[str, dict[str, dict[str, Any]]]  # figures by method and group
Outcomes = dict[str, dict[tuple[str, ...], list[Outcome]]]  # documents by method and group

# title and width of each column
COLUMNS = (
    *(("set", -22), ("method", -20), ("docs", 5), ("lines", 6), ("CER %", 13), ("less", 6)),
    *(("95 %", 13), ("a line", 6), ("WER %", 13), ("match %", 13), ("less", 6), ("pref", 6)),
    *(("better", 6), ("worse", 6), ("of clean", 9), ("digits", 6), ("s/2000", 6)),
)
LEGEND = """\
less: share of the errors that are gone; a line: the mean of that over the lines that have errors; match: HIPE's match error;
pref: documents improved minus made worse, by CER; of clean: clean lines touched, of all clean; digits: lines with a digit that
the model changed (no digit of a gated line may); a perfect model: the truth proposed to the gate, the most that any model can
bring; s/2000: seconds in the model for 2,000 characters"""
RULES_LEGEND = """\
good, bad: each edit alone, nearer to the truth or farther; clean: in a line without error; from N: the same by the model's
margin"""


def progress(done: int, of: int, name: str) -> None:
    """Show the progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done}/{of} {name[:60]:60}", end="" if done < of else "\n", file=sys.stderr)


def show(results: Results) -> None:
    """Print a row for each group and method of correction."""
    print(_aligned([title for title, _ in COLUMNS]))
    groups = list(dict.fromkeys(g for groups in results.values() for g in groups))
    for group in groups:
        for method, found in results.items():
            if group in found and found[group]["lines"]:
                print(_row(group, method, found[group]))
    print(LEGEND)


def _aligned(cells: Sequence[str]) -> str:
    """Return a row of the table: text to the left, numbers to the right."""
    pairs = zip(cells, (width for _, width in COLUMNS), strict=True)
    return " ".join(c[:-w].ljust(-w) if w < 0 else c.rjust(w) for c, w in pairs)


def _row(group: str, method: str, f: dict[str, Any]) -> str:
    def percent(value: float) -> str:
        return f"{100 * value:.1f}"

    def change(values: list[float]) -> str:
        return f"{100 * values[0]:5.2f} > {100 * values[1]:5.2f}"

    low, high = f["interval"]
    errors = [change(f["cer"]), percent(f["reduction"]), f"{100 * low:5.1f}..{100 * high:5.1f}"]
    words = [percent(f["mean_reduction"]), change(f["wer"])]
    match = [change(f["match"]), percent(f["match_reduction"]), f"{f['preference']:.2f}"]
    lines = [str(f["better"]), str(f["worse"]), f"{f['clean_touched']:3}/{f['clean']:5}"]
    rest = [str(f["digits_changed"]), f"{f['seconds_of_2000']:.2f}"]
    counts = [str(f["documents"]), str(f["lines"])]
    return _aligned([group, method, *counts, *errors, *words, *match, *lines, *rest])


def rules(results: Results) -> None:
    """Print the decisions of each rule of the gate over all sets, and how many were right.

    The tables are for the first method and for a perfect model.
    """
    for number, (method, groups) in enumerate(results.items()):
        if number and not method.startswith("a perfect model"):
            continue
        sums = _sums(groups)
        steps = "".join(f"{f'from {step:g}':>11}" for step in MARGIN_BINS) if not number else ""
        print(
            f"\n{method}: {'rule':20} {'edits':>6} {'accepted':>8} {'good':>6} {'bad':>6} {'clean':>6}{steps}"
        )
        for rule, row in sorted(sums.items(), key=lambda item: -item[1]["edits"]):
            steps = "" if number else "".join(f"{good:6}/{bad:<4}" for good, bad in row["steps"])
            indent = " " * (len(method) + 2)
            decided = f"{rule:20} {row['edits']:6} {row['accepted']:8}"
            right = f"{row['good']:6} {row['bad']:6} {row['clean']:6}"
            print(f"{indent}{decided} {right}{steps}")
        if not number:
            print(RULES_LEGEND)


def _sums(groups: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the sums of the rules' figures over all groups."""
    sums: dict[str, dict[str, Any]] = {}
    for found in groups.values():
        for rule, row in found.get("rules", {}).items():
            if rule not in sums:
                sums[rule] = {**row, "steps": [list(step) for step in row["steps"]]}
                continue
            for key in ("edits", "accepted", "good", "bad", "clean"):
                sums[rule][key] += row[key]
            for mine, step in zip(sums[rule]["steps"], row["steps"], strict=True):
                mine[0] += step[0]
                mine[1] += step[1]
    return sums


def pages(results: Results) -> None:
    """Print CER and word F1 of the pages' whole texts for the first method, including what OCR missed or put elsewhere."""
    method, groups = next(iter(results.items()))
    print(f"\n{method}, the pages' whole texts:")
    for group, f in groups.items():
        if f["lines"]:
            cer, f1, changes = f["page_cer"], f["page_f1"], f["f1_changes"]
            print(
                f"{group:22} CER {100 * cer[0]:5.2f} > {100 * cer[1]:5.2f} %  word F1 {f1[0]:.4f} > {f1[1]:.4f}"
                f"  a document's F1: {100 * min(changes):+.2f} to {100 * max(changes):+.2f} points,"
                f" {sum(c > 0 for c in changes)} up, {sum(c < 0 for c in changes)} down"
            )


def missed_targets(results: Results) -> None:
    """Print the targets that the first method misses."""
    _, groups = next(iter(results.items()))
    missed = []
    for group, f in groups.items():
        if not f["lines"]:
            continue
        missed += [
            f"{group}: {what}"
            for what, met in (
                ("more errors than without correction", f["reduction"] >= 0),
                ("more documents made worse than better", f["preference"] >= 0),
                ("more errors by HIPE's match error", f["match_reduction"] >= 0),
                ("a digit changed", not f["digits_changed"]),
                (
                    "0.3 % of the clean lines touched, or more",
                    f["clean_touched"] <= 0.003 * f["clean"],
                ),
                ("2 % of the lines made worse, or more", f["worse"] <= 0.02 * f["lines"]),
                ("more than 1 s for 2,000 characters", f["seconds_of_2000"] <= 1),
                *((text, met) for prefix, text, met in _targets(f) if group.startswith(prefix)),
            )
            if not met
        ]
    print("\nmissed targets:" if missed else "\nall targets are met")
    for line in missed:
        print(f"  {line}")


def _targets(f: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return the targets for groups: (start of the group's name, message if it misses the target, whether it meets it)."""
    return [
        ("ours middle en", "less than 30 % of the errors gone", f["reduction"] >= 0.3),
        ("ours middle", "less than 20 % of the errors gone", f["reduction"] >= 0.2),
        ("overproof", "less than 20 % of the errors gone", f["reduction"] >= 0.2),
        ("overproof", "preference below 0.4", f["preference"] >= 0.4),
        *(
            (name, "less than 15 % of the errors gone", f["reduction"] >= 0.15)
            for name in ("dta19", "icdar2017", "impresso")
        ),
        ("receipts", "word F1 not up", f["page_f1"][1] > f["page_f1"][0]),
        (
            "receipts",
            "a receipt's word F1 down by more than a point",
            min(f["f1_changes"]) >= -0.01,
        ),
    ]


def confidence(results: Results) -> None:
    """Print the first method's figures by the engine's confidence in a line, for each set with all levels and languages."""
    method, groups = next(iter(results.items()))
    sums: dict[tuple[str, float], collections.Counter[str]] = {}
    for group, found in groups.items():
        for row in found.get("confidence", []):
            sum_ = sums.setdefault((group.split()[0], row["from"]), collections.Counter())
            sum_.update({k: row[k] for k in ("lines", "characters", "better", "worse")})
            sum_.update(before=row["errors"][0], after=row["errors"][1])
    if sums:
        print(f"\n{method}, by the engine's confidence in the line:")
    for (name, low), row in sorted(sums.items()):
        cer = [100 * row[k] / max(1, row["characters"]) for k in ("before", "after")]
        lines = f"{row['lines']:5} lines  CER {cer[0]:5.2f} > {cer[1]:5.2f} %"
        changes = f"{row['better']:4} better {row['worse']:4} worse"
        print(f"{name:22} from {low:5.3f} {lines}  {changes}")


def examples(outcomes: Outcomes, count: int) -> None:
    """Print lines that the first method made worse or better, good edits that were rejected, and bad ones accepted."""
    method, groups = next(iter(outcomes.items()))
    found: dict[str, list[str]] = {
        "made worse": [],
        "made better": [],
        "good edits that were rejected": [],
        "bad edits that were accepted": [],
    }
    worse, better, missed, harmful = found.values()
    for group, documents in groups.items():
        for outcome in documents:
            for line in outcome.lines:
                before, after = distances(line, outcome.fold)
                shown = f"{' '.join(group)} {outcome.name} {before} > {after}\n{_texts(line)}\n"
                if after > before:
                    worse.append(shown)
                elif after < before:
                    better.append(shown)
                for edit in line.edits:
                    nearer = gain(line, edit, outcome.fold)
                    if nearer > 0 and not edit.accepted:
                        missed.append(_edit(edit))
                    elif nearer < 0 and edit.accepted and edit.rule == MODEL_RULE:
                        harmful.append(_edit(edit))
    for title, items in found.items():
        print(f"\n{method}: {title} ({len(items)})")
        print("\n".join(_spread(items, count)))


def _texts(line: Judged) -> str:
    ocr, published = f"  ocr       {line.ocr}", f"  published {line.published}"
    return f"{ocr}\n  proposal  {line.proposal}\n{published}\n  truth     {line.truth}"


def _edit(edit: Edit) -> str:
    margin = "-" if edit.margin is None else f"{edit.margin:.1f}"
    return f"{edit.rule:18} {margin:>5} {edit.before!r} > {edit.after!r}"


def _spread(items: list[str], count: int) -> list[str]:
    """Return ``count`` items, evenly spread over the list."""
    step = max(1, len(items) // max(1, count))
    return items[::step][:count]
