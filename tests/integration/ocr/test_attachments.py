"""Test the files embedded in a PDF: they are named, extracted, or refused with a reason."""

import contextlib
import hashlib
import os
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from attached import XML, attach, contents_of, invoice, saved, spec, written
from samples import LETTER, encoded, numbered
from scanmend import file_types
from scanmend.document import Contents
from scanmend.errors import DocumentError, Encrypted
from scanmend.ocr.pdf import extract

pytestmark = pytest.mark.usefixtures("scratch")

PNG = encoded("png")


def files(scratch: Path) -> list[bytes]:
    folder = scratch / "parts"
    return [(folder / name).read_bytes() for name in sorted(os.listdir(folder), key=int)]


def test_an_ordinary_pdf_gives_no_warning(tmp_path: Path) -> None:
    found = contents_of(tmp_path, encoded("pdf", numbered(2)), extracting=True)

    assert found == Contents("application/pdf", 2)


def test_embedded_files_are_named(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    attach(pdf, spec(pdf, "factur-x.xml", XML), spec(pdf, "invoice.pdf", invoice()))

    found = contents_of(tmp_path, saved(pdf))

    assert found.parts == ()
    (warning,) = found.off_pages
    assert warning == (
        "mail.pdf holds 2 embedded files that no page shows, not read: factur-x.xml, invoice.pdf"
        " (pdf.attachments: extract reads PDFs and pictures)"
    )


def test_pdfs_and_pictures_are_extracted_by_their_bytes(tmp_path: Path, scratch: Path) -> None:
    pdf = written(*LETTER)
    given = {"factur-x.xml": XML, "invoice.bin": invoice(), "scan": PNG, "fake.pdf": b"no PDF"}
    attach(pdf, *(spec(pdf, name, data) for name, data in given.items()))

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    assert [(p.name, p.kind, p.size, p.sha256) for p in found.parts] == [
        (name, kind, len(given[name]), hashlib.sha256(given[name]).hexdigest())
        for name, kind in (("invoice.bin", ".pdf"), ("scan", ".png"))
    ]
    assert files(scratch) == [given["invoice.bin"], given["scan"]]
    assert found.off_pages == (
        "mail.pdf holds 2 embedded files that no page shows, read as documents of their own: invoice.bin, scan",
        "mail.pdf holds 2 embedded files that no page shows, not read (neither a PDF nor a picture): factur-x.xml, fake.pdf",
    )


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "gif", "webp", "bmp", "jpeg2000", "pdf"])
def test_each_kind_is_known_by_its_first_bytes(kind: str) -> None:
    found = file_types.by_signature(encoded(kind)[: file_types.HEAD_BYTES])

    assert found is not None
    assert found.name.replace(" ", "").lower() == kind


@pytest.mark.parametrize("data", [b"", b"BMW sells cars", b"RIFF\0\0\0\0WAVEfmt ", XML, b"PK\3\4"])
def test_other_files_are_no_pictures(data: bytes) -> None:
    assert file_types.by_signature(data) is None


def test_files_of_annotations_pages_and_the_catalogue_are_found_once(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    one, two, three, four = (spec(pdf, f"{n}.txt", b"%d" % n) for n in range(4))
    attach(pdf, one)
    pdf.Root.AF = Array([one, two])
    pdf.pages[0].AF = Array([two])
    pin = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=[0, 0, 9, 9], FS=three)
    assets = Dictionary(Names=Array([String("movie"), four]))
    film = Dictionary(
        Type=Name.Annot,
        Subtype=Name.RichMedia,
        Rect=[0, 0, 9, 9],
        RichMediaContent=Dictionary(Assets=assets),
    )
    pdf.pages[0].Annots = Array([pin, film])

    (warning,) = contents_of(tmp_path, saved(pdf)).off_pages

    assert "4 embedded files" in warning
    assert "0.txt, 1.txt, 2.txt, 3.txt" in warning


def test_a_specification_of_an_external_file_embeds_nothing(tmp_path: Path) -> None:
    """Ignore a file specification without /EF."""
    pdf = written(*LETTER)
    attach(pdf, pdf.make_indirect(Dictionary(Type=Name.Filespec, F=String("elsewhere.pdf"))))

    assert contents_of(tmp_path, saved(pdf)).off_pages == ()


def test_the_search_in_a_cyclic_name_tree_ends(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    leaf = pdf.make_indirect(Dictionary(Names=Array([String("a"), spec(pdf, "a.txt", b"a")])))
    root = pdf.make_indirect(Dictionary(Kids=Array([leaf, leaf])))
    middle = pdf.make_indirect(Dictionary(Kids=Array([root, leaf])))
    root.Kids.append(middle)
    pdf.Root.Names = Dictionary(EmbeddedFiles=root)

    (warning,) = contents_of(tmp_path, saved(pdf)).off_pages

    assert "an embedded file" in warning


@pytest.mark.parametrize(
    "broken",
    [
        5,
        String("x"),
        Array([]),
        Dictionary(Names=5),
        Dictionary(Names=Array([1, 2, 3])),
        Dictionary(Names=Array([String("a"), Dictionary(EF=5)])),
        Dictionary(Names=Array([String("a"), Dictionary(EF=Dictionary(F=Dictionary()))])),
        Dictionary(Kids=Array([5, Array([]), Dictionary(Kids=Name.Kids)])),
    ],
    ids=str,
)
def test_broken_structures_cost_only_the_warning(tmp_path: Path, broken: Any) -> None:
    pdf = written(*LETTER)
    pdf.Root.Names = Dictionary(EmbeddedFiles=broken)
    pdf.Root.AF = broken
    pdf.pages[0].Annots = broken if isinstance(broken, Array) else Array([broken])

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    assert (found.pages, found.off_pages) == (1, ())


def test_all_of_many_files_are_counted_and_the_first_ones_are_named(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    attach(pdf, *(spec(pdf, f"{n}.txt", b"%d" % n) for n in range(10_050)))

    said = contents_of(tmp_path, saved(pdf)).off_pages

    assert "holds 10,000 embedded files" in said[0]
    assert "19.txt, … and 9,980 more" in said[0]
    assert len(said[0]) < 1000
    assert said[1].endswith("may hold more embedded files: the search for them was ended")


def test_hostile_names_are_shown_escaped_and_cut(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    names = ["../../etc/passwd", "a\nb\x1b[2J", "x" * 5000, "\u202efdp.exe", ""]
    attach(pdf, *(spec(pdf, name, invoice(n)) for n, name in enumerate(names)))

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    (warning,) = found.off_pages
    assert warning.isprintable()
    assert len(warning) < 500
    assert [p.name for p in found.parts] == [*(n[:1000] for n in names[:4]), "00004"]


def test_too_large_files_are_named_and_their_bytes_removed(tmp_path: Path, scratch: Path) -> None:
    pdf = written(*LETTER)
    bomb = spec(pdf, "bomb.pdf", b"")
    bomb.EF.F = pikepdf.Stream(
        pdf, zlib.compress(b"%PDF-1.7" + bytes(50 * 2**20)), Filter=Name.FlateDecode
    )
    attach(pdf, bomb, spec(pdf, "fine.pdf", invoice()))

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    assert [p.name for p in found.parts] == ["fine.pdf"]
    assert files(scratch) == [invoice()]
    assert found.off_pages[1].endswith("not read (more than limits.file_size): bomb.pdf")


def test_a_nearly_full_disk_is_the_machines_fault(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raise the error before the disk is full, since the journal is on the same disk."""
    monkeypatch.setattr(extract, "RESERVE_BYTES", 2**70)
    monkeypatch.setattr(os, "statvfs", lambda _: _NearlyFull)
    pdf = attach(pdf := written(*LETTER), spec(pdf, "a.pdf", invoice()))

    with pytest.raises(OSError, match="No space left"):
        contents_of(tmp_path, saved(pdf), extracting=True)

    assert files(scratch) == []


class _NearlyFull:
    """The status of a disk of 1 MB that is nine tenths full."""

    f_frsize, f_blocks, f_bavail = 1, 10**6, 10**5


def test_files_whose_total_size_is_too_large_are_named(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    big = [b"%PDF-1.7" + bytes([n]) * 300_000 for n in range(4)]
    attach(pdf, *(spec(pdf, f"{n}.pdf", data) for n, data in enumerate(big)))

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    assert len(found.parts) == 3
    assert "not read (with the others, more than limits.file_size): 3.pdf" in found.off_pages[1]


def test_a_decompression_bomb_in_a_rare_coding_is_not_decoded(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    bomb = spec(pdf, "bomb.pdf", b"")
    twice = zlib.compress(zlib.compress(b"%PDF-1.7" + bytes(600 * 2**20), 9))
    parms = Dictionary(Predictor=12, Columns=4)
    bomb.EF.F = pikepdf.Stream(
        pdf,
        twice,
        Filter=Array([Name.FlateDecode, Name.FlateDecode]),
        DecodeParms=Array([parms, parms]),
    )
    attach(pdf, bomb)

    (warning,) = contents_of(tmp_path, saved(pdf), extracting=True).off_pages

    assert "(in an unusual coding, and may be too large)" in warning


@pytest.mark.parametrize(
    ("filters", "encode"),
    [
        ([], bytes),
        (["/FlateDecode"], zlib.compress),
        (["/Fl"], zlib.compress),
        (["/FlateDecode", "/FlateDecode"], lambda d: zlib.compress(zlib.compress(d))),
        (["/ASCIIHexDecode"], lambda d: d.hex().encode() + b">"),
        (["/AHx", "/Fl"], lambda d: zlib.compress(d).hex().encode() + b">"),
        (["/ASCII85Decode"], lambda d: __import__("base64").a85encode(d) + b"~>"),
        (["/FlateDecode", "/AHx"], lambda d: zlib.compress(d.hex().encode())),
        (
            ["/RunLengthDecode"],
            lambda d: b"".join(b"\0" + d[n : n + 1] for n in range(len(d))) + b"\x80",
        ),
    ],
)
def test_each_coding_is_decoded(
    tmp_path: Path, scratch: Path, filters: list[str], encode: Any
) -> None:
    pdf = written(*LETTER)
    one = spec(pdf, "a.pdf", b"")
    one.EF.F = pikepdf.Stream(pdf, encode(invoice()))
    one.EF.F.Filter = Array([Name(name) for name in filters])
    attach(pdf, one)

    contents_of(
        tmp_path, saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none), extracting=True
    )

    assert files(scratch) == [invoice()]


def test_a_file_that_can_not_be_decoded_is_named(tmp_path: Path) -> None:
    pdf = written(*LETTER)
    one = spec(pdf, "a.pdf", b"")
    one.EF.F = pikepdf.Stream(pdf, b"no zlib at all", Filter=Name.FlateDecode)
    attach(pdf, one)

    (warning,) = contents_of(
        tmp_path, saved(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none), extracting=True
    ).off_pages

    assert warning.endswith("not read (can't be decoded): a.pdf")


def test_a_file_embedded_twice_is_extracted_once_and_an_ancestor_never(
    tmp_path: Path, scratch: Path
) -> None:
    pdf = written(*LETTER)
    same = [spec(pdf, name, invoice()) for name in ("a.pdf", "a.pdf", "b.pdf")]
    attach(pdf, *same, spec(pdf, "grandfather.pdf", invoice(7)))
    above = hashlib.sha256(invoice(7)).hexdigest()

    found = contents_of(tmp_path, saved(pdf), extracting=True, ancestors=(above, "0" * 64))

    assert [p.name for p in found.parts] == ["a.pdf", "b.pdf"]
    assert len(files(scratch)) == 2
    assert found.off_pages[1].endswith("not read (the same file again): grandfather.pdf")


@pytest.mark.parametrize(
    ("depth", "why"), [(1, "too many attachments"), (0, "attachments in attachments, too deep")]
)
def test_no_more_files_are_extracted_than_allowed(tmp_path: Path, depth: int, why: str) -> None:
    pdf = attach(pdf := written(*LETTER), spec(pdf, "a.pdf", invoice()))

    found = contents_of(tmp_path, saved(pdf), extracting=True, room_parts=0, depth=depth)

    assert found.parts == ()
    assert f"not read ({why}): a.pdf" in found.off_pages[0]


@pytest.mark.parametrize("revision", [3, 4, 6])
def test_encrypted_files_open_with_the_password(
    tmp_path: Path, scratch: Path, revision: Any
) -> None:
    pdf = attach(pdf := written(*LETTER), spec(pdf, "a.pdf", invoice()))
    lock = pikepdf.Encryption(
        owner="o", user="grünes Tor", R=revision, aes=revision > 3, metadata=revision > 3
    )
    data = saved(pdf, encryption=lock)

    found = contents_of(tmp_path, data, extracting=True, passwords=("wrong", "grünes Tor"))

    assert [p.name for p in found.parts] == ["a.pdf"]
    assert files(scratch) == [invoice()]
    assert found.warnings
    with pytest.raises(Encrypted):
        contents_of(tmp_path, data, extracting=True)


def test_a_pdf_that_qpdf_can_not_open_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise pikepdf.PdfError("no")

    monkeypatch.setattr(pikepdf, "open", refuse)
    pdf = attach(pdf := written(*LETTER), spec(pdf, "a.pdf", invoice()))

    found = contents_of(tmp_path, saved(pdf), extracting=True)

    assert (found.pages, found.parts) == (1, ())
    assert found.off_pages == (
        "mail.pdf holds an embedded file that no page shows, not read (encrypted or damaged): a.pdf",
    )
    assert contents_of(tmp_path, saved(written(*LETTER))) == Contents("application/pdf", 1)


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_raise_only_known_errors(tmp_path: Path, seed: int) -> None:
    import random

    pdf = written(*LETTER)
    attach(pdf, spec(pdf, "a.pdf", invoice()), spec(pdf, "b.png", PNG))
    data = bytearray(saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable))
    chance = random.Random(seed)
    for _ in range(40):
        data[chance.randrange(len(data))] = chance.randrange(256)

    with contextlib.suppress(DocumentError):
        contents_of(tmp_path, bytes(data), extracting=True)
