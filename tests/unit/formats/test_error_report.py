"""Test the error report of a failed document."""

import dataclasses
import json

import pytest

import results
from scanmend.formats import error_report


@pytest.mark.parametrize(
    ("outcome", "attempts", "kind"), [("timed-out", 3, "exhausted"), ("damaged", 0, "permanent")]
)
def test_a_report_has_the_reason_and_the_number_of_attempts(
    outcome: str, attempts: int, kind: str
) -> None:
    document = dataclasses.replace(results.DOCUMENT, outcome=outcome, reason="page 1 failed")

    report = json.loads(error_report.write(document, attempts))

    assert (report["kind"], report["class"]) == (outcome, kind)
    assert (report["reason"], report["attempts"]) == ("page 1 failed", max(attempts, 1))
    assert report["source"]["name"] == "caf\\xe9.pdf"
    assert report["part_of"]["name"] == "mail\\xff.pdf"
    assert {"scanmend", "python"} <= set(report["versions"])


def test_the_report_of_a_file_in_the_inbox_names_no_parent() -> None:
    document = dataclasses.replace(results.DOCUMENT, part_of="")

    assert json.loads(error_report.write(document, 0))["part_of"] is None
