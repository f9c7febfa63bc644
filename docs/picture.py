"""Draw docs/images/first-run.svg from a real run: the sample, the output in the terminal, and an excerpt of the sidecar.

    .venv/bin/python docs/picture.py

It runs `scanmend process etc/sample.png` on this machine. Look at the result before you commit it.
"""

import base64
import html
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "daemon"), str(ROOT / "etc")]

from show_result import shown  # noqa: E402

TARGET = ROOT / "docs" / "images" / "first-run.svg"
WIDTH, LEFT, GAP, MARGIN = (
    1250,
    520,
    24,
    20,
)  # pixels: total, left column, gap between, margin around
SIZE, LEADING = 12.5, 17  # pixels: font size, distance between lines
CROP = (50, 60, 650, 560)  # pixels of the sample: the invoice without its margins
COLOURS = {"32": "#7ee787", "33": "#f2cc60", "2": "#8b949e"}
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def run() -> tuple[list[str], dict[str, Any]]:
    """Process the sample; return the lines in the terminal, and the sidecar."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scanmend", "--config", "etc/scanmend.yaml", "process", "etc/sample.png", "--out", folder]  # fmt: skip
        subprocess.run(command, cwd=ROOT, check=True, env={"PYTHONPATH": str(ROOT / "daemon")})
        sidecar = Path(folder, "sample.json")
        lines = [line.replace(folder, "var/outbox") for line in shown(sidecar, colour=True)]
        return lines, json.loads(sidecar.read_text("utf-8"))


def excerpt(sidecar: dict[str, Any]) -> list[str]:
    """Return the edit and the suspect that show most, as the sidecar has them."""
    page = sidecar["pages"][0]
    edits = [e for line in page["lines"] for e in line["edits"] if e["accepted"]]
    edit = max(edits, key=lambda e: e["margin"] or 0)
    suspect = next((s for s in page["suspects"] if s["kind"] == "sum"), page["suspects"][0])
    return [
        '"edits": [',
        *_object({key: edit[key] for key in ("before", "after", "accepted", "rule", "margin")}),
        '"suspects": [',
        *_object({key: suspect[key] for key in ("text", "kind", "reason")}),
    ]


def _object(value: dict[str, Any]) -> Iterator[str]:
    pairs = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()]
    half = (len(pairs) + 1) // 2
    yield "  {" + ", ".join(pairs[:half]) + ","
    yield "   " + ", ".join(pairs[half:]) + "}, …"


def text(line: str, x: float, y: float) -> str:
    """Return a line with its terminal colours as an SVG text element."""
    parts = re.split(r"\x1b\[(\d+)m", line)
    spans = [f"<tspan>{html.escape(parts[0])}</tspan>"]
    for colour, piece in zip(parts[1::2], parts[2::2], strict=True):
        fill = f' fill="{COLOURS[colour]}"' if colour in COLOURS else ""
        spans.append(f"<tspan{fill}>{html.escape(piece)}</tspan>")
    return f'<text x="{x}" y="{y:g}" xml:space="preserve">{"".join(spans)}</text>'


def draw(lines: list[str], json_lines: list[str]) -> str:
    """Return the picture."""
    sample = Image.open(ROOT / "etc" / "sample.png").crop(CROP)
    packed = io.BytesIO()
    sample.save(packed, "JPEG", quality=60)
    high = round(LEFT * sample.height / sample.width)
    right = MARGIN + LEFT + GAP
    under = MARGIN + high + 34
    height = max(under + LEADING * len(json_lines), MARGIN + 30 + LEADING * len(lines)) + MARGIN
    said = [text(f"$ {'make run'}", right, MARGIN + 14), *(text(line, right, MARGIN + 14 + LEADING * n) for n, line in enumerate(lines, 2))]  # fmt: skip
    said += [text("\x1b[2mvar/outbox/sample.json\x1b[0m", MARGIN, under)]
    said += [text(line, MARGIN, under + LEADING * n) for n, line in enumerate(json_lines, 1)]
    data = base64.b64encode(packed.getvalue()).decode()
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" font-size="{SIZE}" fill="#e6edf3">
<title>A worn invoice, and what scanmend makes of it</title>
<rect width="{WIDTH}" height="{height}" rx="10" fill="#0d1117"/>
<image x="{MARGIN}" y="{MARGIN}" width="{LEFT}" height="{high}" href="data:image/jpeg;base64,{data}"/>
{chr(10).join(said)}
</svg>
"""


def main() -> None:
    """Run, and draw."""
    lines, sidecar = run()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(draw(lines, excerpt(sidecar)), "utf-8")


if __name__ == "__main__":
    main()
