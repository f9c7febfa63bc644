"""Test how files of every kind are opened, hostile ones too, and how a PDF's own text is read."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pikepdf
import pytest
from PIL import Image

from hostile import made
from reading import contents_of, put, request
from samples import LETTER, encoded, numbered, page
from scanmend.errors import Damaged, Encrypted, ScanmendError, TooBig, Unsupported
from scanmend.ocr.input_file import InputFile
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.pages import contents, open_page
from scanmend.workers.protocol import ContentsRequest

MIME = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "pdf": "application/pdf",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "jpeg2000": "image/jp2",
    "avif": "image/avif",
    "heif": "image/heif",
}


def _pdf(*texts: str, picture: bool = False, rotate: int = 0) -> bytes:
    """Return a PDF with a page for each text, which is drawn, with ``picture`` over a white picture."""
    pdf = pikepdf.new()
    for text in texts:
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream = f"BT /F1 14 Tf 18 TL 60 700 Td {lines} ET".encode()
        resources = pikepdf.Dictionary(
            Font=pikepdf.Dictionary(
                F1=pikepdf.Dictionary(
                    Type=pikepdf.Name.Font,
                    Subtype=pikepdf.Name.Type1,
                    BaseFont=pikepdf.Name.Helvetica,
                )
            )
        )
        if picture:
            image = pikepdf.Stream(pdf, b"\xff" * 100 * 100)
            image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            image.Width = image.Height = 100
            image.ColorSpace, image.BitsPerComponent = pikepdf.Name.DeviceGray, 8
            resources.XObject = pikepdf.Dictionary(Im=image)
            stream = b"q 600 0 0 780 0 0 cm /Im Do Q " + stream
        pdf.add_blank_page(page_size=(612, 792))
        pdf.pages[-1].Resources = resources
        pdf.pages[-1].Contents = pikepdf.Stream(pdf, stream)
        if rotate:
            pdf.pages[-1].Rotate = rotate
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


TEXT = "The ledger of the harbour office\nhas been bound in leather\nplease collect it before noon"


@pytest.mark.parametrize("kind", MIME)
def test_every_kind_is_recognised_by_its_bytes(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, encoded(kind), "no-extension")

    found = contents_of(path)
    rendered = open_page(request(path))

    assert (found.media_type, found.pages) == (MIME[kind], 1)
    assert rendered.image is not None
    assert rendered.image.mode in ("L", "RGB")
    assert rendered.image.size == (1000, 420) or kind == "pdf"


@pytest.mark.parametrize("kind", ["tiff", "pdf"])
def test_pages_are_counted_and_opened_one_by_one(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, encoded(kind, numbered(3)))

    assert contents_of(path).pages == 3
    pictures = [open_page(request(path, n)).image for n in range(3)]
    assert len({p.tobytes() for p in pictures if p}) == 3


def test_a_pdf_of_one_scan_is_not_resampled(tmp_path: Path) -> None:
    path = put(tmp_path, encoded("pdf", [page(size=(1000, 420))]))

    rendered = open_page(request(path, pdf_text="always_ocr"))

    assert (rendered.width, rendered.height) == (1000, 420)
    assert rendered.dpi == pytest.approx(150, abs=1)


def test_drawn_text_is_read_with_boxes(tmp_path: Path) -> None:
    path = put(tmp_path, _pdf(TEXT))

    found = read_page(request(path))

    assert [line.text for line in found.lines] == TEXT.split("\n")
    assert {line.source for line in found.lines} == {"pdf-text"}
    box = found.lines[0].box
    scale = 150 / 72
    assert box.x0 == pytest.approx(60 * scale, abs=5)
    assert box.y0 == pytest.approx((792 - 712) * scale, abs=12)
    assert read_page(request(path, pdf_text="always_ocr")).source == "ocr"


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_boxes_follow_a_turned_page(tmp_path: Path, rotate: int) -> None:
    """Turn the page until its text is upright: /Rotate lays it on its side."""
    found = read_page(request(put(tmp_path, _pdf(TEXT, rotate=rotate))))

    assert found.rotation == 360 - rotate
    assert [line.text for line in found.lines] == TEXT.split("\n")
    assert (found.width, found.height) == (1275, 1650)
    for line in found.lines:
        assert 0 <= line.box.x0 < line.box.x1 <= found.width
        assert 0 <= line.box.y0 < line.box.y1 <= found.height


def _scan_pdf(change: Callable[[pikepdf.Pdf], None]) -> bytes:
    """Return a PDF of one scan, changed before it is saved."""
    with pikepdf.open(io.BytesIO(encoded("pdf", [page(LETTER * 2, size=(1000, 640))]))) as pdf:
        change(pdf)
        out = io.BytesIO()
        pdf.save(out)
        return out.getvalue()


def test_a_cropped_part_is_not_read(tmp_path: Path) -> None:
    def crop(pdf: pikepdf.Pdf) -> None:
        box = [float(v) for v in pdf.pages[0].mediabox]
        pdf.pages[0].CropBox = pikepdf.Array([0, 0, box[2] / 2, box[3] / 2])

    rendered = open_page(request(put(tmp_path, _scan_pdf(crop)), pdf_text="always_ocr"))

    assert rendered.width == pytest.approx(500, abs=2)
    assert rendered.dpi == 150


def test_a_stamp_over_a_scan_is_read(tmp_path: Path) -> None:
    """Read a stamp, which is an annotation with its own appearance that a viewer draws."""

    def stamp(pdf: pikepdf.Pdf) -> None:
        look = pikepdf.Stream(pdf, b"0 g 0 0 100 60 re f")
        look.Type, look.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
        look.BBox = pikepdf.Array([0, 0, 100, 60])
        pdf.pages[0].Annots = pikepdf.Array(
            [
                pdf.make_indirect(
                    pikepdf.Dictionary(
                        Type=pikepdf.Name.Annot,
                        Subtype=pikepdf.Name.Stamp,
                        Rect=pikepdf.Array([300, 20, 400, 80]),
                        F=4,
                        AP=pikepdf.Dictionary(N=look),
                    )
                )
            ]
        )

    plain = open_page(
        request(put(tmp_path, _scan_pdf(lambda _: None)), pdf_text="always_ocr")
    ).image
    stamped = open_page(request(put(tmp_path, _scan_pdf(stamp)), pdf_text="always_ocr")).image

    assert plain is not None
    assert stamped is not None
    assert _dark(stamped) > _dark(plain) + 10_000


def _dark(image: Image.Image) -> int:
    return sum(image.convert("L").histogram()[:100])


def test_an_inverted_scan_is_read_as_the_page_shows_it(tmp_path: Path) -> None:
    def invert(pdf: pikepdf.Pdf) -> None:
        picture = next(iter(pdf.pages[0].get_images().values()))
        picture.Decode = pikepdf.Array([1, 0])

    image = open_page(request(put(tmp_path, _scan_pdf(invert)), pdf_text="always_ocr")).image

    assert image is not None
    assert image.convert("L").getpixel((3, 3)) < 50  # type: ignore[operator]


def _encrypted(revision: Literal[3, 4, 6]) -> bytes:
    """Return a PDF of text, encrypted with the user password "grünes Tor"."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(_pdf(TEXT))) as pdf:
        modern = revision >= 4
        lock = pikepdf.Encryption(
            owner="owner", user="grünes Tor", R=revision, aes=modern, metadata=modern
        )
        pdf.save(out, encryption=lock)
    return out.getvalue()


def test_the_error_for_an_encrypted_pdf_says_what_to_do(tmp_path: Path) -> None:
    path = put(tmp_path, _encrypted(6), "secret.pdf")

    with pytest.raises(Encrypted, match=r"secret\.pdf: protected by a password, and none is known"):
        contents_of(path)
    with pytest.raises(Encrypted, match=r"none of the 2 in pdf\.passwords opens it; add it"):
        contents(ContentsRequest(os.fsencode(path), 100, 10**8, ("wrong", "worse")))


@pytest.mark.parametrize("revision", [3, 4, 6])
def test_passwords_are_tried_in_turn(tmp_path: Path, revision: Literal[3, 4, 6]) -> None:
    path = put(tmp_path, _encrypted(revision))
    passwords = ("wrong", "grünes Tor", "worse")

    found = contents(ContentsRequest(os.fsencode(path), 100, 10**8, passwords))
    page = read_page(msgspec.structs.replace(request(path), passwords=passwords))

    assert found.pages == 1
    assert found.warnings == ("scan is encrypted; opened with a password of pdf.passwords",)
    assert page.lines[0].text == TEXT.split("\n", maxsplit=1)[0]
    assert "grünes" not in repr(found)


def test_the_error_names_the_exceeded_limit(tmp_path: Path) -> None:
    tiff = put(tmp_path, encoded("tiff", numbered(5)), "many.tif")
    with pytest.raises(TooBig, match=r"many\.tif: 5 pages, more than 4 \(limits\.pages\)"):
        contents_of(tiff, pages=4)
    with pytest.raises(
        TooBig, match=r"many\.tif: a page of 700 × 140 pixels, more than 50,000 \(limits\.pixels\)"
    ):
        contents_of(tiff, pixels=50_000)


def test_a_page_of_huge_paper_is_refused(tmp_path: Path) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(14_400, 14_400))
    out = io.BytesIO()
    pdf.save(out)
    path = put(tmp_path, out.getvalue())
    with pytest.raises(TooBig, match=r"limits\.pixels"):
        open_page(request(path, pixels=1_000_000))


@pytest.mark.parametrize("kind", MIME)
def test_a_truncated_file_is_read_or_damaged_and_nothing_else(tmp_path: Path, kind: str) -> None:
    data = encoded(kind, numbered(2) if kind in ("tiff", "pdf") else ())
    refused = 0
    for tenth in range(10):
        path = put(tmp_path, data[: len(data) * tenth // 10])
        try:
            for number in range(contents_of(path).pages):
                open_page(request(path, number))
        except (Damaged, Unsupported, TooBig):
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Damaged),
        (b"hello\n", Unsupported),
        (b"<html></html>", Unsupported),
        (b"#!/bin/sh\nrm -rf /\n", Unsupported),
        (b"\0" * 5000, Damaged),
        (b"%PDF-1.7\nnothing", Damaged),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, (Damaged, Unsupported)),
        (b"II*\0" + b"\xff" * 100, (Damaged, Unsupported)),
    ],
)
def test_the_error_for_another_kind_names_the_file(
    tmp_path: Path, data: bytes, error: type[ScanmendError]
) -> None:
    with pytest.raises(error, match=r"notes\.pdf"):
        contents_of(put(tmp_path, data, "notes.pdf"))


def test_a_missing_file_is_not_an_error_of_the_document(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        contents_of(str(tmp_path / "gone.png"))


@pytest.mark.parametrize("kind", sorted(MIME))
def test_a_failed_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Let a stand-in fail at the n-th read, since the real share of tests/shares can't be made to fail at a given read."""
    noise = Image.effect_noise((300, 300), 90)
    how = {"tiff": {"compression": "tiff_lzw", "save_all": True, "append_images": [noise]}}
    data = (
        encoded(kind) if kind == "heif" else made.encoded(kind.upper(), noise, **how.get(kind, {}))
    )
    path = put(tmp_path, data)
    one_page = request(path, index=1 if kind == "tiff" else 0, pdf_text="always_ocr")
    whole = open_page(one_page).image
    plain_read = InputFile._read
    reads = iter(range(0))

    def failing(file: InputFile, read: Callable[..., Any], *given: Any) -> Any:
        def one(*given: Any) -> Any:
            if next(reads) == 0:
                raise OSError(errno.EIO, "the disk fails")
            return read(*given)

        return plain_read(file, one, *given)

    monkeypatch.setattr(InputFile, "_read", failing)
    reads = iter(range(-1, -1000, -1))
    open_page(one_page)
    for number in range(-next(reads) - 1):
        reads = iter(range(number, -1000, -1))
        with pytest.raises(OSError, match="the disk fails"):
            open_page(one_page)
    assert number
    reads = iter(range(-1, -1000, -1))
    assert open_page(one_page).image == whole


def test_a_page_with_a_picture_without_height_is_rendered(tmp_path: Path) -> None:
    def flatten(pdf: pikepdf.Pdf) -> None:
        next(iter(pdf.pages[0].get_images().values())).Height = 0

    rendered = open_page(request(put(tmp_path, _scan_pdf(flatten)), pdf_text="always_ocr"))

    assert rendered.image is not None


def test_control_characters_are_not_text(tmp_path: Path) -> None:
    found = read_page(request(put(tmp_path, _pdf("Pay \\033[2J\\007the office today"))))

    assert [line.text for line in found.lines] == ["Pay [2Jthe office today"]


def _one_page(content: bytes, box: bytes) -> bytes:
    return made.one_page(made.stream(content), box)


def _long_line(characters: int) -> bytes:
    piece = b"(" + b"letter " * 100 + b") Tj "
    return _one_page(
        b"BT /F 1 Tf 20 20 Td " + piece * (characters // 700) + b"ET", box=b"0 0 1500 40"
    )


def test_a_page_with_more_text_than_print_can_hold_is_recognised_by_ocr(tmp_path: Path) -> None:
    much = _one_page(
        b"BT /F 1 Tf 20 20 Td " + (b"(" + b"letter " * 4000 + b") Tj ") * 8 + b"ET",
        box=b"0 0 100000 20",
    )

    assert read_page(request(put(tmp_path, much))).source == "ocr"


def test_a_line_longer_than_any_printed_one_is_recognised_by_ocr(tmp_path: Path) -> None:
    short, long = (
        read_page(request(put(tmp_path, _long_line(count), f"{count}.pdf")))
        for count in (1400, 3500)
    )

    assert short.source == "pdf-text"
    assert long.source == "ocr"


def test_the_error_of_one_pdf_is_not_reported_for_the_next(tmp_path: Path) -> None:
    """Clear the error of PDFium, which keeps its last one and sets none for a document without pages."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(_pdf(TEXT))) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user="user"))
    with pytest.raises(Encrypted):
        contents_of(put(tmp_path, out.getvalue()))

    empty = io.BytesIO()
    pikepdf.new().save(empty)
    with pytest.raises(Damaged):
        contents_of(put(tmp_path, empty.getvalue()))
