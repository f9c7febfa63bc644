"""Test the table of file types: marks and signatures of real files, and PDFs without their header."""

from collections.abc import Callable

import pi_heif
import pytest
from PIL import Image

from samples import encoded
from scanmend import file_types
from scanmend.file_types import FILE_TYPES, PICTURE_TYPES, FileType, by_marks, by_signature

PILLOW = {kind.name: kind.pillow_format or "PDF" for kind in FILE_TYPES}


def _head(kind: FileType) -> bytes:
    return encoded(PILLOW[kind.name])[: file_types.HEAD_BYTES]


@pytest.mark.parametrize("kind", FILE_TYPES, ids=lambda kind: kind.name)
def test_a_whole_file_is_recognised_by_marks_and_signature(kind: FileType) -> None:
    assert by_marks(_head(kind)) is kind
    assert by_signature(_head(kind)) is kind


@pytest.mark.parametrize("kind", PICTURE_TYPES, ids=lambda kind: kind.name)
def test_a_damaged_file_is_recognised_by_its_marks_only(kind: FileType) -> None:
    damaged = kind.marks[0] + b"%PDF-1.7 of 1904, and no picture at all"

    assert by_marks(damaged) is kind
    assert by_signature(damaged) in (file_types.PDF, file_types.TIFF)


@pytest.mark.parametrize("kind", PICTURE_TYPES, ids=lambda kind: kind.name)
def test_media_types_agree_with_pillow(kind: FileType) -> None:
    Image.init()
    pi_heif.register_heif_opener()

    assert Image.MIME[kind.pillow_format or ""] == kind.media_type
    assert file_types.by_pillow_format(kind.pillow_format or "") is kind
    assert file_types.by_extension(kind.extensions[0]) is kind


def test_no_two_kinds_share_an_extension() -> None:
    extensions = [extension for kind in FILE_TYPES for extension in kind.extensions]

    assert len(set(extensions)) == len(extensions)


def _reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


def test_a_pdf_without_its_header_is_recognised() -> None:
    data = encoded("pdf")[9:] + bytes(100_000)  # a device filled the last blocks with zeros

    assert file_types.is_headless_pdf(_reader(data), len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"of 1 0 obj and endobj\n",
        b"PK\3\4" + encoded("pdf")[9:],
        encoded("png"),
        b"text\n" * 90,
    ],
    ids=["empty", "words", "archive", "png", "text"],
)
def test_other_files_are_not_taken_for_pdfs_without_a_header(data: bytes) -> None:
    assert not file_types.is_headless_pdf(_reader(data), len(data))


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif\0\0\0\0mif1miaf", file_types.AVIF),
        (b"mif1\0\0\0\0avifmiaf", file_types.AVIF),
        (b"mif1\0\0\0\0mif1heic", file_types.HEIF),
        (b"heic\0\0\0\0mif1heicmiaf", file_types.HEIF),
        (b"isom\0\0\2\0isomiso2avc1mp41", None),
        (b"qt  \0\0\0\0qt  ", None),
    ],
)
def test_the_brands_tell_heic_avif_and_films_apart(brands: bytes, kind: FileType | None) -> None:
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"\0\0\1\0meta" + bytes(90)

    assert by_signature(head) is kind
    assert (by_marks(head) is None) == (kind is None)
