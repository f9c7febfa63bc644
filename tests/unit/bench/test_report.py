"""Test the page of results that `make bench` writes."""

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import report
from bench.charts import svg
from bench.results import Plot, Results, Target, shown, table


def _results(speed: float) -> Results:
    return Results(
        "peers",
        "The peers",
        [{"way": "daemon", "cores": "2", "pages/s": speed}, {"way": "alone", "pages/s": 1.0}],
        [Target("daemon / alone", 0.97, speed, at_least=True)],
        [Plot("peers-speed", "Speed", "pages/s", [("", "daemon & co", speed)])],
    )


@pytest.mark.parametrize(
    ("got", "at_least", "met"),
    [(0.966, True, True), (0.96, True, False), (1.15, False, True), (1.16, False, False)],
)
def test_a_target_is_judged_by_the_printed_figure(got: float, at_least: bool, met: bool) -> None:
    assert Target("x", 0.97 if at_least else 1.15, got, at_least).met is met


def test_rows_with_different_columns_get_a_separate_table() -> None:
    lines = table([{"a": "x", "b": None}, {"a": "y", "b": 1234.5}, {"b": 2}])

    first = ["| a | b |", "| --- | --- |", "| x |  |", "| y | 1,234 |"]
    assert lines == [*first, "", "| b |", "| --- |", "| 2 |"]
    assert shown(0.12345) == "0.123"


@pytest.mark.parametrize("x", ["", "seconds"])
@pytest.mark.parametrize("points", [[], [("a", 1.0, 2.0), ("b", 3.0, 0.0)], [("a", 0.0, 0.0)]])
def test_a_plot_is_well_formed_xml(x: str, points: list[tuple[str, float, float]]) -> None:
    root = ET.fromstring(svg(Plot("n", "A & B <", "s", points, x)))

    assert root.tag.endswith("svg")


def test_the_page_compares_results_with_the_last_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "docs"
    new = tmp_path / "peers.json"
    monkeypatch.setattr("sys.argv", ["report", "--docs", str(docs), str(new)])
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    _results(1.0).write(new)
    report.main()
    subprocess.run([*git, "add", "docs"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    _results(0.5).write(new)

    report.main()

    page = (docs / "README.md").read_text("utf-8")
    assert "daemon / alone: 0.50 (wanted ≥ 0.97): MISSED" in page
    assert "| daemon | 2 | 0.5 |" in page.split("now / before")[1]
    assert "![Speed](peers-speed.svg)" in page
    assert (docs / "peers-speed.svg").exists()
    assert json.loads((docs / "peers.json").read_text("utf-8"))["rows"][0]["pages/s"] == 0.5


def test_a_file_of_bare_rows_is_reported_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "scale.json"
    rows.write_text(json.dumps([{"files": 10, "seconds": 2.0, "flat": True}]))
    monkeypatch.setattr("sys.argv", ["report", "--docs", str(tmp_path / "docs"), str(rows)])

    report.main()

    assert "## Scale" in (tmp_path / "docs" / "README.md").read_text("utf-8")
