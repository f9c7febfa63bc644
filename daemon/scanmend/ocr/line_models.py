"""Find and recognise lines of text with RapidOCR's two models (PP-OCR, run by OpenVINO).

Whatever engine reads the pages, these models find out which way up a page lies and whether a PDF's text layer agrees
with its page, since the other engines can't recognise single lines quickly. A process loads them once, at their first
use. Importing and loading them takes 2 s and 150 MB (2 cores, OpenVINO 2026.4); a child that reads unrotated pictures
with another engine never loads them.

This module decodes the recogniser's probabilities itself, to get the unsure characters, their alternatives, and the
spaces that were nearly read.
"""

import functools
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr import detection, rapidocr_internals
from scanmend.ocr.detection import Quad
from scanmend.ocr.long_lines import RecognisedLine, joined_line, parts_of, skipped_ink
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.word_spaces import without_torn_capitals
from scanmend.page import CharAlternatives

# mean probability of text from which the detector reports a line; with rapidocr's 0.5, footers are lost
MIN_LINE_PROBABILITY = 0.3
CROP_HEIGHT_PX = 48  # of a line, as the recogniser needs it
BATCH_LINES = 6  # lines that are recognised at a time
MIN_CROP_WIDTH_PX = 320  # at that height; a narrower crop is padded
CROP_WIDTH_STEP_PX = 64  # widths are multiples of it: OpenVINO needs memory for each new size
RECOGNISER_STEP_PX = 8  # width of a crop that one step of the recogniser covers
# A character of a lower probability is unsure: on typed pages and receipts, these are 93 % and 82 % of the misread
# characters, and 1 % and 5 % of those that were read correctly (tests/bench/quality.py).
SURE_OF_CHARACTER = 0.99
# probability and number of the alternatives that are reported for a character
MIN_ALTERNATIVE, MAX_ALTERNATIVES = 0.01, 4
# Probability from which a space between two characters counts. Within a word or a number, the recogniser must be surer
# than beside capitals, brackets and other characters.
MIN_SPACE_PROBABILITY, MIN_SPACE_PROBABILITY_WITHIN = 0.05, 0.2

# (steps, characters) float32; character 0 is the CTC blank, the last one the space
Probabilities = NDArray[Any]


class LineModels:
    """The detector and the recogniser, loaded at their first use and shared within the process."""

    def load(self) -> None:
        """Load the models now. Raise EngineUnusable."""
        _models()

    def find_lines(self, pixels: Pixels) -> list[Quad]:
        """Return most lines of a page, found quickly in a small copy of it."""
        return detection.coarse_lines(_models().detector, pixels)

    def find_all_lines(self, pixels: Pixels, coarse: Sequence[Quad]) -> list[Quad]:
        """Return all lines of a page. ``coarse``: the result of ``find_lines`` for it."""
        return detection.all_lines(_models().detector, pixels, coarse)

    def find_lines_at(self, pixels: Pixels, scale: float) -> list[Quad]:
        """Return the lines of a part of a page that are found at this scale, in pixels of the part."""
        return detection.lines_at_scale(_models().detector, pixels, scale)

    def recognise(self, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        """Return the text of each line, given as a picture (BGR)."""
        parts = [parts_of(crop) for crop in crops]
        read = iter(self._recognise([part.pixels for line in parts for part in line]))
        lines = [
            joined_line(line, [next(read) for _ in line]) if len(line) > 1 else next(read)
            for line in parts
        ]
        return [
            replace(line, skipped=skipped_ink(crop, line.places))
            for line, crop in zip(lines, crops, strict=True)
        ]

    def _recognise(self, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        """Return the text of each crop. Recognise crops of similar width together."""
        models = _models()
        order = sorted(range(len(crops)), key=lambda i: crops[i].shape[1] / crops[i].shape[0])
        results: dict[int, RecognisedLine] = {}
        for start in range(0, len(order), BATCH_LINES):
            chosen = order[start : start + BATCH_LINES]
            widest = CROP_HEIGHT_PX * max(crops[i].shape[1] / crops[i].shape[0] for i in chosen)
            padded = math.ceil(widest / CROP_WIDTH_STEP_PX) * CROP_WIDTH_STEP_PX
            ratio = max(MIN_CROP_WIDTH_PX, padded) / CROP_HEIGHT_PX
            outputs = models.probabilities([crops[i] for i in chosen], ratio)
            for i, probabilities in zip(chosen, outputs, strict=True):
                width = CROP_HEIGHT_PX * crops[i].shape[1] / crops[i].shape[0]
                line = decode(probabilities, models.characters, width)
                results[i] = without_torn_capitals(line, crops[i])
        return [results[i] for i in range(len(crops))]


@functools.cache
def _models() -> rapidocr_internals.Models:
    """Return the models of this process."""
    threads = int(os.environ.get("SCANMEND_THREADS", "1"))
    cv2.setNumThreads(threads)
    return rapidocr_internals.load(threads, detection.MAX_FINE_SIDE_PX, MIN_LINE_PROBABILITY)


# decoding -----------------------------------------------------------------------------------------


def decode(probabilities: Probabilities, alphabet: Sequence[str], width: float) -> RecognisedLine:
    """Return the line by greedy CTC decoding (Graves et al. 2006), with the spaces that were nearly read.

    ``alphabet``: the characters of ``probabilities``. ``width``: of the crop in pixels, at ``CROP_HEIGHT_PX``.
    """
    best = probabilities.argmax(axis=1)
    of_space = probabilities[:, len(alphabet) - 1]
    text: list[str] = []
    steps: list[int] = []  # of the characters of the text
    confidences: list[float] = []
    unsure: list[int] = []
    spaces: list[tuple[float, float]] = []
    last = 0  # step of the last character
    for step in range(len(best)):
        token = best[step]
        if token == 0 or (step and token == best[step - 1]):
            continue
        character = alphabet[token]
        confidences.append(float(probabilities[step, token]))
        if character.isspace():
            continue
        between = of_space[last + 1 : step]
        if text and between.max(initial=0.0) >= _needed_for_space(text[-1], character):
            text.append(" ")
            steps.append(last + 1 + int(between.argmax()))
            middle = (last + step + 1) / 2 * RECOGNISER_STEP_PX / width
            spaces.append((middle, (step - last) * RECOGNISER_STEP_PX / width))
        if probabilities[step, token] < SURE_OF_CHARACTER:
            unsure.append(len(text))
        text.append(character)
        steps.append(step)
        last = step
    confidence = float(np.mean(confidences)) if confidences else 0.0
    line = "".join(text)
    doubts = _doubts(probabilities, alphabet, line, steps)
    places = tuple(
        (step + 0.5) * RECOGNISER_STEP_PX / width
        for character, step in zip(line, steps, strict=True)
        if character != " "
    )
    return RecognisedLine(line, confidence, tuple(unsure), tuple(spaces), doubts, places)


def _doubts(
    probabilities: Probabilities, alphabet: Sequence[str], text: str, steps: Sequence[int]
) -> tuple[CharAlternatives, ...]:
    """Return the alternatives to the text. ``steps``: the recogniser's step of each character."""
    doubts = []
    last = -1
    for position, step in enumerate([*steps, len(probabilities)]):
        expected = ("", text[position - 1 : position], text[position : position + 1])
        for between in range(last + 1, step):
            likeliest = _likeliest(probabilities[between], alphabet)
            if any(p > 1 - SURE_OF_CHARACTER for c, p in likeliest.items() if c not in expected):
                doubts.append(CharAlternatives(position, _rounded(likeliest), between=True))
        if position < len(text):
            likeliest = _likeliest(probabilities[step], alphabet)
            if likeliest.get(text[position], 0.0) < SURE_OF_CHARACTER:
                doubts.append(CharAlternatives(position, _rounded(likeliest)))
        last = step
    return tuple(doubts)


def _likeliest(probabilities: NDArray[Any], alphabet: Sequence[str]) -> dict[str, float]:
    """Return the likeliest characters of one step with their probabilities; "" is the blank."""
    possible: list[int] = np.nonzero(probabilities >= MIN_ALTERNATIVE)[0].tolist()
    tokens = sorted(possible, key=lambda token: -probabilities[token])[:MAX_ALTERNATIVES]
    return {alphabet[token] if token else "": float(probabilities[token]) for token in tokens}


def _rounded(likeliest: dict[str, float]) -> dict[str, float]:
    return {character: round(probability, 3) for character, probability in likeliest.items()}


def _needed_for_space(before: str, after: str) -> float:
    """Return the probability from which a space counts between two characters."""
    word = before.islower() and after.islower()
    number = all(c.isdigit() or c in ".," for c in before + after)
    return MIN_SPACE_PROBABILITY_WITHIN if word or number else MIN_SPACE_PROBABILITY
