"""Read the colours of a PNG or JPEG 2000 of more than 8 bits again by OpenCV, if the 8 bits that Pillow keeps are too dark.

Pillow keeps the upper 8 of 16 bits. In a picture whose program used only 10 or 12 of them, the page is in the lower ones.
"""

import cv2
import numpy as np
from PIL import Image

from scanmend.ocr.tones import as_picture

MAX_DARK_LEVEL = 63  # of a picture that uses at most 14 of 16 bits
_DEEP_FORMATS = ("PNG", "JPEG2000")  # Pillow's names


def may_be_deeper(image: Image.Image) -> bool:
    """Return whether a decoded picture is so dark that its file may have more bits than Pillow keeps."""
    if image.format not in _DEEP_FORMATS or image.mode not in ("RGB", "RGBA"):
        return False
    lightest = [high for _, high in image.convert("RGB").getextrema()]  # type: ignore[misc]
    return 0 < max(lightest) <= MAX_DARK_LEVEL


def deeper(data: bytes) -> Image.Image | None:
    """Return the picture in this file in the range of its own samples; None if it has 8 bits, or is transparent."""
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if samples is None or samples.dtype != np.uint16 or samples.ndim != 3:
        return None
    if samples.shape[2] == 4:
        if samples[:, :, 3].min() < samples[:, :, 3].max():
            return None
        samples = samples[:, :, :3]
    return as_picture(np.ascontiguousarray(samples[:, :, ::-1]))
