"""Test TIFFs: which pictures are pages, the range of their samples, orientation and resolution."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reading import contents_of, put, read, request, texts
from scanmend.errors import Damaged, Unsupported
from scanmend.ocr.pages import open_page
from tiffs import LINES, Picture, Tags, grey, ink, tiff

CASES = Path(__file__).parents[2] / "cases"
REDUCED, MASK = {254: 1}, {254: 4}
BYTES = (ink() * 255).astype("u1")
INVOICE = (
    "Northfield Timber Supply Ltd",
    "Oak planks, planed 12 48.50 582.00",
    "Total to pay 891.60",
    "Account 40-22-19 61830477",
)


def _opened(folder: Path, data: bytes, index: int = 0) -> Image.Image:
    return open_page(request(put(folder, data, "scan.tif"), index)).image


def _looks_like(image: Image.Image, expected: Image.Image, most: float = 3.0) -> bool:
    """Return whether two pictures differ by at most so many grey levels in the mean."""
    assert image.size == expected.size
    a, b = (np.asarray(one.convert("L"), dtype=float) for one in (image, expected))
    return float(np.abs(a - b).mean()) <= most


@pytest.mark.parametrize("name", ["12-in-16-bit", "with-thumbnail", "fax-on-its-side"])
def test_a_case_reads_as_its_page_shows(name: str) -> None:
    path = str(CASES / f"{name}.tif")

    assert contents_of(path).pages == 1
    found = texts(read(path))
    assert set(INVOICE) <= set(found)
    assert len(found) == len(set(found))


# pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [REDUCED, MASK, {254: 5}, {255: 2}, {262: 4, 254: 0}], ids=str)
def test_reduced_copies_and_masks_between_pages_are_not_pages(tmp_path: Path, mark: Tags) -> None:
    pages = [ink([f"Page {n} of the ledger"]) * 255 for n in range(3)]
    pictures = []
    for samples in pages:
        pictures += [Picture(samples[::4, ::4].astype("u1"), tags=mark)]
        pictures += [Picture(samples.astype("u1"), tags={254: 2, 255: 3})]
    path = put(tmp_path, tiff(*pictures), "scan.tif")

    assert contents_of(path).pages == 3
    for number, samples in enumerate(pages):
        expected = Image.fromarray(samples.astype("u1"))
        assert _looks_like(open_page(request(path, number)).image, expected)


def test_a_page_s_sub_directories_are_not_pages(tmp_path: Path) -> None:
    copy = Picture(BYTES[::2, ::2], tags=REDUCED)

    path = put(tmp_path, tiff(Picture(BYTES, below=[copy, copy]), Picture(BYTES, below=[copy])))

    assert contents_of(path).pages == 2


def test_the_full_picture_below_a_thumbnail_is_the_page(tmp_path: Path) -> None:
    thumbnail = Picture(BYTES[::4, ::4], tags=REDUCED, below=[Picture(BYTES, tags={254: 0})])
    path = put(tmp_path, tiff(thumbnail))

    assert contents_of(path).pages == 1
    assert _looks_like(open_page(request(path)).image, grey())


def test_pages_that_are_all_marked_as_reduced_are_pages(tmp_path: Path) -> None:
    """Don't lose the pages of a scanner that marks each of them, nor count their thumbnails."""
    page, thumbnail = Picture(BYTES, tags=REDUCED), Picture(BYTES[::4, ::4], tags=REDUCED)

    path = put(tmp_path, tiff(page, thumbnail, page))

    assert contents_of(path).pages == 2


def test_a_tiff_of_nothing_but_masks_is_damaged(tmp_path: Path) -> None:
    path = put(tmp_path, tiff(Picture(BYTES, tags=MASK)), "mask.tif")

    with pytest.raises(Damaged, match="it has no pages"):
        contents_of(path)


# samples ------------------------------------------------------------------------------------------


def _deep(kind: str, top: float, paper: float = 1.0, low: float = 0.0) -> Any:
    """Return the page in samples from ``low`` to ``top``; the paper has this share of the range."""
    return (low + ink() * (top - low) * paper).round(0 if kind[0] != "f" else 6).astype(kind)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize(
    "samples",
    [
        *(_deep("u2", 2**bits - 1) for bits in (10, 12, 14, 16)),
        _deep("u2", 4095, paper=0.35),
        _deep("u2", 3000, low=1000),
        _deep("i2", 1000, low=-1000),
        _deep("i1", 100, low=-100),
        _deep("u4", 70_000),
        _deep("i4", 70_000, low=-5),
        _deep("f4", 1.0),
        _deep("f4", 3.5, low=-2.0),
        _deep("f8", 1e6),
    ],
    ids=[
        *(f"{bits} bits" for bits in (10, 12, 14, 16)),
        *("grey paper", "1000 to 3000", "signed 16", "signed 8", "32", "signed 32"),
        *("float", "negative float", "double"),
    ],
)
def test_the_range_of_the_samples_is_found_from_the_picture(
    tmp_path: Path, samples: Any, white_is_zero: bool, order: str
) -> None:
    if white_is_zero:
        total = samples.max().astype(float) + samples.min().astype(float)
        samples = (total - samples).astype(samples.dtype)
    picture = Picture(samples, colours=0 if white_is_zero else 1)

    assert _looks_like(_opened(tmp_path, tiff(picture, order=order)), grey())


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_unsigned_samples_that_are_marked_as_signed_are_read(tmp_path: Path, kind: str) -> None:
    samples = _deep(kind, float(np.iinfo(kind).max))

    assert _looks_like(_opened(tmp_path, tiff(Picture(samples, tags={339: 2}))), grey())


def test_specks_are_not_the_range(tmp_path: Path) -> None:
    samples = _deep("u2", 4095)
    samples[5, 5:9] = 65535
    nan = _deep("f4", 3.5)
    nan[7, 3:9] = (np.nan, np.inf, -np.inf, -9999, 1e30, -1e30)

    assert _looks_like(_opened(tmp_path, tiff(Picture(samples))), grey())
    assert _looks_like(_opened(tmp_path, tiff(Picture(nan))), grey())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_colours_of_16_bits_are_read(tmp_path: Path, top: int, planes: bool, order: str) -> None:
    samples = np.stack([_deep("u2", top)] * 3, axis=2)
    samples[:, :, 2] = samples[:, :, 2] // 2 + top // 2  # the ink is blue

    image = _opened(tmp_path, tiff(Picture(samples, colours=2, planes=planes), order=order))

    assert image.mode == "RGB"
    assert _looks_like(image.getchannel("R"), grey())
    assert image.getchannel("B").getextrema()[0] in range(120, 136)


@pytest.mark.parametrize("alpha", [0, 1, 2])
def test_grey_with_another_band_of_16_bits_is_read(tmp_path: Path, alpha: int) -> None:
    """Read black ink on a transparent ground; a band of no known meaning is left out."""
    opaque = np.full_like(_deep("u2", 65535), 65535)
    ground = 65535 - _deep("u2", 65535)
    bands = (np.zeros_like(ground), ground) if alpha else (65535 - ground, opaque // 3)

    samples = np.stack(bands, axis=2)

    assert _looks_like(_opened(tmp_path, tiff(Picture(samples, tags={338: alpha}))), grey())


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_cmyk_is_read(tmp_path: Path, kind: str) -> None:
    black = (1 - ink()) * np.iinfo(kind).max
    samples = np.stack([black * 0, black * 0, black * 0, black], axis=2).astype(kind)

    assert _looks_like(_opened(tmp_path, tiff(Picture(samples, colours=5))), grey())


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_samples_that_are_packed_bit_by_bit_are_read(
    tmp_path: Path, bits: int, white_is_zero: bool
) -> None:
    values = ((1 - ink() if white_is_zero else ink()) * (2**bits - 1)).astype("u2")
    height, width = values.shape
    single = (values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(single.reshape(height, width * bits).astype("u1"), axis=1)
    picture = Picture(packed, colours=0 if white_is_zero else 1, tags={256: width, 258: bits})

    assert _looks_like(_opened(tmp_path, tiff(picture)), grey())


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_16_bits_are_read_from_every_compression(tmp_path: Path, compression: str) -> None:
    out = io.BytesIO()
    Image.fromarray(_deep("u2", 4095)).save(out, "TIFF", compression=compression)

    assert _looks_like(_opened(tmp_path, out.getvalue()), grey())


def test_a_palette_of_8_bits_in_16_is_read(tmp_path: Path) -> None:
    palette = tuple(range(256)) * 3

    image = _opened(tmp_path, tiff(Picture(BYTES, colours=3, tags={320: palette, 339: 1})))

    assert _looks_like(image, grey())


@pytest.mark.parametrize(
    ("tags", "what"),
    [({259: 50001}, "compression 50001"), ({262: 32803, 258: 16}, "colours of type 32803")],
)
def test_the_error_for_a_tiff_that_is_not_read_names_the_remedy(
    tmp_path: Path, tags: Tags, what: str
) -> None:
    path = put(tmp_path, tiff(Picture(_deep("u2", 4095), tags=tags)), "odd.tif")

    with pytest.raises(Unsupported, match=rf"odd\.tif: a TIFF with {what}.*save it again as PNG"):
        open_page(request(path))


# orientation and resolution -----------------------------------------------------------------------


def _stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as a file stores it whose orientation is this."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(back[orientation]) if orientation in back else upright


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("unit", [2, 3])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_picture_and_its_two_resolutions(
    tmp_path: Path, orientation: int, unit: int, deep: bool
) -> None:
    """Store a page of 700 × 160 pixels, at 200 × 100 dpi as one sees it, in each orientation."""
    squeezed = _stored(grey().resize((700, 160), Image.Resampling.BOX), orientation)
    across, down = (100, 200) if orientation >= 5 else (200, 100)
    per_inch = 1 if unit == 2 else 2.54
    samples = np.asarray(squeezed).astype("u2") * 16 if deep else np.asarray(squeezed)
    tags: dict[int, Any] = {
        274: orientation,
        282: round(across / per_inch),
        283: round(down / per_inch),
        296: unit,
    }

    rendered = open_page(request(put(tmp_path, tiff(Picture(samples, tags=tags)))))

    assert rendered.dpi == pytest.approx(200, abs=2)
    assert rendered.image.width == 700
    assert rendered.image.height == pytest.approx(320, abs=5)
    assert _looks_like(rendered.image.resize((700, 320)), grey(), most=6)


@pytest.mark.parametrize(
    ("tags", "height"),
    [
        ({282: 200, 283: 100, 296: 1}, 640),  # only the ratio is known
        ({282: 200, 296: 2}, 320),
        ({283: 100, 296: 2}, 320),
        ({282: 200, 283: 0, 296: 2}, 320),
        ({282: 0, 283: 0, 296: 2}, 320),
        ({282: 1, 283: 1, 296: 1}, 320),
        ({282: 200, 283: 7, 296: 2}, 320),  # nonsense
        ({}, 320),
    ],
    ids=str,
)
def test_pixels_are_stretched_only_by_a_plausible_ratio(
    tmp_path: Path, tags: Tags, height: int
) -> None:
    image = _opened(tmp_path, tiff(Picture(BYTES, tags=tags)))

    assert image.size == (700, height)


@pytest.mark.parametrize(("lines", "height"), [(1100, 2290), (2200, 2200)])
def test_a_fax_without_resolution_is_stretched_by_its_size(
    tmp_path: Path, lines: int, height: int
) -> None:
    out = io.BytesIO()
    grey().resize((1728, lines)).convert("1").save(out, "TIFF", compression="group4")

    rendered = open_page(request(put(tmp_path, out.getvalue())))

    assert rendered.image.width == 1728
    assert rendered.image.height == pytest.approx(height, abs=1)
    assert rendered.dpi == 204


def test_the_text_of_a_deep_picture_on_grey_paper_is_read(tmp_path: Path) -> None:
    data = tiff(Picture(_deep("u2", 1023, paper=0.3), tags={282: 150, 283: 150, 296: 2}))

    assert texts(read(put(tmp_path, data))) == list(LINES)
