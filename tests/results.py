"""A document of two pages with every kind of event that a result can report."""

import json

from scanmend.document import Document, State
from scanmend.page import (
    Bound,
    Box,
    CharAlternatives,
    Correction,
    CorrectionStatus,
    Edit,
    EngineInfo,
    Hidden,
    HiddenReason,
    Hyphenated,
    Line,
    ModelInfo,
    PageResult,
    PageText,
    Suspect,
    TextSource,
)

DOCUMENT = Document(
    id=7,
    path=b"desk/caf\xe9.pdf",
    size=1234,
    mtime_ns=1700000000123456789,
    inode=5,
    sha256="ef" * 32,
    profile="financial",
    media_type="application/pdf",
    pages=2,
    state=State.PUBLISHING,
    reason="why",
    since=1700000001.5,
    first_seen=1700000000.25,
    outcome="",
    stem="caf_",
    put_away=None,
    kept=0,
    warnings='["odd end"]',
    parent=3,
    part=0,
    part_of=json.dumps(
        {
            "path_percent": "desk/mail%FF.pdf",
            "sha256": "12" * 32,
            "attachment": "café.pdf",
            "ancestors": ["34" * 32],
            "room_parts": 5,
            "room_bytes": 6,
        }
    ),
)

_RECOGNISED = Line(
    text="Tota1 12,50",
    box=Box(x0=1.26, y0=2, x1=30.04, y1=4),
    confidence=0.912345,
    block=0,
    unsure=(4,),
    doubts=(CharAlternatives(at=4, saw={"1": 0.6, "l": 0.4}),),
)
_DRAWN = Line(
    text="drawn “ß”",
    box=Box(x0=1, y0=5, x1=30, y1=9),
    confidence=None,
    block=1,
    source=TextSource.DRAWN,
)
FIRST = PageResult(
    page=PageText(
        index=0,
        width=100,
        height=200,
        dpi=300.0,
        rotation=90,
        lines=(_RECOGNISED, _DRAWN),
        engine=EngineInfo(
            name="rapidocr", version="3.1", languages=("en", "de"), settings={"dpi": 300}
        ),
        source=TextSource.MIXED,
        truncated=True,
        seconds={"render": 0.12345, "ocr": 1.5},
        warnings=("a warning",),
        hidden=(Hidden(text="white", box=Box(x0=0, y0=0, x1=1, y1=1), reason=HiddenReason.UNSEEN),),
        unread=(Box(x0=3.26, y0=150, x1=40.04, y1=160), Box(x0=60, y0=150, x1=90, y1=160)),
    ),
    lines=("Total 12,50", "drawn “ß”"),
    edits=(
        Edit(
            line=0,
            start=4,
            before="1",
            after="l",
            accepted=True,
            rule="accepted-word",
            margin=2.345,
        ),
        Edit(line=0, start=6, before="2", after="3", accepted=False, rule="digits", margin=None),
    ),
    correction=Correction(
        status=CorrectionStatus.DONE,
        reason="",
        model=ModelInfo(
            name="corrector.gguf",
            sha256="ab" * 32,
            quantization="Q8_0",
            gpu_layers=0,
            context=512,
            device="cpu: no GPU",
        ),
        profile="financial",
        prompt_sha256="cd" * 32,
        tokens=12,
        seconds=0.5,
        bound=Bound.TOKENS,
        calls=3,
        method="guided",
    ),
    suspects=(Suspect(line=0, start=6, text="12,50", kind="iban", reason="its check digits"),),
    hyphenated=(Hyphenated(line=0, printed=("Tota1", "x"), joined="Tota1x"),),
)
SECOND = PageResult(
    page=PageText(
        index=1,
        width=10,
        height=10,
        dpi=150.0,
        rotation=0,
        lines=(),
        engine=EngineInfo(name="pdf-text", version="5.1"),
    ),
    lines=(),
    edits=(),
    correction=Correction(
        status=CorrectionStatus.NOTHING, reason="no text on the page", profile="financial"
    ),
)
