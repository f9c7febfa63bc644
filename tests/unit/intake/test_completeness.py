"""Test that whole files are complete, that beginnings of files are not, and that no bytes raise an exception."""

import io
import random
import struct

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from samples import encoded, numbered, page
from scanmend.intake.completeness import (
    Complete,
    Incomplete,
    PossiblyIncomplete,
    Unknown,
    Verdict,
    is_complete,
)

NOT_COMPLETE = (Incomplete, PossiblyIncomplete)


def _check(data: bytes) -> object:
    return is_complete(io.BytesIO(data), len(data))


def _saved(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def _linearized() -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(encoded("pdf", numbered(3)))) as pdf:
        pdf.save(out, linearize=True)
    return out.getvalue()


def _with_thumbnail() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "x" * 200 + "\xff\xd9"
    return _saved(page(), "JPEG", exif=exif)


WHOLE = {
    "png": encoded("png"),
    "jpeg": encoded("jpeg"),
    "progressive jpeg": _saved(page(), "JPEG", progressive=True),
    "jpeg with an end marker in its header": _with_thumbnail(),
    "tiff": encoded("tiff", numbered(3)),
    "tiff, deflate": _saved(page(), "TIFF", compression="tiff_deflate"),
    "tiff, group 4": _saved(page().convert("1"), "TIFF", compression="group4"),
    "big-endian tiff": _saved(Image.frombytes("I;16B", (64, 64), bytes(8192)), "TIFF"),
    "pdf": encoded("pdf", numbered(3)),
    "pdf, linearized": _linearized(),
    "gif": encoded("gif"),
    "webp": encoded("webp"),
    "bmp": encoded("bmp"),
    "jpeg 2000": encoded("jpeg2000"),
    "heic": encoded("heif"),
    "avif": encoded("avif"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_complete(kind: str) -> None:
    assert _check(WHOLE[kind]) == Complete()


@pytest.mark.parametrize("kind", WHOLE)
def test_the_beginning_of_a_file_is_incomplete(kind: str) -> None:
    """Cut the file at 300 lengths; the last bytes of a TIFF may be padding that nothing refers to."""
    data = WHOLE[kind]
    spare = 64 if "tiff" in kind else 1
    for length in range(16, len(data) - spare, max(1, len(data) // 300)):
        assert isinstance(_check(data[:length]), NOT_COMPLETE), f"{kind}: {length} of {len(data)}"


@pytest.mark.parametrize("kind", [k for k in WHOLE if k not in ("bmp", "webp") and "tiff" not in k])
def test_a_file_with_allocated_but_unwritten_space_is_incomplete(kind: str) -> None:
    """Imitate programs that allocate the whole file and then fill it; in BMP, WebP and TIFF that can't be noticed."""
    data = WHOLE[kind]
    half = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    assert not isinstance(_check(half), Complete)
    assert isinstance(_check(bytes(len(data))), Incomplete)


def _noise(count: int) -> bytes:
    return random.Random(1).randbytes(count)


def test_a_large_hole_is_noticed() -> None:
    """Imitate Windows, which sets the size first when it copies to a share; the hole exceeds the budget of reads."""
    data = _saved(Image.frombytes("RGB", (700, 700), _noise(1_470_000)), "PNG")
    assert isinstance(_check(data[:700_000] + bytes(len(data) - 700_000)), Incomplete)
    assert isinstance(_check(WHOLE["pdf"][:800] + bytes(40_000_000)), NOT_COMPLETE)


@pytest.mark.slow
def test_no_beginning_of_a_gif_is_complete() -> None:
    data = _saved(Image.frombytes("P", (150, 150), _noise(22_500)), "GIF")
    assert not any(_check(data[:n]) == Complete() for n in range(16, len(data) - 1))


def test_a_pdf_with_an_unfinished_revision_is_incomplete() -> None:
    begun = b"\n99 0 obj\n<</Length 5000>>\nstream\n"
    assert isinstance(_check(WHOLE["pdf"] + begun + _noise(900)), NOT_COMPLETE)


def test_a_tiff_that_refers_to_one_list_a_thousand_times_is_checked_in_bounded_time() -> None:
    """Guard the claim step: it would spend minutes on this file, and every other file would wait."""
    count, data = 500_000, bytearray(b"II*\0" + struct.pack("<I", 2_000_008) + bytes(2_000_000))
    for _ in range(1000):
        data += struct.pack("<H", 2)
        data += struct.pack("<HHII", 273, 4, count, 8) + struct.pack("<HHII", 279, 4, count, 8)
        data += struct.pack("<I", len(data) + 4)
    data[-4:] = bytes(4)

    assert _check(bytes(data)) == Unknown()


def test_trailing_bytes_do_no_harm() -> None:
    assert _check(WHOLE["pdf"] + b"\r\n\0\0") == Complete()
    assert _check(WHOLE["pdf"] + bytes(100_000)) == Complete()
    assert _check(WHOLE["jpeg"] + _noise(90_000).replace(b"\xff", b"")) == Complete()
    assert _check(WHOLE["jpeg 2000"] + bytes(10)) == Complete()
    assert _check(WHOLE["jpeg"] + bytes(100_000)) == Complete()
    assert _check(WHOLE["png"] + b"trailer") == Complete()


@pytest.mark.parametrize("kind", ["pdf", "pdf, linearized"])
def test_a_pdf_with_an_odd_end_is_possibly_incomplete(kind: str) -> None:
    """Call a PDF with an odd end possibly incomplete; in other formats, a missing end is certain."""
    data = WHOLE[kind].rstrip()
    begin = data[: data.rindex(b"startxref")]

    for odd in (
        data[:-3],
        begin,
        begin + b"%%EOF",
        data + b"\n%%EOF",
        data + b"<p>junk</p>" * 400,
        data[: len(data) // 2],
    ):
        assert isinstance(_check(odd), PossiblyIncomplete), odd[-20:]
    assert not isinstance(_check(bytes(5000)), PossiblyIncomplete)
    assert not isinstance(_check(WHOLE["png"][:-9]), PossiblyIncomplete)
    assert not isinstance(_check(WHOLE["tiff"][:-500]), PossiblyIncomplete)


def test_a_pdf_without_its_header_is_recognised() -> None:
    data = WHOLE["pdf"][9:]

    assert _check(data) == Complete()
    assert isinstance(_check(data[:-4]), PossiblyIncomplete)


def test_other_bytes_are_of_an_unknown_kind() -> None:
    assert _check(b"plain text\n" * 10) == Unknown()


def test_a_directory_that_refers_to_itself_ends_the_check() -> None:
    directory = (
        b"II*\0" + (8).to_bytes(4, "little") + (0).to_bytes(2, "little") + (8).to_bytes(4, "little")
    )

    assert _check(directory) == Complete()


def test_a_linearized_pdf_that_is_shorter_than_it_says_is_possibly_incomplete() -> None:
    """Cut it after the end mark of its first page, as a slow copy may leave it for a while."""
    data = WHOLE["pdf, linearized"]
    first_page = data[: data.index(b"%%EOF") + 5]

    assert _check(first_page) == PossiblyIncomplete("the PDF is shorter than it says")


def test_a_pdf_whose_cross_reference_lies_beyond_its_end_is_possibly_incomplete() -> None:
    verdict = _check(b"%PDF-1.4\n1 0 obj\nstartxref\n99999\n%%EOF\n")

    assert verdict == PossiblyIncomplete("the PDF's cross reference lies beyond the end")


def test_the_end_of_a_gif_with_too_many_blocks_to_walk_decides() -> None:
    begun = b"GIF89a" + bytes(7) + b"x" * 5_000_000

    assert _check(begun + b"\0;" + bytes(9)) == Complete()
    assert _check(begun) == Incomplete("the GIF has no trailer")


def test_the_markers_of_a_jpeg_before_its_scan_are_walked() -> None:
    begin = b"\xff\xd8\xff"

    assert _check(begin + b"\xff\xd9") == Complete()  # a fill byte, then the end
    assert _check(begin + b"\xd0\xff\xd9") == Complete()  # a marker without a length
    assert _check(begin + b"\xe0\0\1") == Unknown()  # a length that is too short for itself
    assert _check(begin + b"\xd0no marker") == Unknown()


def _jpeg_2000(*boxes: bytes) -> bytes:
    return b"\0\0\0\x0cjP  \r\n\x87\n" + b"".join(boxes)


def test_each_form_of_a_jpeg_2000_box_is_understood() -> None:
    picture = b"picture\xff\xd9"
    long_box = struct.pack(">I4sQ", 1, b"jp2c", 16 + len(picture)) + picture
    last_box = struct.pack(">I4s", 0, b"jp2c") + picture

    assert _check(_jpeg_2000(long_box)) == Complete()
    assert _check(_jpeg_2000(last_box)) == Complete()
    assert _check(_jpeg_2000(last_box[:-1])) == Incomplete("no end marker")
    assert _check(_jpeg_2000(struct.pack(">I4s", 7, b"jp2c"))) == Unknown()


def test_a_file_that_shrinks_while_it_is_checked_is_incomplete() -> None:
    data = WHOLE["png"]

    assert is_complete(io.BytesIO(data[:500]), len(data)) == Incomplete(
        "the file ends in the middle"
    )


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 2**32))
@pytest.mark.slow
def test_damaged_files_raise_nothing(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(WHOLE[kind])
    for _ in range(chance.randint(1, 12)):
        data[chance.randrange(min(len(data), chance.choice([64, 600, len(data)])))] = (
            chance.randrange(256)
        )

    assert isinstance(_check(bytes(data)), Verdict)


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    for head in (
        b"",
        b"II*\0",
        b"MM\0+",
        b"\xff\xd8",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-",
        b"BM",
        b"RIFF",
        b"GIF89a",
    ):
        assert isinstance(_check(head + data), Verdict)
