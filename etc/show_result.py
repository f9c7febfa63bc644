"""Show the corrected words in a sidecar, and those that a person should check.

    .venv/bin/python etc/show_result.py [--wait SECONDS] var/outbox/sample.json

`make run` starts this program after it has dropped the sample. It reads only the sidecar.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GREEN, YELLOW, DIM, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
COLUMN = 26  # width of the first column in characters


def shown(sidecar: Path, colour: bool) -> Iterator[str]:
    """Yield the lines to print: the text with its changes marked, then the corrections, then the suspects."""
    result = json.loads(sidecar.read_text("utf-8"))
    pages = result["pages"]
    green, yellow, dim, plain = (GREEN, YELLOW, DIM, PLAIN) if colour else ("", "", "", "")
    yield f"{dim}{sidecar.with_name(result['result']['text'])}{plain}"
    for page in pages:
        for number, line in enumerate(page["lines"]):
            yield "  " + _marked(line, number, page, (green, yellow, plain))
    corrected = [edit for page in pages for edit in _accepted(page)]
    yield f"{green}corrected{plain}    {len(corrected)} of {_words(pages)} words"
    for edit in corrected:
        yield f"  {edit['before'] + ' → ' + edit['after']:<{COLUMN}} {dim}{_why(edit)}{plain}"
    suspects = [suspect for page in pages for suspect in page["suspects"]]
    yield f"{yellow}to check{plain}     {len(suspects)}; scanmend changed none of these"
    for suspect in suspects:
        yield f"  {suspect['text']:<{COLUMN}} {dim}{suspect['reason']}{plain}"
    unread = sum(len(page["unread"]) for page in pages)
    if unread:
        yield f"{yellow}not read{plain}     {unread} {'place' if unread == 1 else 'places'} with ink"
    yield f"{dim}{sidecar} has every line, box, edit and reason{plain}"


def _accepted(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the edits of a page that the gate accepted."""
    return [edit for line in page["lines"] for edit in line["edits"] if edit["accepted"]]


def _words(pages: list[dict[str, Any]]) -> int:
    return sum(len(line["text"].split()) for page in pages for line in page["lines"])


def _why(edit: dict[str, Any]) -> str:
    """Return the rule that accepted an edit, and the model's margin (a natural logarithm)."""
    margin = "" if edit["margin"] is None else f", margin {edit['margin']:.1f}"
    return f"{edit['rule']}{margin}"


def _marked(
    line: dict[str, Any], number: int, page: dict[str, Any], colours: tuple[str, str, str]
) -> str:
    """Return a line of text with corrected words and suspects in colour."""
    green, yellow, plain = colours
    text: str = line["text"]
    spans: list[tuple[int, int, str]] = []
    moved = 0
    for edit in sorted((e for e in line["edits"] if e["accepted"]), key=lambda e: e["offset"]):
        start = edit["offset"] + moved
        spans.append((start, start + len(edit["after"]), green))
        moved += len(edit["after"]) - len(edit["before"])
    spans += [
        (suspect["offset"], suspect["offset"] + len(suspect["text"]), yellow)
        for suspect in page["suspects"]
        if suspect["line"] == number
    ]
    end = len(text)
    for start, stop, colour in sorted(spans, reverse=True):
        if stop <= end:  # spans may overlap: a corrected word inside a suspect number
            text = text[:start] + colour + text[start:stop] + plain + text[stop:]
            end = start
    return text


def main() -> int:
    """Print one result; return 1 if it does not appear in time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sidecar", type=Path)
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="SECONDS",
        help="time limit for the sidecar to appear",
    )
    parser.add_argument(
        "--colour", action="store_true", help="use colours even if the output is not a terminal"
    )
    options = parser.parse_args()
    deadline = time.monotonic() + options.wait
    while not options.sidecar.exists():
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.1)
    colour = options.colour or sys.stdout.isatty()
    print("\n".join(["", *shown(options.sidecar, colour), ""]), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
