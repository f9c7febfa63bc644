"""Test that pictures of every mode, resolution and size become grey or RGB pages."""

import io
from pathlib import Path

import pytest
from PIL import Image

from reading import contents_of, put, request
from samples import encoded, numbered, page
from scanmend.errors import Damaged, TooBig
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.pages import open_page
from scanmend.ocr.pictures import webp_size


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


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_exif_orientation_is_honoured(tmp_path: Path, turn: int) -> None:
    image = page()
    exif = Image.Exif()
    exif[0x0112] = turn
    path = str(tmp_path / "x.jpg")
    image.save(path, exif=exif)

    rendered = open_page(request(path)).image

    assert rendered is not None
    assert rendered.size == ((420, 1000) if turn in (6, 8) else (1000, 420))


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


def test_the_first_picture_of_an_animation_is_read_with_a_warning(tmp_path: Path) -> None:
    out = io.BytesIO()
    frames = numbered(3)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])

    found = contents_of(put(tmp_path, out.getvalue(), "x.gif"))

    assert found.pages == 1
    assert "only its first picture" in found.warnings[0]


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
