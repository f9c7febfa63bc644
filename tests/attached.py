"""Make PDFs with embedded files, and return what an OCR child finds in them."""

import functools
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pikepdf
from pikepdf import Array, Dictionary, Name, String

from scanmend.document import Contents
from scanmend.ocr.pages import contents
from scanmend.workers.protocol import ContentsRequest

XML = b"<?xml version='1.0'?><CrossIndustryInvoice/>"


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
    """Return the bytes of a PDF, saved with these ``options`` of ``pikepdf.Pdf.save``."""
    out = io.BytesIO()
    pdf.save(out, **options)
    return out.getvalue()


def spec(pdf: pikepdf.Pdf, name: str | bytes, data: bytes, **more: Any) -> pikepdf.Object:
    """Return an indirect file specification that embeds ``data`` and has ``more`` entries."""
    stream = pdf.make_stream(data, Type=Name.EmbeddedFile)
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec, F=String(name), UF=String(name), EF=Dictionary(F=stream), **more
        )
    )


def attach(pdf: pikepdf.Pdf, *specs: pikepdf.Object) -> pikepdf.Pdf:
    """Add the file specifications to the name tree in the PDF's catalogue; return the PDF."""
    names = Array([one for n, each in enumerate(specs) for one in (String(f"{n:05}"), each)])
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    return pdf


def mail(line: str, files: Mapping[str, bytes]) -> bytes:
    """Return a PDF with this line on its page and these files attached."""
    pdf = written(line)
    return saved(attach(pdf, *(spec(pdf, name, data) for name, data in files.items())))


@functools.cache  # one save: a PDF's ID depends on the time
def invoice(number: int = 1) -> bytes:
    """Return a PDF with one line of text; each number gives different bytes."""
    return saved(written(f"Invoice {number} for 219.45"))


def contents_of(folder: Path, data: bytes, extracting: bool = False, **more: Any) -> Contents:
    """Return an OCR child's report on this file; ``extracting`` stands for `pdf.attachments: extract`."""
    path = folder / "mail.pdf"
    path.write_bytes(data)
    own = hashlib.sha256(data).hexdigest()
    request = ContentsRequest(
        os.fsencode(path), 100, 10**8, (), extracting, 10**6, 100, 10**6, depth=5, ancestors=(own,)
    )
    return contents(msgspec.structs.replace(request, **more))
