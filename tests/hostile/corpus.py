"""Make hostile files: damaged, misnamed, oversized and odd ones.

Each file must be published or fail with a reason; ``EITHER`` is right if damage may leave something to read.
"""

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from hostile.made import (
    EITHER,
    FAILED,
    PUBLISHED,
    Case,
    chunk,
    encoded,
    good,
    ifd,
    png,
    small,
    zeros,
)
from hostile.pdf_cases import pdf_cases

# tags of a TIFF of 8 × 8 grey pixels: tag, type, count, value
SIZE = [(256, 4, 1, 8), (257, 4, 1, 8)]
GREY = [(258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
STRIP = [(273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64)]

# names that may harm a shell, a log, a terminal, a system or a result's name
NAMES = (
    "$(touch pwned).png",
    "`touch pwned`.png",
    "a;touch pwned;.png",
    "-rf.png",
    "--config=x.png",
    "new\nline.png",
    "tab\there.png",
    "escape\x1b[31mred.png",
    "{document} %s %n.png",
    "quote'\".png",
    "back\\slash.png",
    "CON.png",
    "trailing. .png",
    "x:y*?.png",
    "gnp.\u202egpj.png",
    "e\u0301.png",
    "\u00e9.png",
    "\N{FULLWIDTH SOLIDUS}.png",
    "bad-\udcff-bytes.png",
    f"{'n' * 251}.png",
    "a.png.json",
    "b.json",
    "c.txt",
)


def cases() -> list[Case]:
    """Return all hostile files."""
    found = [
        *_truncated(),
        *_flipped(),
        *_misnamed(),
        *_pictures(),
        *_bombs(),
        *_tiffs(),
        *pdf_cases(),
        *_no_documents(),
        *_names(),
    ]
    assert len({case.name for case in found}) == len(found)
    return found


def _truncated() -> Iterator[Case]:
    for kind, data in good().items():
        end = EITHER if kind in ("jp2", "gif") else FAILED
        for tenth in range(1, 10):
            yield Case(f"cut-{tenth}0.{kind}", data[: len(data) * tenth // 10], end)


def _flipped() -> Iterator[Case]:
    rng = random.Random(4)
    for kind, data in good().items():
        for number in range(4):
            changed = bytearray(data)
            for _ in range(1 + 3 * number):
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            yield Case(f"flipped-{number}.{kind}", bytes(changed), EITHER)


def _misnamed() -> Iterator[Case]:
    files = good()
    wrong = (("png", "pdf"), ("jpg", "png"), ("tif", "jpg"), ("pdf", "tif"), ("bmp", "pdf"))
    for kind, extension in wrong:
        yield Case(f"is-{kind}.{extension}", files[kind], PUBLISHED)
    yield Case("no-extension", files["png"], PUBLISHED)
    yield Case("after-it-more.png", files["png"] + b"<script>alert(1)</script>" * 100, PUBLISHED)
    yield Case("before-it-more.pdf", b"#!/bin/sh\nexit\n" + files["pdf"], EITHER)


def _pictures() -> Iterator[Case]:
    grey, colour = small(), small().convert("RGB")
    yield Case("one-bit.png", encoded("PNG", grey.convert("1")), PUBLISHED)
    yield Case("palette.png", encoded("PNG", colour.quantize(4)), PUBLISHED)
    yield Case("alpha.png", encoded("PNG", colour.convert("RGBA")), PUBLISHED)
    values = b"".join(struct.pack("<H", value * 257) for value in grey.tobytes())
    sixteen = Image.frombytes("I;16", grey.size, values)
    yield Case("sixteen-bit.png", encoded("PNG", sixteen), PUBLISHED)
    yield Case("sixteen-bit.tif", encoded("TIFF", sixteen), PUBLISHED)
    yield Case("cmyk.jpg", encoded("JPEG", colour.convert("CMYK")), PUBLISHED)
    yield Case("cmyk.tif", encoded("TIFF", colour.convert("CMYK")), PUBLISHED)
    yield Case("lab.tif", encoded("TIFF", colour.convert("YCbCr"), compression="jpeg"), PUBLISHED)
    yield Case("float.tif", encoded("TIFF", grey.convert("F")), EITHER)
    yield Case("fax.tif", encoded("TIFF", grey.convert("1"), compression="group4"), PUBLISHED)
    yield Case("fax3.tif", encoded("TIFF", grey.convert("1"), compression="group3"), PUBLISHED)
    more = {"save_all": True, "append_images": [colour.rotate(180)] * 3, "duration": 100}
    yield Case("animated.gif", encoded("GIF", colour, **more), PUBLISHED)
    yield Case("animated.webp", encoded("WEBP", colour, lossless=True, **more), PUBLISHED)
    yield Case("animated.png", encoded("PNG", colour, **more), PUBLISHED)
    yield Case("progressive.jpg", encoded("JPEG", colour, progressive=True), PUBLISHED)
    yield from _sizes_and_shades()
    exif = Image.Exif()
    exif[0x0112] = 6
    yield Case("turned-by-exif.jpg", encoded("JPEG", grey, exif=exif), PUBLISHED)
    exif[0x010E] = "x" * 60000
    yield Case("much-exif.jpg", encoded("JPEG", grey, exif=exif), PUBLISHED)


def _sizes_and_shades() -> Iterator[Case]:
    yield Case("one-pixel.png", encoded("PNG", Image.new("L", (1, 1), 255)), PUBLISHED)
    yield Case("one-row.png", encoded("PNG", Image.new("L", (3000, 1), 255)), EITHER)
    yield Case("one-column.png", encoded("PNG", Image.new("L", (1, 3000), 255)), EITHER)
    yield Case("blank.png", encoded("PNG", Image.new("L", (900, 1200), 255)), PUBLISHED)
    yield Case("black.png", encoded("PNG", Image.new("L", (900, 1200), 0)), PUBLISHED)
    yield Case("noise.png", encoded("PNG", Image.effect_noise((300, 300), 200)), PUBLISHED)


def _bombs() -> Iterator[Case]:
    """Yield small files that become huge when they are decoded, or whose headers claim a huge size."""
    yield Case("bomb-50000x50000.png", png(50_000, 50_000, zeros(300)), FAILED)
    yield Case("bomb-largest.png", png(2**31 - 1, 2**31 - 1, zeros(1)), FAILED)
    pixels = zlib.compress(bytes(72))
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(300))
    yield Case("bomb-in-text.png", png(8, 8, pixels, text), EITHER)
    profile = chunk(b"iCCP", b"p\0\0" + zeros(300))
    yield Case("bomb-in-profile.png", png(8, 8, pixels, profile), EITHER)
    yield Case("more-data-than-pixels.png", png(100, 100, zeros(300)), EITHER)
    yield Case("fewer-data-than-pixels.png", png(1000, 1000, zlib.compress(bytes(2000))), EITHER)
    jpeg = bytearray(good()["jpg"])
    start = jpeg.index(b"\xff\xc0")  # the start-of-frame marker, with height and width
    jpeg[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    yield Case("bomb-65500x65500.jpg", bytes(jpeg), FAILED)
    bmp = bytearray(good()["bmp"])
    bmp[18:26] = struct.pack("<ii", 2**30, 2**30)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0" * 2  # 16384 × 16384
    webp = b"WEBP" + canvas + good()["webp"][12:]
    yield Case("bomb.webp", b"RIFF" + struct.pack("<I", len(webp)) + webp, FAILED)
    yield Case("bomb.bmp", bytes(bmp), FAILED)
    gif = bytearray(good()["gif"])
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    yield Case("bomb.gif", bytes(gif), FAILED)
    huge = [(256, 4, 1, 2**31), (257, 4, 1, 2**31)]
    strip = [(273, 4, 1, 8), (278, 4, 1, 2**31), (279, 4, 1, 16)]
    yield Case("bomb.tif", ifd([*huge, *GREY, *strip]), FAILED)


def _tiffs() -> Iterator[Case]:
    whole = [*SIZE, *GREY, *STRIP]
    yield Case("loop.tif", ifd(whole, following=8), PUBLISHED)
    yield Case("beyond-the-end.tif", ifd(whole, following=2**31), FAILED)
    yield Case("no-tags.tif", ifd([]), FAILED)
    strips = [(273, 4, 2**20, 8), (278, 4, 1, 8), (279, 4, 2**20, 8)]
    yield Case("a-million-strips.tif", ifd([*SIZE, *GREY, *strips]), FAILED)
    yield Case("no-size.tif", ifd([*GREY, *STRIP]), FAILED)
    dot = Image.new("1", (8, 8), 1)
    many = {"save_all": True, "append_images": [dot] * 999}
    # more pages than the test's limits.pages
    yield Case("1000-pages.tif", encoded("TIFF", dot, **many), FAILED)


def _no_documents() -> Iterator[Case]:
    """Yield files of other kinds."""
    svg = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    files = {
        "svg": svg,
        "html": b"<html><script>alert(1)</script></html>",
        "script": b"#!/bin/sh\nrm -rf /\n",
        "text": b"Dear Sir,\n",
        "zip": b"PK\3\4" + bytes(200),
        "elf": b"\x7fELF" + bytes(200),
        "ps": b"%!PS-Adobe-3.0\n(%%EOF) run\n",
        "zeros": bytes(4096),
        "random": random.Random(1).randbytes(4096),
        "eml": b"From: x\nSubject: y\n\nbody\n",
        "docx": b"PK\3\4[Content_Types].xml" + bytes(99),
        "heic": b"\0\0\0\x18ftypheic" + bytes(99),
        "mp4": b"\0\0\0\x18ftypisom" + bytes(99),
        "djvu": b"AT&TFORM" + bytes(99),
    }
    for name, data in files.items():
        yield Case(f"{name}-named.pdf", data, FAILED)
    yield Case("plain.txt", b"no scan\n", FAILED)
    yield Case("drawing.svg", svg, FAILED)
    yield Case("empty.pdf", b"", FAILED)
    yield Case("one-byte.png", b"\x89", FAILED)


def _names() -> Iterator[Case]:
    for name in NAMES:
        yield Case(name, good()["png"], PUBLISHED)
