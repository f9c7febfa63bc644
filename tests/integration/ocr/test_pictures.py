"""Test that pictures of every mode, resolution and size become grey or RGB pages."""

import io
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from reading import contents_of, put, read, request, texts
from samples import LETTER, encoded, numbered, page
from scanmend.errors import Damaged, TooBig
from scanmend.ocr.blank_page import is_blank
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.pages import open_page
from scanmend.ocr.pictures import webp_size
from scanmend.ocr.tones import with_full_contrast

CASES = Path(__file__).parents[2] / "cases"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_grey_or_rgb_with_dark_text_on_light(tmp_path: Path, mode: str) -> None:
    image = page().convert("RGB").convert(mode) if mode not in ("I;16", "I", "F") else _deep(mode)
    path = str(tmp_path / "x.tif")
    image.save(path)

    rendered = open_page(request(path)).image

    assert rendered is not None
    assert rendered.mode in ("L", "RGB")
    grey = rendered.convert("L")
    assert grey.getpixel((5, 5)) == 255 or grey.getpixel((5, 5)) > 240  # type: ignore[operator]
    assert grey.getextrema()[0] < 80  # type: ignore[operator]


def _deep(mode: str) -> Image.Image:
    import numpy as np

    grey = np.asarray(page()).astype("float32")
    if mode == "F":
        return Image.fromarray(grey / 255)
    return Image.fromarray((grey * 257).astype("uint16" if mode == "I;16" else "int32"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_exif_orientation_turns_the_picture_and_its_resolutions(
    tmp_path: Path, turn: int, kind: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x011A], exif[0x011B], exif[0x0128] = 200.0, 100.0, 2
    out = io.BytesIO()
    page(size=(1000, 420)).convert("RGB").save(out, kind, exif=exif)

    rendered = open_page(request(put(tmp_path, out.getvalue())))

    assert rendered.dpi == 200
    assert rendered.image.size == ((840, 1000) if turn in (6, 8) else (1000, 840))


def test_a_fax_of_unequal_resolution_gets_square_pixels(tmp_path: Path) -> None:
    path = str(tmp_path / "fax.tif")
    page(size=(1000, 420)).save(path, dpi=(204, 98))

    rendered = open_page(request(path))

    assert rendered.width == 1000
    assert rendered.height == pytest.approx(420 * 204 / 98, abs=1)
    assert rendered.dpi == 204


def test_a_picture_whose_metadata_mention_pdf_is_read_as_a_picture(tmp_path: Path) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "made from %PDF-1.7"
    page().save(out, "JPEG", exif=exif)

    assert contents_of(put(tmp_path, out.getvalue())).media_type == "image/jpeg"


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Refuse 20,000 × 20,000 pixels in a file of some kilobytes."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < 200_000

    with pytest.raises(TooBig, match=r"limits\.pixels"):
        contents_of(put(tmp_path, out.getvalue()))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_the_first_picture_of_an_animation_is_read_with_a_warning(
    tmp_path: Path, kind: str
) -> None:
    out = io.BytesIO()
    frames = [image.convert("RGB") for image in numbered(3)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    path = put(tmp_path, out.getvalue(), "scan.x")

    found = contents_of(path)

    assert found.pages == 1
    assert found.warnings == ("scan.x is animated; only its first picture is read",)
    assert texts(read(path)) == ["Page 1 of the harbour book"]


def test_a_phone_s_jpeg_of_several_pictures_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    frames = numbered(2)
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:])
    path = put(tmp_path, out.getvalue())

    assert contents_of(path).pages == 1
    assert texts(read(path)) == ["Page 1 of the harbour book"]


# HEIC, AVIF, JPEG 2000 … --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["heif", "avif", "webp", "jpeg2000", "gif", "bmp"])
def test_the_text_of_every_kind_is_read(tmp_path: Path, kind: str) -> None:
    assert texts(read(put(tmp_path, encoded(kind)))) == list(LETTER)


def test_the_main_picture_of_a_heic_is_read_with_a_warning() -> None:
    found = contents_of(str(CASES / "two-pictures.heic"))

    assert found.pages == 1
    assert found.warnings == ("two-pictures.heic holds 2 pictures; only the main one is read",)
    assert texts(read(CASES / "two-pictures.heic")) == list(LETTER)


@pytest.mark.parametrize("name", ["heif", "avif", "jpeg2000"])
def test_the_size_is_checked_before_a_picture_is_decoded(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, encoded(name))

    for read_it in (contents_of, lambda p, pixels: open_page(request(p, pixels=pixels))):
        with pytest.raises(TooBig, match=r"1000 × 420 pixels.*limits\.pixels"):
            read_it(path, pixels=400_000)


def test_a_broken_heic_is_damaged(tmp_path: Path) -> None:
    data = bytearray(encoded("heif"))
    data[300:] = bytes(len(data) - 300)

    with pytest.raises(Damaged, match=r"scan or copy it again"):
        open_page(request(put(tmp_path, bytes(data))))


# samples ------------------------------------------------------------------------------------------


def _png(samples: Any, colour_type: int) -> bytes:
    """Return a PNG of 16 bits, (height, width, bands) uint16."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + name + data + check

    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header += bytes((16, colour_type, 0, 0, 0))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("top", [1023, 4095, 65535])
@pytest.mark.parametrize(("bands", "colour_type"), [(1, 0), (3, 2)])
def test_a_png_of_16_bits_is_read_whatever_its_range(
    tmp_path: Path, top: int, bands: int, colour_type: int
) -> None:
    grey = np.asarray(page()).astype(float)[:, :, None].repeat(bands, axis=2)

    data = _png((grey / 255 * top).astype("u2"), colour_type)

    assert texts(read(put(tmp_path, data))) == list(LETTER)


@pytest.mark.parametrize("top", [300, 1200, 16383])
@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("kind", ["png", "jp2"])
def test_colours_on_grey_paper_in_the_lower_bits_of_16_are_read(
    tmp_path: Path, kind: str, turn: int, top: int
) -> None:
    stored = page().rotate(90, expand=True) if turn == 6 else page()
    grey = np.asarray(stored).astype(float)[:, :, None].repeat(3, axis=2)
    samples = (grey / 255 * top).astype("u2")
    samples[:, :, 2] = samples[:, :, 2] // 2 + top // 2
    if kind == "jp2":
        if turn == 6:
            pytest.skip("a JPEG 2000 has no orientation")
        data = cv2.imencode(".jp2", samples[:, :, ::-1])[1].tobytes()
    else:
        data = _png(samples, 2)
        exif = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes((turn, 0, 0, 0)) + bytes(4)
        chunk = b"eXIf" + exif
        length, check = len(exif).to_bytes(4, "big"), zlib.crc32(chunk).to_bytes(4, "big")
        data = data[:33] + length + chunk + check + data[33:]

    found = read(put(tmp_path, data))

    assert texts(found) == list(LETTER)
    assert found.rotation == 0


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_dark_and_light_text_on_a_transparent_ground_are_read(
    tmp_path: Path, kind: str, mode: str, ink: int
) -> None:
    coverage = page().point(lambda level: 255 - level)
    image = Image.new(mode, coverage.size, (ink,) * (len(mode) - 1) + (0,))
    image.putalpha(coverage)
    out = io.BytesIO()
    image.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))

    assert texts(read(put(tmp_path, out.getvalue()))) == list(LETTER)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_read(tmp_path: Path, kind: str) -> None:
    out = io.BytesIO()
    page().convert("RGB").convert("CMYK").save(out, kind)
    path = put(tmp_path, out.getvalue())

    assert open_page(request(path)).image.convert("L").getpixel((5, 5)) > 240  # type: ignore[operator]
    assert texts(read(path)) == list(LETTER)


# blank pages and faint ones -----------------------------------------------------------------------


def _faint(paper: float, contrast: float, noise: float = 0.0, shadow: float = 0.0) -> Image.Image:
    """Return a page on paper of this grey level, with text that is so much darker."""
    ink = (255 - np.asarray(page()).astype(float)) / 235
    levels = paper - ink * contrast
    levels -= shadow * np.linspace(0, 1, levels.shape[1])
    levels += np.random.default_rng(7).normal(0, noise, levels.shape)
    return Image.fromarray(np.clip(levels.round(), 0, 255).astype("u1"))


@pytest.mark.parametrize(
    ("paper", "contrast", "noise"), [(255, 6, 0), (200, 8, 0.7), (120, 10, 1), (90, 14, 2)]
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_faint_text_on_grey_paper_is_read(
    tmp_path: Path, paper: float, contrast: float, noise: float, mode: str
) -> None:
    path = str(tmp_path / "faint.png")
    _faint(paper, contrast, noise).convert(mode).save(path)

    assert texts(read(path)) == list(LETTER)


@pytest.mark.parametrize(
    "image",
    [
        *(_faint(paper, 0, noise) for paper, noise in ((255, 0), (255, 2), (180, 4), (130, 20))),
        _faint(250, 0, 1, shadow=80),
    ],
    ids=["white", "noise", "grey", "coarse noise", "shadow"],
)
def test_paper_with_noise_or_shadow_is_blank(image: Image.Image) -> None:
    assert is_blank(image)


def test_dust_is_blank_and_a_single_digit_is_not() -> None:
    dusty = np.full((2200, 1600), 240, np.uint8)
    random = np.random.default_rng(3)
    for x, y in zip(random.integers(0, 1590, 60), random.integers(0, 2190, 60), strict=True):
        dusty[y : y + 4, x : x + 3] = random.integers(0, 200)
    digit = Image.fromarray(dusty)
    digit.paste(page(["7"], size=(90, 120), points=24), (700, 1000))

    assert is_blank(Image.fromarray(dusty))
    assert not is_blank(digit)


def test_a_blank_page_of_16_bits_is_blank(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(3000, 6, (420, 1000, 1)).astype("u2")

    assert is_blank(open_page(request(put(tmp_path, _png(noise, 0)))).image)


def test_a_page_of_usual_contrast_is_not_changed() -> None:
    image = _faint(230, 60)

    assert with_full_contrast(image) is image


def test_faint_colours_are_stretched_together() -> None:
    """Keep a band without contrast as it is: stretched by itself it would show its noise."""
    red, green, blue = _faint(255, 0), _faint(250, 0, 0.4), _faint(230, 20)

    bands = with_full_contrast(Image.merge("RGB", (red, green, blue))).split()

    assert [band.getextrema()[1] for band in bands] == [255, 255, 255]
    assert bands[0].getextrema()[0] == 255
    assert bands[1].getextrema()[0] > 200  # type: ignore[operator]
    assert bands[2].getextrema()[0] == 0


def test_red_ink_on_green_paper_of_the_same_grey_is_not_blank() -> None:
    ink = (255 - np.asarray(page()).astype(float)) / 235
    colours = np.array([40, 140, 60]) + ink[:, :, None] * (np.array([200, 60, 60]) - [40, 140, 60])

    assert not is_blank(Image.fromarray(colours.round().astype("u1")))


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_size_of_a_webp_is_known_before_it_is_opened(
    tmp_path: Path, lossless: bool, mode: str
) -> None:
    """Read the size from the header: Pillow allocates the canvas at opening, 1 GiB for a file of some kilobytes."""
    out = io.BytesIO()
    page(size=(421, 123)).convert(mode).save(out, "WEBP", lossless=lossless)
    path = put(tmp_path, out.getvalue())

    assert webp_size(path) == (421, 123)
    with pytest.raises(TooBig, match=r"limits\.pixels"):
        contents_of(path, pixels=50_000)


def test_the_size_of_an_extended_webp_is_known(tmp_path: Path) -> None:
    out = io.BytesIO()
    other = page(["another"], size=(421, 123))
    page(size=(421, 123)).save(out, "WEBP", save_all=True, append_images=[other])
    assert out.getvalue()[12:16] == b"VP8X"

    assert webp_size(put(tmp_path, out.getvalue())) == (421, 123)
    assert webp_size(put(tmp_path, encoded("png"))) == (0, 0)


def test_a_picture_whose_header_is_broken_is_damaged(tmp_path: Path) -> None:
    data = bytearray(encoded("png"))
    data[17] ^= 1

    with pytest.raises(Damaged, match="header can't be read; scan or copy it again"):
        contents_of(put(tmp_path, bytes(data)))


def test_a_strip_thinner_than_any_line_is_read_as_empty(tmp_path: Path) -> None:
    strip = Image.effect_noise((20_000, 1), 200)
    path = str(tmp_path / "strip.png")
    strip.save(path)

    assert read_page(request(path)).lines == ()
