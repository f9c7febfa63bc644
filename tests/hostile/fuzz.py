"""Send mutations of good files through the completeness check and a real OCR child.

    make fuzz MINUTES=30 ARGS="[--seed 1] [--keep FOLDER]"

A file may yield a page or an error of the document. The child may also die, time out or run out of memory; these
outcomes are counted. Any other exception, a child that exceeds its limits, and a hang are bugs.
"""

import argparse
import io
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from hostile.corpus import cases
from hostile.made import encoded
from samples import encoded as sample
from scanmend.errors import ChildError, Died, DocumentError, OutOfMemory, TimedOut
from scanmend.intake.completeness import is_complete
from scanmend.workers.client import Child
from scanmend.workers.protocol import ContentsRequest, PageRequest
from scanmend.workers.sandbox import Sandbox
from tiffs import Picture, tiff

REQUEST_SECONDS = 20.0
MEMORY_BYTES = 2**30  # the child's limit for data
MAPPED_BYTES = 600 * 2**20  # memory of its libraries and models, which the limit does not count
# values that a length must not have: far too large, zero or negative
ODD_NUMBERS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"\x01\0",
    b"9999999999",
)

Mutation = Callable[[bytearray, random.Random], None]


def flip(data: bytearray, rng: random.Random) -> None:
    """Flip a few bits."""
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    """Overwrite a place, which may hold a length, with an odd number."""
    start = rng.randrange(len(data))
    value = rng.choice(ODD_NUMBERS)
    data[start : start + len(value)] = value


def cut(data: bytearray, rng: random.Random) -> None:
    """Remove a piece, or the end."""
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 2, 16, 256, len(data)))]


def double(data: bytearray, rng: random.Random) -> None:
    """Repeat a piece once, or a hundred times."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 4, 64, 1024))]
    data[start:start] = piece * rng.choice((1, 1, 2, 100))


def move(data: bytearray, rng: random.Random) -> None:
    """Copy a piece over another one."""
    start, to, length = rng.randrange(len(data)), rng.randrange(len(data)), rng.choice((4, 64, 512))
    data[to : to + length] = data[start : start + length]


# cases of the corpus to start from
PDFS = {
    "text.pdf",
    "attachment.pdf",
    "locked-for-printing-only.pdf",
    "jbig2.pdf",
    "ccitt.pdf",
    "jpeg-2000.pdf",
}
MUTATIONS: tuple[Mutation, ...] = (flip, flip, overwrite, overwrite, cut, double, move)


def faint() -> Image.Image:
    """Return a page with specks but no letters, which counts as blank and takes no time."""
    image = Image.new("L", (200, 100), 255)
    for number in range(8):
        image.paste(60 + 20 * number, (20 + 20 * number, 40, 23 + 20 * number, 43))
    return image


def seeds() -> list[bytes]:
    """Return the good files to start from: every format, and PDFs with pictures and text."""
    page = faint()
    tiffs = ("raw", "tiff_lzw", "jpeg", "tiff_deflate", "packbits")
    plain = [
        encoded("PNG", page),
        encoded("JPEG", page),
        encoded("JPEG", page.convert("RGB"), progressive=True),
        *(encoded("TIFF", page, compression=compression) for compression in tiffs),
        encoded("TIFF", page.convert("1"), compression="group4"),
        encoded("TIFF", page, save_all=True, append_images=[page] * 3),
        encoded("BMP", page),
        encoded("GIF", page),
        encoded("WEBP", page.convert("RGB")),
        encoded("JPEG2000", page),
        encoded("AVIF", page.convert("RGB")),
        sample("heif"),
        *(tiff(picture) for picture in _deep(np.asarray(page).astype("u2") * 16)),
        encoded("PDF", page),
    ]
    return plain + [case.data for case in cases() if case.name in PDFS]


def _deep(samples: Any) -> list[Picture]:
    """Return pictures of a TIFF that scanmend decodes itself."""
    colours = np.stack([samples] * 3, axis=2)
    thumbnail = Picture(samples[::2, ::2], tags={254: 1}, below=[Picture(samples)])
    return [
        Picture(samples, colours=0),
        Picture(colours, colours=2, planes=True),
        Picture(samples.astype("f4")),
        Picture(np.stack([samples] * 4, axis=2), colours=5),
        thumbnail,
    ]


class Fuzz:
    """A fuzzing run. ``found`` counts the outcomes by name; ``bugs`` holds each bug with its file."""

    def __init__(self, seed: int) -> None:
        self.found: Counter[str] = Counter()
        self.bugs: list[tuple[str, bytes]] = []
        self.max_child_bytes = 0
        self._rng = random.Random(seed)
        self._seeds = seeds()
        env = {**os.environ, "OMP_NUM_THREADS": "1", "SCANMEND_THREADS": "1"}
        self._child = Child("scanmend.ocr", "OCR", env, MEMORY_BYTES, Sandbox())

    def run(self, until: float) -> None:
        """Mutate and read files until this moment of the monotonic clock."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fuzz")
            while time.monotonic() < until:
                data = bytearray(self._rng.choice(self._seeds))
                for _ in range(self._rng.choice((1, 1, 2, 4))):
                    if data:
                        self._rng.choice(MUTATIONS)(data, self._rng)
                Path(path).write_bytes(data)
                self._one(path, bytes(data))
        self._child.end()

    def _one(self, path: str, data: bytes) -> None:
        self.found["files"] += 1
        try:
            verdict = is_complete(io.BytesIO(data), len(data))
        except Exception as error:
            self.bugs.append((f"is_complete: {type(error).__name__}: {error}", data))
            return
        self.found[type(verdict).__name__.lower()] += 1
        began = time.monotonic()
        try:
            self._read(path)
            self.found["read"] += 1
        except DocumentError as error:
            self.found[error.code] += 1
            if "fuzz" not in str(error):
                self.bugs.append((f"names no file: {error}", data))
        except (Died, TimedOut, OutOfMemory) as error:
            self.found[error.code] += 1
            print(f"{error.code}: {error}", file=sys.stderr)
            self._child.end()  # as the daemon does
        except ChildError as error:
            self.bugs.append((str(error), data))
        if time.monotonic() - began > 2 * REQUEST_SECONDS + 30:
            self.bugs.append(("a hang beyond the limits", data))
        if self._child.pid:
            resident = psutil.Process(self._child.pid).memory_info().rss
            self.max_child_bytes = max(self.max_child_bytes, resident)
            if resident > MEMORY_BYTES + MAPPED_BYTES:
                self.bugs.append((f"{resident} bytes of memory", data))

    def _read(self, path: str) -> None:
        request = ContentsRequest(os.fsencode(path), 100, 5_000_000)
        found = self._child.ask(request, REQUEST_SECONDS)
        for index in {0, found.pages - 1}:
            page = PageRequest(
                os.fsencode(path), index, "rapidocr", ("en",), 100, False, "auto", 5_000_000
            )
            self._child.ask(page, REQUEST_SECONDS)


def main() -> int:
    """Run, print the outcomes, and keep the files that showed a bug."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="folder for the files that showed a bug")
    options = parser.parse_args()
    fuzz = Fuzz(options.seed)
    fuzz.run(time.monotonic() + 60 * options.minutes)
    print(
        f"seed {options.seed}, {options.minutes:g} min:",
        *(f"{n} {c}," for n, c in fuzz.found.most_common()),
    )
    print(f"largest child {fuzz.max_child_bytes / 2**20:.0f} MiB; bugs: {len(fuzz.bugs)}")
    for number, (what, data) in enumerate(fuzz.bugs):
        print(what[-1000:])
        if options.keep:
            options.keep.mkdir(exist_ok=True)
            (options.keep / str(number)).write_bytes(data)
    return 1 if fuzz.bugs else 0


if __name__ == "__main__":
    sys.exit(main())
