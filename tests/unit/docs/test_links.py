"""Test that every relative link in a Markdown file leads to a file and, with an anchor, to a heading in it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILE = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|json|sh|toml|yaml))`")
EXAMPLES = ("NAME", "csv_lines")  # parts of file names that are placeholders
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")


def _pages() -> list[str]:
    out = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip
    return out.stdout.split() or [str(p.relative_to(ROOT)) for p in ROOT.glob("**/*.md")]


def _prose(text: str) -> str:
    """Return a page without its code blocks, in which brackets are not links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> Iterator[str]:
    """Yield the anchors of a page's headings, as Markdown renderers name them."""
    for heading in re.findall(r"^#+ +(.*)$", _prose(text), re.MULTILINE):
        plain = re.sub(r"[`*]", "", heading).lower()
        yield re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in LINK.findall(_prose(page.read_text("utf-8"))):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (
            anchor and anchor not in set(_anchors(target.read_text("utf-8")))
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("page", _pages())
def test_every_link_leads_somewhere(page: str) -> None:
    assert broken(ROOT / page) == []


def test_a_broken_link_is_reported(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text(
        "# One `heading` here\n\n```\n# no heading [x](nowhere)\n```\n"
    )
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#one-heading-here) [c](none.md) [d](other.md#no) [e](#f)\n"
    )

    assert broken(page) == ["none.md", "other.md#no", "#f"]


@pytest.mark.parametrize(
    "page", [p for p in _pages() if not p.startswith(("models/corrector", "docs/bench"))]
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Check names such as `tests/unit/test_layers.py`; ARCHITECTURE and design pages also name paths below daemon/scanmend."""
    roots = (
        ROOT,
        *(ROOT / "daemon" / "scanmend" / part for part in ("", "ocr")),
        (ROOT / page).parent,
    )
    named = [
        name
        for name in FILE.findall((ROOT / page).read_text("utf-8"))
        if not any(example in name for example in EXAMPLES)
    ]

    assert [name for name in named if not any((root / name).exists() for root in roots)] == []
