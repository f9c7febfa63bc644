"""The orientation and the resolution of a picture: what its file says, if that is plausible."""

from dataclasses import dataclass

from PIL import Image

A4_INCHES = 11.7  # assumed longer side of a scan whose resolution is implausible
# resolutions beyond these are implausible; programs write 72 for "unknown"
MIN_SANE_DPI, MAX_SANE_DPI = 72, 2400
ASSUMED_DPI_BOUNDS = 72, 600  # of a resolution that is derived from the size
# of the resolutions across and down: within the first, pixels count as square; beyond the second, it is implausible
SQUARE_RATIO = 0.95, 1.05
SANE_RATIO = 0.4, 2.6
# a fax without a resolution (ITU-T T.4): its rows of pixels, all at 204 dpi; up to so many lines, these are at 98 dpi
FAX_WIDTHS, FAX_DPI, COARSE_FAX_DPI, MAX_COARSE_FAX_LINES = (1728, 2048, 2432), 204.0, 98.0, 1400

# what shows a picture upright, by its orientation
TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTER_TURNS = (5, 6, 7, 8)  # orientations of TIFF and EXIF that swap width and height
_JFIF_UNITS = (1, 2)  # inches and centimetres; 0 is none
_X, _Y, _UNIT = 282, 283, 296  # tags of TIFF and EXIF
_INCH_PER_UNIT = {1: 0.0, 2: 1.0, 3: 2.54}  # 0: the unit is unknown, and only the ratio is


@dataclass(frozen=True, slots=True)
class Resolution:
    """Pixels per inch across and down; 0 if unknown. ``ratio``: across over down, which may be known alone."""

    across: float = 0.0
    down: float = 0.0
    ratio: float = 1.0

    @classmethod
    def of(cls, across: float, down: float, per_inch: float = 1.0) -> "Resolution":
        """Return the resolution from the numbers in a file. ``per_inch``: their unit in inches; 0 if unknown."""
        if min(across, down) <= 1 and max(across, down) > MIN_SANE_DPI:  # one of them is missing
            across = down = max(across, down)
        if not (across > 0 and down > 0):
            return cls()
        ratio = across / down
        least, most = SANE_RATIO
        if not least < ratio < most:
            return cls()
        x, y = across * per_inch, down * per_inch
        if min(x, y) > MIN_SANE_DPI and max(x, y) <= MAX_SANE_DPI:
            return cls(x, y, ratio)
        return cls(ratio=ratio)

    def turned(self) -> "Resolution":
        """Return the resolution of the picture turned by a quarter."""
        return Resolution(self.down, self.across, 1 / self.ratio)

    def square_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of a picture with square pixels: a fax of 204 × 98 dpi is stretched to 204 × 204."""
        least, most = SQUARE_RATIO
        if least < self.ratio < most:
            return size
        width, height = size
        if self.ratio > 1:
            return width, round(height * self.ratio)
        return round(width / self.ratio), height

    def dpi(self, size: tuple[int, int]) -> float:
        """Return the finer resolution; if it is unknown, that of an A4 page of this size."""
        if self.across:
            return round(max(self.across, self.down), 1)
        min_dpi, max_dpi = ASSUMED_DPI_BOUNDS
        return float(min(max_dpi, max(min_dpi, round(max(size) / A4_INCHES))))


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture, which is shown as it is stored, turned by its orientation of TIFF or EXIF."""
    transpose = TRANSPOSES.get(orientation)
    return image if transpose is None else image.transpose(transpose)


def of_numbers(across: float, down: float, unit: int) -> Resolution:
    """Return the resolution from the tags of TIFF or EXIF. ``unit``: 1 for none, 2 for inches, 3 for centimetres."""
    return Resolution.of(across, down, _INCH_PER_UNIT.get(unit, 1.0))


def of_fax(size: tuple[int, int]) -> Resolution:
    """Return the resolution of a fax without one: its size tells it."""
    width, height = size
    if width not in FAX_WIDTHS:
        return Resolution()
    down = COARSE_FAX_DPI if height <= MAX_COARSE_FAX_LINES else FAX_DPI
    return Resolution.of(FAX_DPI, down)


def of_picture(image: Image.Image) -> Resolution:
    """Return the resolution of a picture that is no TIFF, as it is stored, before it is turned."""
    # without a resolution of JFIF, Pillow takes EXIF's across for both
    if image.format in ("JPEG", "MPO") and image.info.get("jfif_unit", 0) not in _JFIF_UNITS:
        return _of_exif(image) or _of_info(image) or Resolution()
    return _of_info(image) or _of_exif(image) or Resolution()


def _of_info(image: Image.Image) -> Resolution | None:
    for key, per_inch in (("dpi", 1.0), ("jfif_density", 0.0), ("aspect", 0.0)):
        try:
            across, down = (float(number) for number in image.info.get(key, ()))
        except (TypeError, ValueError, ZeroDivisionError):
            continue
        return Resolution.of(across, down, per_inch)
    return None


def _of_exif(image: Image.Image) -> Resolution | None:
    exif = image.getexif()
    if _X not in exif:
        return None
    try:
        return of_numbers(float(exif[_X]), float(exif.get(_Y, 0)), int(exif.get(_UNIT, 2)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
