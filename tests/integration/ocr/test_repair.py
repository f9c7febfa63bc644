"""Test which PDFs with an odd end or damage are read whole, with which warning, and which are refused."""

import errno
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from samples import encoded, numbered
from scanmend.document import Contents
from scanmend.errors import Damaged, Encrypted
from scanmend.intake.completeness import Complete, PossiblyIncomplete, is_complete
from scanmend.ocr.input_file import InputFile
from scanmend.ocr.pages import contents, open_page
from scanmend.ocr.pdf import document, repair
from scanmend.ocr.pdf.document import open_pdf
from scanmend.workers.protocol import ContentsRequest, PageRequest

CASES = Path(__file__).parents[2] / "cases"
KINDS = ("pillow", "classic", "object streams", "linearized", "linearized, object streams")
PAGES = 4


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    yield
    repair._last.clear()
    document._opens_unrepaired.clear()


def _made(kind: str, **how: Any) -> bytes:
    """Return a PDF of four scanned pages, as this kind of writer makes it; ``how`` holds options of pikepdf's save."""
    base = encoded("pdf", numbered(PAGES))
    if kind == "pillow":
        return base
    modes = pikepdf.ObjectStreamMode
    with pikepdf.open(io.BytesIO(base)) as pdf:
        out = io.BytesIO()
        mode = modes.generate if "object streams" in kind else modes.disable
        pdf.save(out, object_stream_mode=mode, linearize="linearized" in kind, **how)
    return out.getvalue()


def _contents(folder: Path, data: bytes, doubtful: bool = True, *passwords: str) -> Contents:
    path = folder / "x.pdf"
    path.write_bytes(data)
    return contents(
        ContentsRequest(os.fsencode(path), 100, 50_000_000, passwords, doubtful=doubtful)
    )


def _verdict(data: bytes) -> object:
    return is_complete(io.BytesIO(data), len(data))


def _shown(path: Path, passwords: tuple[str, ...] = ()) -> list[bytes]:
    with open_pdf(str(path), passwords) as (pdf, _):
        return [page.render(scale=0.3).to_numpy().tobytes() for page in pdf]


def _revised(data: bytes) -> bytes:
    """Return the PDF with a second revision appended, in which the first page is turned."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        page = pdf.pages[0].obj
        number = page.objgen[0]
        page.Rotate = 180
        text = b"%d 0 obj\n%s\nendobj\n" % (number, page.unparse(resolved=True))
        root = pdf.Root.objgen[0]
        size = int(pdf.trailer.Size)
    before = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    start = len(data) + 1
    table = b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d 00000 n \n" % (number, start)
    trailer = b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\n" % (size, root, before)
    place = start + len(text)
    return data + b"\n" + text + table + trailer + b"startxref\n%d\n%%%%EOF\n" % place


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut", "cut before", "doubled", "html", "no startxref"])
def test_a_pdf_with_an_odd_end_is_read_whole(tmp_path: Path, kind: str, damage: str) -> None:
    data = _made(kind).rstrip()
    damaged = {
        "cut": data[:-3],
        "cut before": data[: data.rindex(b"startxref")],
        "doubled": data + b"\n%%EOF\n",
        "html": data + b"<!-- gateway 3 -->\r\n" * 200,
        "no startxref": data[: data.rindex(b"startxref")] + b"%%EOF\n",
    }[damage]
    (tmp_path / "whole.pdf").write_bytes(data)

    assert isinstance(_verdict(damaged), PossiblyIncomplete)
    assert _contents(tmp_path, damaged).pages == PAGES
    assert _shown(tmp_path / "x.pdf") == _shown(tmp_path / "whole.pdf")


@pytest.mark.parametrize("kind", KINDS)
def test_a_beginning_is_never_taken_for_the_whole(tmp_path: Path, kind: str) -> None:
    """Cut the file at 60 offsets: a part that counts as whole must show what the whole file shows."""
    data = _made(kind)
    (tmp_path / "whole.pdf").write_bytes(data)
    whole = _shown(tmp_path / "whole.pdf")
    refused = 0
    for length in range(len(data) // 60, len(data), len(data) // 60):
        try:
            found = _contents(tmp_path, data[:length])
        except Damaged:
            refused += 1
        else:
            assert found.pages == PAGES, length
            assert _shown(tmp_path / "x.pdf") == whole, length
    assert refused > 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_half_filled_file_is_not_whole(tmp_path: Path, kind: str) -> None:
    data = _made(kind)
    half = data[: len(data) // 2]

    with pytest.raises(Damaged):
        _contents(tmp_path, half + bytes(len(data) - len(half)))


def test_zeros_after_the_end_do_not_make_the_end_odd() -> None:
    assert _verdict(_made("classic") + bytes(2048)) == Complete()


def test_a_revision_that_lacks_only_its_end_is_read(tmp_path: Path) -> None:
    first = _made("pillow")
    (tmp_path / "first.pdf").write_bytes(first)
    (tmp_path / "second.pdf").write_bytes(_revised(first))
    cut = _revised(first).rstrip()
    cut = cut[: cut.rindex(b"startxref")]

    assert isinstance(_verdict(cut), PossiblyIncomplete)
    found = _contents(tmp_path, cut)

    assert found.warnings == ("repaired: no end",)
    assert _shown(tmp_path / "x.pdf") == _shown(tmp_path / "second.pdf")
    assert _shown(tmp_path / "x.pdf") != _shown(tmp_path / "first.pdf")


def test_the_revision_before_a_cut_one_is_read(tmp_path: Path) -> None:
    first = _made("pillow")
    (tmp_path / "first.pdf").write_bytes(first)

    found = _contents(tmp_path, _revised(first)[: len(first) + 60])

    assert "the one before it was read" in found.warnings[0]
    assert _shown(tmp_path / "x.pdf") == _shown(tmp_path / "first.pdf")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [5, 9, 15])
def test_a_missing_header_is_put_back(tmp_path: Path, kind: str, lost: int) -> None:
    data = _made(kind)
    (tmp_path / "whole.pdf").write_bytes(data)

    found = _contents(tmp_path, data[lost:], doubtful=False)

    assert (found.media_type, found.pages) == ("application/pdf", PAGES)
    assert "no header" in found.warnings[0]
    assert _shown(tmp_path / "x.pdf") == _shown(tmp_path / "whole.pdf")


def test_a_lost_trailer_and_a_broken_page_tree_are_repaired(tmp_path: Path) -> None:
    data = _made("classic")
    no_trailer = data[: data.rindex(b"xref\n0")]
    kids = re.sub(rb"/Kids \[ \d 0 R", b"/Kids [ 0 0 R", data)

    repaired = _contents(tmp_path, no_trailer)
    assert repaired.pages == PAGES
    assert repaired.warnings == ("repaired by qpdf: no cross-reference table, no trailer",)

    broken = _contents(tmp_path, kids, doubtful=False)
    assert broken.pages == PAGES
    assert broken.warnings == ("repaired: a broken page tree (4 of 4 pages found)",)

    gone = _contents(tmp_path, kids.replace(b"/Type /Page ", b"/Type /Pagx ", 1), doubtful=False)
    assert gone.pages == PAGES - 1
    assert "a broken page tree (3 of 4 pages found)" in gone.warnings[0]


def test_an_encrypted_pdf_is_repaired_with_its_password(tmp_path: Path) -> None:
    lock = pikepdf.Encryption(owner="owner", user="user")
    data = _made("classic", encryption=lock)
    broken = data.replace(b"0000000", b"0000099")

    found = _contents(tmp_path, broken, False, "user")
    assert found.pages == PAGES
    assert [w.split(":")[0] for w in found.warnings] == [
        "x.pdf is encrypted; opened with a password of pdf.passwords"
    ] or any("repaired" in w for w in found.warnings)
    with pytest.raises(Encrypted):
        _contents(tmp_path, broken, False, "another")


def test_an_encrypted_pdf_without_its_trailer_is_not_read_as_empty(tmp_path: Path) -> None:
    data = _made("classic", encryption=pikepdf.Encryption(owner="owner", user=""))

    with pytest.raises(Damaged, match="encrypted"):
        _contents(tmp_path, data[: data.rindex(b"trailer")])


def test_the_error_for_an_irreparable_pdf_lists_the_attempts(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"^x\.pdf: the PDF can't be opened, nor repaired .* again$"):
        _contents(tmp_path, b"%PDF-1.7\n" + b"nothing of a document\n" * 50)


def test_a_failed_read_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes((CASES / "no-trailer.pdf").read_bytes())
    read = InputFile.readall

    def failing(self: InputFile) -> bytes:
        monkeypatch.setattr(InputFile, "readall", read)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(InputFile, "readall", failing)

    with pytest.raises(OSError, match="Input/output error"):
        contents(ContentsRequest(os.fsencode(path), 10, 10_000_000))
    assert contents(ContentsRequest(os.fsencode(path), 10, 10_000_000)).pages == 1


def test_a_repaired_copy_serves_all_pages_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pdf"
    data = _made("classic")
    path.write_bytes(data[: data.rindex(b"xref\n0")])
    repairs = []
    real = repair._repair

    def counting(*given: Any) -> repair.Repaired:
        repairs.append(given[0])
        return real(*given)

    monkeypatch.setattr(repair, "_repair", counting)
    contents(ContentsRequest(os.fsencode(path), 10, 10_000_000))

    for index in range(PAGES):
        open_page(
            PageRequest(os.fsencode(path), index, "null", ("en",), 72, False, "auto", 10_000_000)
        )
    assert len(repairs) == 1

    path.write_bytes(data[: data.rindex(b"xref\n0")] + b"\n")
    os.utime(path, ns=(1, 1))
    contents(ContentsRequest(os.fsencode(path), 10, 10_000_000))
    assert len(repairs) == 2


@pytest.mark.parametrize(
    "name", ["eof-cut.pdf", "junk-after-eof.pdf", "no-header.pdf", "no-trailer.pdf"]
)
def test_the_pdf_of_a_public_bug_report_is_read(name: str) -> None:
    path = CASES / name
    data = path.read_bytes()
    doubtful = isinstance(_verdict(data), PossiblyIncomplete)

    found = contents(ContentsRequest(os.fsencode(path), 10, 10_000_000, (), doubtful=doubtful))

    assert found.pages == 1
    assert doubtful or found.warnings


def _lost_kid(data: bytes) -> bytes:
    """Let the first page of the tree be an object that is not there, with a number of the same length."""
    kids = re.search(rb"/Kids\s*\[\s*(\d+)", data)
    assert kids
    return data[: kids.start(1)] + b"9" * len(kids[1]) + data[kids.end(1) :]


def _lost_root(data: bytes) -> bytes:
    root = re.search(rb"/Pages\s+(\d+)", data)
    assert root
    return data[: root.start(1)] + b"9" * len(root[1]) + data[root.end(1) :]


@pytest.mark.parametrize("kind", ["pillow", "classic", "linearized"])
@pytest.mark.parametrize(
    "spoil",
    [_lost_kid, _lost_root, lambda data: data.replace(b"/Kids", b"/Kidz")],
    ids=["a page", "its root", "its list"],
)
def test_pages_are_found_without_the_tree_that_lost_them(
    tmp_path: Path, kind: str, spoil: Any
) -> None:
    sizes = [(700 + 10 * n, 140) for n in range(PAGES)]
    pages = [image.resize(size) for image, size in zip(numbered(PAGES), sizes, strict=True)]
    data = encoded("pdf", pages)
    if kind != "pillow":
        with pikepdf.open(io.BytesIO(data)) as pdf:
            out = io.BytesIO()
            mode = pikepdf.ObjectStreamMode.disable
            pdf.save(out, object_stream_mode=mode, linearize=kind == "linearized")
        data = out.getvalue()
    found = _contents(tmp_path, spoil(data), doubtful=False)

    assert found.pages == PAGES
    assert f"repaired: a broken page tree ({PAGES} of {PAGES} pages found)" in found.warnings
    with open_pdf(str(tmp_path / "x.pdf"), ()) as (opened, _):
        widths = [round(page.get_width() * 150 / 72) for page in opened]
    expected = [width for width, _ in sizes]
    assert widths == expected if kind != "linearized" else sorted(widths) == expected


def test_a_blank_page_of_the_usual_size_is_no_damage(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(612, 792))
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)

    assert _contents(tmp_path, out.getvalue(), doubtful=False).warnings == ()
