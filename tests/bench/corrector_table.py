"""The figures of `make eval-corrector` for people: tables, lines to look at."""

import sys
from typing import Any

from bench.corrector_figures import MODEL_RULE, Outcome, distances, gain

Results = dict[str, dict[str, dict[str, Any]]]
Outcomes = dict[str, dict[tuple[str, ...], list[Outcome]]]

HEAD = (
    f"{'set':22} {'way':20} {'docs':>5} {'lines':>6} {'CER %':>13} {'less':>6} {'95 %':>13} {'a line':>6} {'WER %':>13}"
    f" {'match %':>13} {'less':>6} {'pref':>6} {'better':>6} {'worse':>6} {'of clean':>9} {'digits':>6} {'s/2000':>6}"
)


def progress(done: int, of: int, name: str) -> None:
    """On a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done}/{of} {name[:60]:60}", end="" if done < of else "\n", file=sys.stderr)


def show(results: Results) -> None:
    """A row for each set and way of correcting it."""
    print(HEAD)
    groups = list(dict.fromkeys(g for way in results.values() for g in way))
    for group in groups:
        for way, found in results.items():
            if group in found and found[group]["lines"]:
                print(_row(group, way, found[group]))
    print(
        "less: share of the errors that are gone; a line: the mean of that over the lines that have errors; match: HIPE's"
        " match error; pref: documents improved minus made worse, by CER; of clean: clean lines touched, of all clean;"
        " digits: lines with a digit that the model changed; s/2000: seconds in the model for 2,000 characters"
    )


def _row(group: str, way: str, f: dict[str, Any]) -> str:
    def pair(values: list[float]) -> str:
        return f"{100 * values[0]:5.2f} > {100 * values[1]:5.2f}"

    low, high = f["interval"]
    between = f"{100 * low:5.1f}..{100 * high:5.1f}"
    return (
        f"{group[:22]:22} {way[:20]:20} {f['documents']:5} {f['lines']:6} {pair(f['cer'])} {100 * f['reduction']:6.1f} {between:>13}"
        f" {100 * f['mean_reduction']:6.1f} {pair(f['wer'])} {pair(f['match'])} {100 * f['match_reduction']:6.1f} {f['preference']:6.2f}"
        f" {f['better']:6} {f['worse']:6} {f['clean_touched']:3}/{f['clean']:5} {f['digits_changed']:6} {f['seconds_of_2000']:6.2f}"
    )


def rules(results: Results) -> None:
    """What each rule of the gate decided, and whether it was right: over all sets, for each way."""
    for way, groups in results.items():
        sums: dict[str, dict[str, int]] = {}
        for found in groups.values():
            for rule, row in found.get("rules", {}).items():
                mine = sums.setdefault(rule, dict.fromkeys(row, 0))
                for key in row:
                    mine[key] += row[key]
        if not sums:
            continue
        print(f"\n{way}: {'rule':20} {'edits':>6} {'accepted':>8} {'good':>6} {'bad':>6}   (each alone, nearer to the truth or farther)")  # fmt: skip
        for rule, row in sorted(sums.items(), key=lambda item: -item[1]["edits"]):
            print(f"{'':{len(way) + 1}} {rule:20} {row['edits']:6} {row['accepted']:8} {row['good']:6} {row['bad']:6}")  # fmt: skip


def confidence(results: Results) -> None:
    """By the engine's confidence in a line, over all sets, for the first way."""
    way, groups = next(iter(results.items()))
    rows = [(g, row) for g, found in groups.items() for row in found.get("confidence", [])]
    if rows:
        print(f"\n{way}, by the engine's confidence in the line:")
    for group, row in rows:
        print(f"{group:22} from {row['from']:5.3f} {row['lines']:5} lines  CER {100 * row['cer'][0]:5.2f} > {100 * row['cer'][1]:5.2f} %  {row['better']:4} better {row['worse']:4} worse")  # fmt: skip


def examples(outcomes: Outcomes, count: int) -> None:
    """Lines made worse and lines made better by the first way, and good edits that were rejected."""
    way, groups = next(iter(outcomes.items()))
    worse: list[str] = []
    better: list[str] = []
    missed: list[str] = []
    harmful: list[str] = []
    for group, documents in groups.items():
        for outcome in documents:
            for line in outcome.lines:
                before, after = distances(line, outcome.fold)
                texts = f"  ocr       {line.ocr}\n  said      {line.said}\n  published {line.published}\n  truth     {line.truth}"
                name = f"{' '.join(group)} {outcome.name} {before} > {after}"
                if after > before:
                    worse.append(f"{name}\n{texts}\n")
                elif after < before:
                    better.append(f"{name}\n{texts}\n")
                for e in line.edits:
                    good = gain(line, e, outcome.fold)
                    margin = "-" if e.margin is None else f"{e.margin:.1f}"
                    what = f"{e.rule:18} {margin:>5} {e.before!r} > {e.after!r}"
                    if good > 0 and not e.accepted:
                        missed.append(what)
                    elif good < 0 and e.accepted and e.rule == MODEL_RULE:
                        harmful.append(what)
    for title, found in (
        ("made worse", worse), ("made better", better), ("good edits that were rejected", missed),
        ("bad edits that were accepted", harmful),
    ):  # fmt: skip
        print(f"\n{way}: {title} ({len(found)})")
        print("\n".join(_spread(found, count)))


def _spread(items: list[str], count: int) -> list[str]:
    """As many, from all over."""
    step = max(1, len(items) // max(1, count))
    return items[::step][:count]
