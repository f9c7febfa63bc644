"""What a bench found, as JSON for the report: rows, targets and the plots that show them.

A row's texts say what was measured, its numbers what came of it; the report finds the same row in an
earlier run by its texts.
"""

import dataclasses
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = Mapping[str, str | float | None]
PACKAGES = ("scanmend", "rapidocr", "openvino", "onnxruntime", "pypdfium2", "llama-cpp-python")


@dataclass(frozen=True, slots=True)
class Target:
    """A wish of the issue: a ratio with its bound. ``at_least``: else at most."""

    name: str
    wanted: float
    got: float
    at_least: bool

    @property
    def met(self) -> bool:
        """As it is printed: to two places."""
        got = round(self.got, 2)
        return got >= self.wanted if self.at_least else got <= self.wanted


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars, or with ``x`` a line for each series. ``points``: (series, where, value)."""

    name: str  # of the file, without its ending
    title: str
    unit: str
    points: Sequence[tuple[str, str | float, float]]
    x: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """One bench's whole result."""

    bench: str
    title: str
    rows: Sequence[Row]
    targets: Sequence[Target] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """With the machine, the versions and the date."""
        about = {"date": f"{datetime.now().astimezone():%Y-%m-%d}", "machine": machine()}
        about["versions"] = {**versions(), **self.versions}  # type: ignore[assignment]
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {**dataclasses.asdict(self), "about": about}
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine() -> str:
    """What the figures were taken on; no name of it."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[2]
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, {memory:.0f} GiB; load {load:.1f} when it ended"


def versions() -> dict[str, str]:
    """Of what takes part."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """As Markdown, a table for each run of rows with the same columns; numbers to three digits that count."""
    lines: list[str] = []
    head: list[str] = []
    for row in rows:
        if list(row) != head:
            head = list(row)
            lines += [
                *([""] if lines else []),
                f"| {' | '.join(head)} |",
                "|" + " --- |" * len(head),
            ]
        lines.append(f"| {' | '.join(shown(row[name]) for name in head)} |")
    return lines


def shown(value: Any) -> str:
    """A cell."""
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def told(target: Target) -> str:
    """A target as a line."""
    sign = "≥" if target.at_least else "≤"
    mark = "met" if target.met else "MISSED"
    return f"{target.name}: {target.got:.2f} (wanted {sign} {target.wanted:g}): {mark}"
