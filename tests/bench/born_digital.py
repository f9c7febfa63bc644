"""`make bench-text-layer`: compare the cost of a born-digital page by its text layer and by OCR.

    python -m bench.born_digital [--pages 20] [--rounds 3] [--base CHECKOUT] [--pdf FILE …] [--json FILE]

The bench runs `scanmend process` on whole documents in turn: by the text layer, by OCR and, with ``--base``, by the text
layer with an earlier checkout of scanmend. It counts the CPU seconds of all processes, minus those of a document of one
page. Then it reads pages with a growing number of single letters, which shows how the cost grows.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pikepdf
from pikepdf import Dictionary, Name, Stream

from bench.documents import TEXTS
from bench.results import Results, Row, Target, told

ROOT = Path(__file__).resolve().parents[2]
LETTERS = (10_000, 30_000, 62_000)
LINES = 52  # on each page


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description="text layers beside recognition")
    parser.add_argument("--pages", type=int, default=20, help="of a document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", type=Path, help="an earlier checkout, for before and after")
    parser.add_argument(
        "--pdf",
        type=Path,
        nargs="*",
        default=[],
        help="born-digital PDFs of yours, beside the made ones",
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[Row] = []
    targets: list[Target] = []
    with tempfile.TemporaryDirectory() as home:
        made = {
            "prose, whole lines": prose(options.pages, False),
            "prose, letter by letter": prose(options.pages, True),
        }
        files = {
            name: (_put(home, f"{n}.pdf", data), options.pages)
            for n, (name, data) in enumerate(made.items())
        }
        files |= {path.name: (path, _pages(path)) for path in options.pdf}
        for name, (path, pages) in files.items():
            first = _put(home, "first.pdf", _first_page(path))
            costs = {
                way: _cost(path, first, pages, options.rounds, *how)
                for way, how in _ways(options.base).items()
            }
            rows += [
                {"document": name, "pages": f"{pages}", "way": way, "CPU s a page": cost}
                for way, cost in costs.items()
            ]
            print(name, costs, flush=True)
            targets.append(
                Target(
                    f"by the layer / recognised, {name}",
                    0.33,
                    costs["text layer"] / costs["recognised"],
                    False,
                )
            )
        seconds = [_seconds(_put(home, "letters.pdf", letters(count))) for count in LETTERS]
    rows += [
        {"document": "single letters", "letters": f"{count}", "seconds": s}
        for count, s in zip(LETTERS, seconds, strict=True)
    ]
    growth = (seconds[2] / seconds[1]) / (LETTERS[2] / LETTERS[1])
    targets.append(
        Target("62,000 letters / 30,000, over the ratio of their numbers", 1.5, growth, False)
    )
    for target in targets:
        print(told(target))
    if options.json:
        Results("text-layer", "Born-digital PDFs", rows, targets).write(options.json)


def _ways(base: Path | None) -> dict[str, tuple[str, Path]]:
    """Return the name of each way of reading, with its ``pdf.text`` and its checkout."""
    ways = {"text layer": ("auto", ROOT), "recognised": ("always_ocr", ROOT)}
    return {**ways, "before": ("auto", base.resolve())} if base else ways


def _cost(path: Path, first: Path, pages: int, rounds: int, text: str, checkout: Path) -> float:
    """Return the CPU seconds of one page: the median of all rounds."""
    found = [
        _process(path, text, checkout) - _process(first, text, checkout) for _ in range(rounds)
    ]
    return statistics.median(found) / max(1, pages - 1)


def _process(path: Path, text: str, checkout: Path) -> float:
    """Return the CPU seconds of all processes of one `scanmend process`."""
    with tempfile.TemporaryDirectory() as home:
        config = Path(home, "scanmend.yaml")
        config.write_text(
            f"base: {home}\npdf: {{text: {text}}}\nprofiles: {{directory: {checkout / 'etc' / 'profiles'}}}\n"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "scanmend", "--config", config, "process", path, "--out", Path(home, "out")],
            check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(checkout / "daemon")},
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seconds(path: Path) -> float:
    """Return the seconds to read the page with loaded models."""
    from scanmend.ocr.page_reader import read_page
    from scanmend.workers.protocol import PageRequest

    request = PageRequest(os.fsencode(path), 0, "rapidocr", ("en",), 300, True, "auto", 200_000_000)
    read_page(request)  # loads the models
    started = time.perf_counter()
    read_page(request)
    return time.perf_counter() - started


# documents ----------------------------------------------------------------------------------------


def prose(pages: int, single: bool) -> bytes:
    """Return a PDF with our texts; with ``single``, each letter has its own operator, as some programs write it."""
    words = (TEXTS / "en.txt").read_text().replace("\t", "  ").split("\n")
    lines = [line for line in words if line.strip()]
    pdf = pikepdf.new()
    for number in range(pages):
        text = [lines[(number * LINES + n) % len(lines)][:95] for n in range(LINES)]
        rows = [
            _letters(line, 760 - 14 * n)
            if single
            else f"1 0 0 1 50 {760 - 14 * n} Tm ({_safe(line)}) Tj"
            for n, line in enumerate(text)
        ]
        _page(pdf, f"BT /F 10 Tf {' '.join(rows)} ET")
    return _saved(pdf)


def letters(count: int) -> bytes:
    """Return a page of ``count`` letters, each with its own operator."""
    pdf = pikepdf.new()
    words = "thequickbrownfoxjumpsoverthelazydog"
    columns = 240
    rows = [
        f"1 0 0 1 {20 + n % columns * 2.3:.2f} {825 - n // columns * 3.1:.2f} Tm ({words[n % len(words)]}) Tj"
        for n in range(count)
    ]
    _page(pdf, f"BT /F 3 Tf {' '.join(rows)} ET")
    return _saved(pdf)


def _letters(line: str, y: float) -> str:
    return " ".join(
        f"1 0 0 1 {50 + 6 * n} {y} Tm ({_safe(c)}) Tj" for n, c in enumerate(line) if c != " "
    )


def _safe(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return plain.replace("\\", "").replace("(", "\\(").replace(")", "\\)")


def _page(pdf: pikepdf.Pdf, content: str) -> None:
    pdf.add_blank_page(page_size=(595, 842))
    font = Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier, Encoding=Name.WinAnsiEncoding
    )
    pdf.pages[-1].obj.Resources = Dictionary(Font=Dictionary(F=font))
    pdf.pages[-1].obj.Contents = Stream(pdf, content.encode())


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def _first_page(path: Path) -> bytes:
    with pikepdf.open(path) as whole:
        one = pikepdf.new()
        one.pages.append(whole.pages[0])
        return _saved(one)


def _pages(path: Path) -> int:
    with pikepdf.open(path) as document:
        return len(document.pages)


def _put(home: str, name: str, data: bytes) -> Path:
    path = Path(home, name)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
