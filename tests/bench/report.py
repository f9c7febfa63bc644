"""Write docs/bench from the JSON of the benches: tables, plots and changes. It is the last step of `make bench`.

    python -m bench.report [--docs docs/bench] RESULT.json …

Each result replaces the one with its name in docs/bench. The report compares its numbers, row by row as now / before,
with the last committed version that differs.
"""

import argparse
import collections
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.charts import svg
from bench.results import Plot, Results, Target, shown, table, told

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "bench"
Result = Mapping[str, Any]


def main() -> None:
    """Copy the new results to their places, and write the page from all results."""
    parser = argparse.ArgumentParser(description="docs/bench from the results of the benches")
    parser.add_argument("results", nargs="*", type=Path)
    parser.add_argument("--docs", type=Path, default=DOCS)
    options = parser.parse_args()
    options.docs.mkdir(parents=True, exist_ok=True)
    for path in options.results:
        take_in(path, options.docs)
    lines = ["# Measured", "", "Written by `make bench`; the same numbers as JSON lie beside it."]
    for path in sorted(options.docs.glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        lines += section(result, before(path))
        for plot in result["plots"]:
            (options.docs / f"{plot['name']}.svg").write_text(svg(Plot(**plot)), "utf-8")
    (options.docs / "README.md").write_text("\n".join(lines) + "\n", "utf-8")


def take_in(path: Path, docs: Path) -> None:
    """Copy a result to its place. Name the bench of bare rows after the file."""
    result = json.loads(path.read_text("utf-8"))
    if isinstance(result, list):
        Results(path.stem, path.stem.capitalize(), result).write(docs / f"{path.stem}.json")
    elif path.resolve() != (target := docs / f"{result['bench']}.json").resolve():
        shutil.copyfile(path, target)


def before(path: Path) -> Result | None:
    """Return the last committed version of a result that differs from the file; None if there is none."""
    now = path.read_text("utf-8")
    for commit in _git(path, "log", "-n2", "--format=%H", "--", path.name).split():
        then = _git(path, "show", f"{commit}:./{path.name}")
        if then and then != now:
            found: Result = json.loads(then)
            return found
    return None


def _git(path: Path, *words: str) -> str:
    """Return the output of a git command in the file's folder; empty when it fails."""
    return subprocess.run(
        ["git", *words], cwd=path.parent, capture_output=True, text=True, check=False
    ).stdout


def section(result: Result, last: Result | None) -> list[str]:
    """Return the lines about one bench: its machine, its targets, its table, its plots and its changes."""
    about = result["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = ["", f"## {result['title']}", "", f"{about['date']}; {about['machine']}.", "", versions, ""]  # fmt: skip
    if result["targets"]:
        lines += [*(f"- {told(Target(**target))}" for target in result["targets"]), ""]
    lines += table(result["rows"])
    lines += ["", *result["notes"]]
    lines += [f"\n![{plot['title']}]({plot['name']}.svg)" for plot in result["plots"]]
    if last is not None:
        lines += ["", f"Against the run of {last['about']['date']} ({last['about']['machine']}), now / before:", ""]  # fmt: skip
        lines += table(list(changes(result["rows"], last["rows"]))) or ["no row is the same"]
    return lines


def changes(
    rows: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, str]]:
    """Yield the rows that both results have, with each number as now / before."""
    known = dict(_named(before))
    for name, row in _named(rows):
        if name in known:
            yield {
                key: value if isinstance(value, str) else _ratio(value, known[name].get(key))
                for key, value in row.items()
            }


def _named(
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    """Yield each row with its name, which consists of its texts and its number among the rows with these texts."""
    seen: collections.Counter[tuple[str, ...]] = collections.Counter()
    for row in rows:
        texts = tuple(f"{key}={value}" for key, value in row.items() if isinstance(value, str))
        seen[texts] += 1
        yield (*texts, seen[texts]), row


def _ratio(now: Any, before: Any) -> str:
    numbers = all(isinstance(value, (int, float)) for value in (now, before))
    return shown(now / before) if numbers and before else ""


if __name__ == "__main__":
    main()
