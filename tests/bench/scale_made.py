"""Make the input of the scale bench: many small files, a long PDF, a journal of many rows."""

import io
import os
import sqlite3
import struct
import subprocess
import time
import zlib
from pathlib import Path

import pikepdf

from running import Tree
from samples import encoded, page
from scanmend.store.journal import Journal

HERE = Path(__file__).resolve().parent
CONFIG = """\
ocr: {{engine: "null", workers: {workers}, rotate: false, dpi: 72, idle_unload: 30s}}
llm: {{enabled: false}}
settle: {{quiet: 500ms}}
watch: {{poll_interval: 5s, reconcile_interval: 5m}}
log: {{format: json}}
{more}
"""


def tree(home: Path, workers: int, more: str = "") -> Tree:
    """Make folders and a configuration for the null engine."""
    return Tree(home, CONFIG.format(workers=workers, more=more))


def shim(home: Path) -> str | None:
    """Compile the library that counts calls of fsync. Return its path; None if there is no compiler."""
    path = home / "syncs.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(path), str(HERE / "syncs.c"), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return str(path)


def documents(folder: Path, count: int, prefix: str = "scan") -> None:
    """Write ``count`` one-page PNGs with different contents, 1,000 to a folder."""
    png = encoded("png", [page(["Null"], size=(64, 32), points=12)])
    end = png.rindex(b"IEND") - 4
    for number in range(count):
        body = b"tEXt" + b"n\0%s-%d" % (prefix.encode(), number)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        if number % 1000 == 0:
            place = folder / f"{prefix}-{number // 1000:03}"
            place.mkdir(parents=True, exist_ok=True)
        (place / f"{prefix}-{number:06}.png").write_bytes(png[:end] + chunk + png[end:])


def book(path: Path, pages: int) -> None:
    """Write a PDF of ``pages`` small pages without a text layer."""
    with pikepdf.new() as pdf:
        for number in range(pages):
            pdf.add_blank_page(page_size=(60, 60))
            mark = b"0 0 0 rg %d 10 20 20 re f" % (number % 30)
            pdf.pages[-1].Contents = pdf.make_stream(mark)
        out = io.BytesIO()
        pdf.save(out)
    path.write_bytes(out.getvalue())


def fill_journal(state: Path, rows: int, age: float = 0.0) -> None:
    """Fill a journal with ``rows`` documents in DONE, and their moves. The newest one is ``age`` seconds old."""
    state.mkdir(exist_ok=True)
    Journal.open(str(state)).close()
    db = sqlite3.connect(state / "journal.sqlite", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    now = time.time() - age
    numbers = f"WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    db.execute("BEGIN")
    db.execute(
        f"{numbers} INSERT INTO documents (id, path, size, mtime_ns, inode, sha256, profile, media_type, pages,"
        " state, reason, since, first_seen, outcome, stem, put_away)"
        " SELECT i, CAST(printf('old/scan-%08d.png', i) AS BLOB), 1000, i, i, lower(hex(randomblob(32))),"
        " 'default', 'image/png', 1, CASE WHEN i % 1000 THEN 'done' ELSE 'failed' END, 'the original is in archive',"
        f" {now} - ({rows} - i), {now} - ({rows} - i), 'published', printf('scan-%08d', i),"
        " CAST(printf('archive/old/scan-%08d.png', i) AS BLOB) FROM n"
    )
    steps = ("NULL", "'queued'"), ("'queued'", "'reading'"), ("'reading'", "'publishing'"), \
        ("'publishing'", "'putting-away'"), ("'putting-away'", "'done'")  # fmt: skip
    for old, new in steps:
        db.execute(
            f"{numbers} INSERT INTO moves SELECT i, {now} - ({rows} - i), {old}, {new}, 'a reason of usual length'"
            " FROM n"
        )
    db.execute("COMMIT")
    db.close()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
