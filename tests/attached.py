"""Make PDFs that hold files beside their pages."""

import io
from collections.abc import Mapping
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String


def written(*lines: str) -> pikepdf.Pdf:
    """Return a PDF of one page with these lines."""
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(612, 792))
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    pdf.pages[0].Resources = Dictionary(Font=Dictionary(F1=font))
    content = f"BT /F1 12 Tf 18 TL 60 700 Td {shown} ET"
    pdf.pages[0].Contents = pdf.make_stream(content.encode("latin-1"))
    return pdf


def saved(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    """Return the bytes of a PDF; ``options``: of ``pikepdf.Pdf.save``."""
    out = io.BytesIO()
    pdf.save(out, **options)
    return out.getvalue()


def spec(pdf: pikepdf.Pdf, name: str | bytes, data: bytes, **more: Any) -> pikepdf.Object:
    """Return an indirect file specification that embeds ``data``; ``more``: further entries."""
    stream = pdf.make_stream(data, Type=Name.EmbeddedFile)
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec, F=String(name), UF=String(name), EF=Dictionary(F=stream), **more
        )
    )


def attach(pdf: pikepdf.Pdf, *specs: pikepdf.Object) -> pikepdf.Pdf:
    """Name the files in the PDF's catalogue, and return the PDF."""
    names = Array([one for n, each in enumerate(specs) for one in (String(f"{n:05}"), each)])
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    return pdf


def mail(line: str, files: Mapping[str, bytes]) -> bytes:
    """Return a PDF with this line on its page and these files attached."""
    pdf = written(line)
    return saved(attach(pdf, *(spec(pdf, name, data) for name, data in files.items())))
