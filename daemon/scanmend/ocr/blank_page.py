"""Find out whether a page is blank: paper with noise, shadows and dust is, faint grey text on grey paper is not."""

import cv2
import numpy as np
from PIL import Image

# a page of this contrast in grey levels, and with this share of dark pixels, has ink: no need to search for it
CLEAR_CONTRAST = 64
CLEAR_INK_SHARE = 0.003, 0.35
BLANK_SEARCH_SIDE_PX = 1500  # shorter side of the picture that is searched: larger ones are reduced
PAPER_SCALE = 8  # by which the picture is reduced to find the grey of the paper around each place
PAPER_WINDOW = 9  # pixels of the reduced picture, odd
MIN_DIFFERENCE = 1.2  # grey levels between ink and paper, in means of 3 × 3 pixels
NOISE_FACTOR = 4.0  # standard deviations of the noise that ink differs from paper
DEVIATION_OF_MEDIAN = 1.4826  # standard deviation over median absolute deviation, of normal noise
# longer side, widened by the means, and area of the smallest letter; dust and the clusters of noise are smaller
MIN_LETTER_PX, MIN_LETTER_AREA = 9, 16


def is_blank(image: Image.Image) -> bool:
    """Return whether a page (L or RGB) is blank."""
    grey = image.convert("L")
    if _has_clear_ink(grey) or _has_letters(np.asarray(grey)):
        return False
    # red text on green paper may have its grey
    bands = image.split() if image.mode == "RGB" else ()
    return not any(_has_letters(np.asarray(band)) for band in bands)


def _has_clear_ink(grey: Image.Image) -> bool:
    counts = grey.histogram()
    levels = [level for level, count in enumerate(counts) if count]
    if levels[-1] - levels[0] < CLEAR_CONTRAST:
        return False
    share = sum(counts[: (levels[0] + levels[-1]) // 2]) / (grey.width * grey.height)
    least, most = CLEAR_INK_SHARE
    return least < share < most


def _has_letters(grey: np.ndarray) -> bool:
    """Return whether something as large as a letter differs from the paper around it by more than the noise."""
    scale = BLANK_SEARCH_SIDE_PX / min(grey.shape)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = grey.shape
    reduced = (max(1, width // PAPER_SCALE), max(1, height // PAPER_SCALE))
    paper = cv2.medianBlur(cv2.resize(grey, reduced, interpolation=cv2.INTER_AREA), PAPER_WINDOW)
    paper = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    difference = np.abs(cv2.blur(grey.astype(np.float32), (3, 3)) - paper)
    noise = DEVIATION_OF_MEDIAN * float(np.median(difference))
    ink = (difference > max(MIN_DIFFERENCE, NOISE_FACTOR * noise)).astype(np.uint8)
    _, _, shapes, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    letters = shapes[1:]  # the first is the paper
    sides = letters[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    return bool(
        ((sides >= MIN_LETTER_PX) & (letters[:, cv2.CC_STAT_AREA] >= MIN_LETTER_AREA)).any()
    )
