"""Make PDFs for tests from content streams, in Helvetica, for which every PDF reader has a substitute."""

import io
from collections.abc import Callable

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

A4 = (595, 842)  # width, height in points


def line(text: str, x: float = 60, y: float = 760, size: float = 12, before: str = "") -> str:
    """Return the operators of one line of text, after the text-state operators ``before``, such as ``3 Tr``."""
    return f"BT /F1 {size} Tf {before} {x} {y} Td ({text}) Tj ET\n"


def turned(text: str, matrix: tuple[float, float, float, float], x: float, y: float) -> str:
    """Return the operators of one line of text, transformed by a matrix (a, b, c, d)."""
    a, b, c, d = matrix
    return f"BT /F1 12 Tf {a} {b} {c} {d} {x} {y} Tm ({text}) Tj ET\n"


def picture(pdf: pikepdf.Pdf, image: Image.Image) -> Stream:
    """Return the image as an XObject of grey pixels."""
    grey = image.convert("L")
    stream = Stream(pdf, grey.tobytes())
    stream.Type, stream.Subtype = Name.XObject, Name.Image
    stream.Width, stream.Height = grey.size
    stream.ColorSpace, stream.BitsPerComponent = Name.DeviceGray, 8
    return stream


def to_unicode(pdf: pikepdf.Pdf, pairs: dict[str, str]) -> Stream:
    """Return a ToUnicode map of single bytes, which may name different characters than the font draws."""
    rows = "\n".join(
        f"<{ord(code):02x}> <{text.encode('utf-16-be').hex()}>" for code, text in pairs.items()
    )
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(pairs)} beginbfchar\n{rows}\nendbfchar endcmap end end"
    )
    return Stream(pdf, cmap.encode())


def page(
    content: str,
    change: Callable[[pikepdf.Pdf, Dictionary], None] | None = None,
    image: Image.Image | None = None,
    mapped: dict[str, str] | None = None,
    size: tuple[float, float] = A4,
) -> bytes:
    """Return a PDF of one page with this content.

    ``image`` becomes the XObject /Im. ``mapped`` is the font's ToUnicode map. ``change`` is called with the PDF and the
    page before the PDF is saved. ``size`` is in points.
    """
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=size)
    font = Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
    )
    if mapped:
        font.ToUnicode = pdf.make_indirect(to_unicode(pdf, mapped))
    resources = Dictionary(Font=Dictionary(F1=pdf.make_indirect(font)))
    if image:
        resources.XObject = Dictionary(Im=picture(pdf, image))
    only = pdf.pages[0].obj
    only.Resources = resources
    only.Contents = Stream(pdf, content.encode("latin-1"))
    if change:
        change(pdf, only)
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def note(
    pdf: pikepdf.Pdf, only: Dictionary, rect: list[float], content: str, subtype: str = "FreeText"
) -> None:
    """Add an annotation to the page ``only``, whose appearance is a form with this content."""
    appearance = Stream(pdf, content.encode())
    appearance.Type, appearance.Subtype = Name.XObject, Name.Form
    appearance.BBox = Array([0, 0, rect[2] - rect[0], rect[3] - rect[1]])
    appearance.Resources = only.Resources if "/Resources" in only else Dictionary()
    annotation = Dictionary(
        Type=Name.Annot,
        Subtype=Name(f"/{subtype}"),
        Rect=Array(rect),
        F=4,
        Contents="note",
        AP=Dictionary(N=appearance),
    )
    only.Annots = Array([*only.get("/Annots", []), pdf.make_indirect(annotation)])
