"""Describe the results of a bench, as JSON for the report: rows, targets and plots.

A row's texts name the measurement; its numbers are the result. The report finds the same row in an earlier run by its
texts.
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
    """A figure that should be at least, or at most, ``wanted``."""

    name: str
    wanted: float
    got: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Return whether the target is met by the figure as it is printed, with two decimals."""
        got = round(self.got, 2)
        return got >= self.wanted if self.at_least else got <= self.wanted


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of bars or, if ``x`` names an axis, of one line for each series.

    Each of ``points`` is a tuple: series, name of the bar or x, value.
    """

    name: str  # name of the file, without the extension
    title: str
    unit: str
    points: Sequence[tuple[str, str | float, float]]
    x: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """The complete result of one bench."""

    bench: str
    title: str
    rows: Sequence[Row]
    targets: Sequence[Target] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the result with the machine, the versions and the date."""
        about = {"date": f"{datetime.now().astimezone():%Y-%m-%d}", "machine": machine()}
        about["versions"] = {**versions(), **self.versions}  # type: ignore[assignment]
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {**dataclasses.asdict(self), "about": about}
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine() -> str:
    """Describe this machine, without its name."""
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
    """Return the versions of Python and of the measured packages."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """Return the rows in Markdown, with one table for each run of rows with the same columns."""
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
    """Return the text of a cell; numbers have at least three significant digits."""
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def told(target: Target) -> str:
    """Return a target as a line of text."""
    sign = "≥" if target.at_least else "≤"
    mark = "met" if target.met else "MISSED"
    return f"{target.name}: {target.got:.2f} (wanted {sign} {target.wanted:g}): {mark}"
