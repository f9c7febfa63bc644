"""RapidOCR (PP-OCR models, run by OpenVINO): the embedded default.

Its detector and recogniser are used by themselves: the detector works on a page scaled to its text's height
(``detect``), the recogniser on crops of the full resolution; the classifier that turns single lines upside
down is left out (the page's direction is found in ``orient``). Word spaces that the recogniser saw but did
not write are put back from its own probabilities.
"""

import functools
import importlib.metadata
import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from rapidocr import RapidOCR
from rapidocr.utils.typings import EngineType

from scanmend.errors import EngineUnusable
from scanmend.ocr import detection
from scanmend.ocr.detection import Array, as_bgr, bounds, crop
from scanmend.ocr.engines import rapid_runtime
from scanmend.ocr.engines.base import Reading, Segment, Upright
from scanmend.page import Box, CharAlternatives, EngineInfo

# what the recogniser in the wheel (PP-OCRv6 small) knows: Chinese, Japanese and the Latin alphabets;
# not Vietnamese, of which it lists the language but lacks two letters in three
LANGUAGES = frozenset(
    "af az bs ca cs cy da de en es et eu fi fr ga gl hr hu id is it ja ku la lb lt lv mi ms mt nl no oc "  # noqa: SIM905
    "pl pt qu rm ro rs sk sl sq sr sv sw tl tr uz zh".split()
)
LINE = 0.3  # middling probability of text in what is taken for a line; with rapidocr's 0.5, footers are lost
ROW = 48  # pixels: the height of a line as the recogniser wants it
BATCH = 6
LEAST_WIDTH = 320  # pixels of a line ROW high, what is narrower is filled up
WIDTHS = 64  # in these steps: for each new size the runtime keeps memory
# Characters read with a lower probability are marked as unsure. On typed pages and receipts, 93 % and 82 % of the
# misread characters lie below it, and 1 % and 5 % of those read right (tests/bench/quality.py).
SURE = 0.99
FAINT, ALIKE = (
    0.01,
    4,
)  # the probability from which what may stand in a place is told, and how much of it
LEAST_SCORE = 0.6  # a line below is noise, a picture or a stain
# probability of a space between two characters from which it is written: within a word or a number the
# recogniser must be surer than beside capitals, brackets and signs
SPACE, SPACE_WITHIN = 0.05, 0.2
STEP = 8  # pixels of a crop ROW high that one step in time of the recogniser stands for


@dataclass(frozen=True, slots=True)
class Recognised:
    """One line as recognised."""

    text: str
    confidence: float
    unsure: tuple[int, ...] = ()  # offsets of characters
    spaces: tuple[tuple[float, float], ...] = ()  # middle and width of each, as shares of the crop
    doubts: tuple[CharAlternatives, ...] = ()


@functools.cache
def _models() -> tuple[Any, Any]:
    """Detector and recogniser, loaded once a process."""
    threads = int(os.environ.get("SCANMEND_THREADS", "1"))
    cv2.setNumThreads(threads)
    rapid_runtime.prepare()
    engine = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Det.engine_type": EngineType.OPENVINO,
            "Rec.engine_type": EngineType.OPENVINO,
            "EngineConfig.openvino.inference_num_threads": threads,
            "EngineConfig.openvino.num_streams": 1,
            "EngineConfig.openvino.enable_cpu_pinning": False,  # else each worker would sit on the same core
            "Det.limit_type": "max",
            "Det.limit_side_len": detection.MOST_SIDE,
            "Det.box_thresh": LINE,
        }
    )
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    # not the public call, which runs both on one scale
    both = engine._load_det_model(), engine._load_rec_model()  # noqa: SLF001
    for model in both:
        model.session = rapid_runtime.Watched(model.session)
    return both


class Rapid:
    """The engine; one instance in one child."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """EngineUnusable when a language is none of the model's."""
        unknown = [code for code in languages if code.split("-")[0] not in LANGUAGES]
        if unknown:
            raise EngineUnusable(
                f"ocr.languages: rapidocr does not read {', '.join(unknown)}; use engine tesseract for these,"
                f" or choose from: {' '.join(sorted(LANGUAGES))}"
            )
        self._languages = languages
        self._detector, self._recogniser = _models()
        self._characters: list[str] = self._recogniser.postprocess_op.character

    def info(self) -> EngineInfo:
        """Name, version, languages and settings."""
        return EngineInfo(
            "rapidocr",
            importlib.metadata.version("rapidocr"),
            self._languages,
            {
                "model": "PP-OCRv6 small",
                "runtime": f"openvino {importlib.metadata.version('openvino')}",
                "detect_side": detection.MOST_SIDE,
                "detect_height": detection.TEXT_HEIGHT,
                "line": LINE,
                "least_score": LEAST_SCORE,
                "sure": SURE,
                "space": SPACE,
                "space_within": SPACE_WITHIN,
            },
        )

    def read(self, page: Upright) -> Reading:
        """Read an upright page."""
        pixels = as_bgr(page.image)
        first = self.look(pixels) if page.lines is None else page.lines
        quads = detection.lines(self._detector, pixels, first)
        lines = self.recognise([crop(pixels, quad) for quad in quads])
        return Reading(
            tuple(
                _segment(line, bounds(quad))
                for quad, line in zip(quads, lines, strict=True)
                if line.text and line.confidence >= LEAST_SCORE
            )
        )

    def look(self, pixels: Array) -> list[Array]:
        """Most lines of a page (BGR) as quadrangles, found in a small picture of it."""
        return detection.look(self._detector, pixels)

    def recognise(self, crops: Sequence[Array]) -> list[Recognised]:
        """The text of each line image; similar widths go through together."""
        order = sorted(range(len(crops)), key=lambda i: crops[i].shape[1] / crops[i].shape[0])
        results: dict[int, Recognised] = {}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            ratio = max(crops[i].shape[1] / crops[i].shape[0] for i in chosen)
            ratio = max(LEAST_WIDTH, math.ceil(ROW * ratio / WIDTHS) * WIDTHS) / ROW
            batch = np.stack([self._recogniser.resize_norm_img(crops[i], ratio) for i in chosen])
            for i, probabilities in zip(
                chosen, self._recogniser.session(batch.astype(np.float32)), strict=True
            ):
                results[i] = self._decode(
                    probabilities, ROW * crops[i].shape[1] / crops[i].shape[0]
                )
        return [results[i] for i in range(len(crops))]

    def _decode(self, probabilities: Array, width: float) -> Recognised:
        """Greedy CTC decoding (Graves et al. 2006), with the spaces that were nearly written.

        ``probabilities``: time × characters; 0 is the blank, the last character the space. ``width``: of the
        crop in pixels, when it is ROW high.
        """
        best = probabilities.argmax(axis=1)
        likely = probabilities[:, len(self._characters) - 1]
        text: list[str] = []
        times: list[int] = []  # of the characters
        sure: list[float] = []
        unsure: list[int] = []
        spaces: list[tuple[float, float]] = []
        last = 0  # the time of the last character
        for time in range(len(best)):
            token = best[time]
            if token == 0 or (time and token == best[time - 1]):
                continue
            character = self._characters[token]
            sure.append(float(probabilities[time, token]))
            if character.isspace():
                continue
            space = likely[last + 1 : time]
            if text and space.max(initial=0.0) >= _needed(text[-1], character):
                text.append(" ")
                times.append(last + 1 + int(space.argmax()))
                spaces.append(((last + time + 1) / 2 * STEP / width, (time - last) * STEP / width))
            if probabilities[time, token] < SURE:
                unsure.append(len(text))
            text.append(character)
            times.append(time)
            last = time
        confidence = float(np.mean(sure)) if sure else 0.0
        doubts = self._doubts(probabilities, "".join(text), times)
        return Recognised("".join(text), confidence, tuple(unsure), tuple(spaces), doubts)

    def _doubts(
        self, probabilities: Array, text: str, times: Sequence[int]
    ) -> tuple[CharAlternatives, ...]:
        """What else may be there. ``times``: of the characters of the text."""
        found = []
        last = -1
        for place, time in enumerate([*times, len(probabilities)]):
            around = ("", text[place - 1 : place], text[place : place + 1])
            for between in range(last + 1, time):
                step = self._step(probabilities[between])
                if any(p > 1 - SURE for c, p in step.items() if c not in around):
                    found.append(CharAlternatives(place, _told(step), between=True))
            if place < len(text):
                step = self._step(probabilities[time])
                if step.get(text[place], 0.0) < SURE:
                    found.append(CharAlternatives(place, _told(step)))
            last = time
        return tuple(found)

    def _step(self, probabilities: Array) -> dict[str, float]:
        """The likeliest characters at one time, and "" for none."""
        there = np.nonzero(probabilities >= FAINT)[0]
        likeliest = sorted(there, key=lambda token: -probabilities[token])[:ALIKE]
        return {
            self._characters[token] if token else "": float(probabilities[token])
            for token in likeliest
        }


def _told(step: dict[str, float]) -> dict[str, float]:
    return {character: round(probability, 3) for character, probability in step.items()}


def _needed(before: str, after: str) -> float:
    """From which probability a space is written between two characters."""
    word = before.islower() and after.islower()
    number = all(c.isdigit() or c in ".," for c in before + after)
    return SPACE_WITHIN if word or number else SPACE


def _segment(line: Recognised, box: Box) -> Segment:
    spaces = tuple((box.x0 + at * box.width, wide * box.width) for at, wide in line.spaces)
    return Segment(line.text, box, line.confidence, line.unsure, spaces, line.doubts)
