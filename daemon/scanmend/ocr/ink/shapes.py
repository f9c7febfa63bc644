"""Find the connected shapes of a page's ink, dark on light and light on dark."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# side of the square whose mean is the paper's brightness around a pixel, in pixels
PAPER_PX = 31
# grey levels by which ink differs from the paper around it: on clean paper, and on the noisiest
MIN_INK_CONTRAST, MAX_NEEDED_CONTRAST = 10, 20
NOISE_MULTIPLE = 6.0  # of the median difference from the paper, that ink has
# share of the strongest contrast nearby that ink has, too; less is the fringe of a compressed picture
MIN_CONTRAST_SHARE = 0.3
NOISE_STEP = 5  # pixels between two at which the noise is measured
NEARBY_REDUCTION = 8  # of the picture in which the strongest contrast nearby is found
# grey level of the surroundings below which light ink is possible
MAX_DARK_PAPER = 150
MAX_SHAPES = 60_000  # per picture: one with more is noise, and its smallest shapes are left out

Grey = NDArray[np.uint8]  # (height, width)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Connected shapes of ink, as arrays of one entry for each: bounds in pixels (right and bottom exclusive).

    ``area``: pixels of ink. ``light``: the ink is lighter than the paper.
    """

    left: NDArray[np.int32]
    top: NDArray[np.int32]
    right: NDArray[np.int32]
    bottom: NDArray[np.int32]
    area: NDArray[np.int32]
    light: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.left)

    @property
    def bounds(self) -> tuple[NDArray[np.int32], ...]:
        """Return left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> NDArray[np.int32]:
        """Return the widths in pixels."""
        return self.right - self.left

    @property
    def height(self) -> NDArray[np.int32]:
        """Return the heights in pixels."""
        return self.bottom - self.top

    def chosen(self, which: NDArray[Any]) -> "Shapes":
        """Return the shapes of these indices, or where this mask is true."""
        return Shapes(
            self.left[which],
            self.top[which],
            self.right[which],
            self.bottom[which],
            self.area[which],
            self.light[which],
        )


def ink_of(grey: Grey) -> tuple[Grey, Grey | None]:
    """Return masks (0 or 255) of the ink that is darker than its surroundings, and of the ink that is lighter.

    The second is None if no part of the picture is dark.
    """
    paper = cv2.blur(grey, (PAPER_PX, PAPER_PX))
    noise = float(np.median(cv2.absdiff(paper, grey)[::NOISE_STEP, ::NOISE_STEP]))
    needed = min(MAX_NEEDED_CONTRAST, max(MIN_INK_CONTRAST, round(NOISE_MULTIPLE * noise)))
    dark = _contrasting(cv2.subtract(paper, grey), needed)
    small = (
        cv2.resize(paper, None, fx=1 / PAPER_PX, fy=1 / PAPER_PX)
        if grey.size > PAPER_PX**2
        else paper
    )
    if int(small.min()) > MAX_DARK_PAPER:
        return dark, None
    light = _contrasting(cv2.subtract(grey, paper), MAX_NEEDED_CONTRAST)
    light[paper > MAX_DARK_PAPER] = 0
    return dark, light


def _contrasting(contrast: NDArray[Any], least: int) -> Grey:
    """Return where the contrast is that of ink: ``least`` grey levels, and not much less than the strongest nearby."""
    height, width = contrast.shape
    step = NEARBY_REDUCTION
    rows, columns = -(-height // step), -(-width // step)
    padded = cv2.copyMakeBorder(
        contrast, 0, rows * step - height, 0, columns * step - width, cv2.BORDER_CONSTANT
    )
    strongest = padded.reshape(rows, step, columns, step).max(axis=(1, 3))
    strongest = cv2.dilate(strongest, np.ones((3, 3), np.uint8))
    needed = np.maximum(least, strongest * MIN_CONTRAST_SHARE).astype(np.uint8)
    needed = cv2.resize(needed, (columns * step, rows * step), interpolation=cv2.INTER_NEAREST)[
        :height, :width
    ]
    mask: Grey = cv2.compare(contrast, needed, cv2.CMP_GT)
    return mask


def shapes_of(dark: Grey, light: Grey | None) -> Shapes:
    """Return the shapes of ink in two masks, in no order."""
    found = []
    for mask, is_light in ((dark, False), (light, True)):
        if mask is None:
            continue
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        stats = stats[1:count]
        if len(stats) > MAX_SHAPES:
            stats = stats[np.argpartition(-stats[:, cv2.CC_STAT_AREA], MAX_SHAPES)[:MAX_SHAPES]]
        left, top, width, height, area = stats.T
        lights = np.full(len(left), is_light)
        found.append((left, top, left + width, top + height, area, lights))
    return Shapes(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
