"""Open a page of a TIFF: the directory that is the page, its orientation and its resolution."""

from dataclasses import dataclass
from io import BufferedReader

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from scanmend.errors import Damaged
from scanmend.file_types import ReadAt
from scanmend.ocr import resolution, tiff_samples
from scanmend.ocr.input_file import UnmappedFile
from scanmend.ocr.resolution import Resolution
from scanmend.tiff_directories import HEIGHT, WIDTH, Directory, Tiff

_COMPRESSION, _ORIENTATION, _COLOUR_MAP = 259, 274, 320
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_FAX_COMPRESSIONS = (2, 3, 4)
_MAX_BYTE = 255
# that libtiff decodes in Pillow's wheels: all usual ones but WebP, JPEG 2000, JPEG XL and LERC
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000)


class _DirectoryFile:
    """A TIFF that begins at another directory: a file for Pillow, which opens only the first one."""

    def __init__(self, file: UnmappedFile, header: bytes) -> None:
        self._file = file
        self._header = header

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        data = self._file.read(size)
        changed = self._header[start : start + len(data)]
        return changed + data[len(changed) :] if changed else data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


@dataclass(frozen=True, slots=True)
class TiffPage:
    """A page of an open TIFF. Its methods raise EOFError and OddDirectory for a damaged file, Unsupported, and OSError."""

    file: UnmappedFile
    tiff: Tiff
    directory: Directory
    name: str

    @classmethod
    def of(cls, file: UnmappedFile, index: int, name: str) -> "TiffPage":
        """Return the page with this index, from 0."""
        tiff = Tiff.of(read_at(file))
        return cls(file, tiff, tiff.directory(tiff.pages()[index]), name)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels, as the page is stored. Raise Damaged."""
        width = self.tiff.number(self.directory, WIDTH, 0)
        height = self.tiff.number(self.directory, HEIGHT, 0)
        if not (width and height):
            raise Damaged(f"{self.name}: a page without a size", "scan or copy it again")
        return width, height

    @property
    def resolution(self) -> Resolution:
        """Return the resolution of the page as it is turned."""
        stored = resolution.of_numbers(
            self.tiff.ratio(self.directory, _X_RESOLUTION),
            self.tiff.ratio(self.directory, _Y_RESOLUTION),
            self.tiff.number(self.directory, _RESOLUTION_UNIT, 2),
        )
        is_fax = self.tiff.number(self.directory, _COMPRESSION, 1) in _FAX_COMPRESSIONS
        if is_fax and not self.tiff.ratio(self.directory, _X_RESOLUTION):
            stored = resolution.of_fax(self.size)
        return stored.turned() if self._orientation in resolution.QUARTER_TURNS else stored

    @property
    def _orientation(self) -> int:
        return self.tiff.number(self.directory, _ORIENTATION, 1)

    def image(self) -> Image.Image:
        """Return the decoded page, turned by its orientation."""
        layout = tiff_samples.layout_of(self.tiff, self.directory)
        if layout.compression not in _COMPRESSIONS:
            raise tiff_samples.unsupported(self.name, f"compression {layout.compression}")
        if tiff_samples.is_deep(layout):
            return self._decoded_samples()
        try:
            opened = Image.open(
                _DirectoryFile(self.file, self.tiff.header(self.directory.offset)),  # type: ignore[arg-type]
                formats=("TIFF",),
            )
        except UnidentifiedImageError:
            return self._decoded_samples()
        with opened as image:
            image.load()  # also turns it
            _mend_palette(image)
            return image.copy()

    def _decoded_samples(self) -> Image.Image:
        self.file.seek(0)
        image = tiff_samples.decoded(self.file.read(), self.tiff, self.directory, self.name)
        return resolution.upright(image, self._orientation)


def count_pages(file: UnmappedFile) -> int:
    """Return the number of pages of a TIFF."""
    return len(Tiff.of(read_at(file)).pages())


def read_at(file: BufferedReader) -> ReadAt:
    """Return a function that reads bytes at an offset of the file. It raises EOFError at the file's end, and OSError."""

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        data = file.read(length)
        if len(data) < length:
            raise EOFError("it ends too early")
        return data

    return read


def _mend_palette(image: Image.Image) -> None:
    """Scale a palette whose colours a program wrote with 8 bits instead of 16, which Pillow shows all black."""
    if image.mode != "P" or not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    colours = image.tag_v2.get(_COLOUR_MAP, ())
    if colours and max(colours) <= _MAX_BYTE:
        third = len(colours) // 3
        planes = (colours[:third], colours[third : 2 * third], colours[2 * third :])
        image.putpalette([level for entry in zip(*planes, strict=True) for level in entry])
