"""Test that it is the machine's fault, not the file's, if a share goes away while a page is read."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hostile.made import encoded
from scanmend.errors import FolderGone, machine_error
from scanmend.ocr import pages, pictures
from scanmend.ocr.pdf import qpdf
from scanmend.workers.protocol import PageRequest
from shares.samba import Mount, Samba, impossible, mounted, samba

WHY_NOT = impossible()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture
def share(tmp_path: Path) -> Iterator[tuple[Samba, Mount]]:
    with (
        samba(tmp_path / "server", tmp_path / "share") as server,
        mounted(server, tmp_path / "mount") as mount,
    ):
        yield server, mount


def _noise() -> Image.Image:
    """Return a picture that has 4 MB in any format, which exceeds every reader's read-ahead."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (2000, 2000), dtype=np.uint8))


HOW: dict[str, dict[str, Any]] = {
    "pdf": {"quality": 95},
    "tiff": {"compression": "tiff_lzw"},
    "jpeg": {"quality": 100},
    **{kind: {} for kind in ("png", "bmp", "gif", "jpeg2000")},
}


@pytest.mark.parametrize("kind", HOW)
def test_a_share_that_goes_away_in_the_middle_of_a_page_is_the_machines_fault(
    share: tuple[Samba, Mount], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server, mount = share
    (server.share / f"page.{kind}").write_bytes(encoded(kind.upper(), _noise(), **HOW[kind]))
    request = PageRequest(
        os.fsencode(mount.place / f"page.{kind}"),
        index=0,
        engine="rapidocr",
        languages=("en",),
        dpi=150,
        rotate=True,
        pdf_text="auto",
        max_pixels=50_000_000,
    )
    away: list[bool] = []

    def first(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            if not away:
                away.append(True)
                mount.signal(signal.SIGKILL)
            return step(*given)

        return call

    # the picture of a PDF is not read until later
    monkeypatch.setattr(qpdf, "has_shown_annotations", first(qpdf.has_shown_annotations))
    monkeypatch.setattr(pictures, "check_pixels", first(pictures.check_pixels))

    with pytest.raises(OSError, match=r"Errno") as caught:
        pages.open_page(request)

    assert away
    assert isinstance(machine_error(caught.value, "reading"), FolderGone)
