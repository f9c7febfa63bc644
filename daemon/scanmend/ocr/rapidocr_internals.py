"""All uses of RapidOCR beyond its public interface, in one place.

RapidOCR's public call runs detector and recogniser at one scale, turns lines upside down, and drops the recogniser's
probabilities. scanmend needs each model by itself, and three changes to OpenVINO for which RapidOCR has no setting. All
of this may change with any version, so ``load`` refuses versions with which it was not tested. pyproject.toml must
allow only those (``rapidocr>=3.10,<3.11``).
"""

import importlib.metadata
import logging
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.utils.process_img import get_rotate_crop_image
from rapidocr.utils.typings import EngineType

from scanmend.errors import EngineUnusable

__all__ = ["CheckedSession", "Models", "Pixels", "get_rotate_crop_image", "load"]

# the beginning of the versions of rapidocr with which this module was tested
TESTED_VERSIONS = "3.10."

Pixels = NDArray[Any]  # (height, width, 3) uint8, BGR


@dataclass(frozen=True, slots=True)
class Models:
    """RapidOCR's detector and recogniser, and the recogniser's alphabet.

    ``detector(pixels)`` returns an object whose ``boxes`` are quadrangles or None. ``characters``: index 0 is the CTC
    blank, the last one the space.
    """

    detector: Any
    recogniser: Any
    characters: tuple[str, ...]

    def probabilities(self, crops: list[Pixels], ratio: float) -> Pixels:
        """Return the probability of each character at each step: (crops, steps, characters) float32.

        ``crops``: BGR, resized and padded to ``ratio``, their width over their height.
        """
        batch = np.stack([self.recogniser.resize_norm_img(crop, ratio) for crop in crops])
        outputs: Pixels = self.recogniser.session(batch.astype(np.float32))
        return outputs


def load(threads: int, max_side_px: int, min_line_probability: float) -> Models:
    """Load both models with OpenVINO. Raise EngineUnusable for an untested version of RapidOCR.

    ``max_side_px``: longer side of the pictures for the detector. ``min_line_probability``: mean probability of text
    from which the detector reports a line.
    """
    version = importlib.metadata.version("rapidocr")
    if not version.startswith(TESTED_VERSIONS):
        raise EngineUnusable(
            f"rapidocr {version} is not a version that scanmend was tested with",
            f"pip install 'rapidocr=={TESTED_VERSIONS}*'",
        )
    _prepare_openvino()
    engine = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Det.engine_type": EngineType.OPENVINO,
            "Rec.engine_type": EngineType.OPENVINO,
            "EngineConfig.openvino.inference_num_threads": threads,
            "EngineConfig.openvino.num_streams": 1,
            # else each worker would use the same core
            "EngineConfig.openvino.enable_cpu_pinning": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": max_side_px,
            "Det.box_thresh": min_line_probability,
        }
    )
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    detector, recogniser = engine._load_det_model(), engine._load_rec_model()  # noqa: SLF001
    for model in (detector, recogniser):
        model.session = CheckedSession(model.session)
    return Models(detector, recogniser, tuple(recogniser.postprocess_op.character))


def _prepare_openvino() -> None:
    """Stop OpenVINO from writing an identity into the home folder, and from caching without limit.

    Its cache keeps compiled code for each size of page and line: 30 MB per page, until the child reaches ocr.memory.
    Call this before RapidOCR imports OpenVINO.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    from rapidocr.inference_engine.openvino import main as runtime  # noqa: PLC0415

    configured = runtime.CPUConfig.get_config

    def get_config(self: Any) -> dict[str, Any]:
        return {**configured(self), "CPU_RUNTIME_CACHE_CAPACITY": "0"}

    runtime.CPUConfig.get_config = get_config


class CheckedSession:
    """A session of RapidOCR that raises MemoryError if an inference did not run.

    If memory runs out (seen under RLIMIT_DATA, with OpenVINO 2026.4), an inference can return without an error, with
    the output of the page before. So this class overwrites a value of that output with NaN before each inference.
    """

    def __init__(self, session: Any) -> None:
        """Check this session."""
        self.unchecked = session

    def __call__(self, batch: Pixels) -> Pixels:
        """Return the output for a batch. Raise MemoryError."""
        previous = self.unchecked.session.get_output_tensor().data
        if previous.size:
            previous.flat[0] = np.nan
        try:
            output: Pixels = self.unchecked(batch)
        except Exception as error:
            if "MemoryError" in str(error):  # RapidOCR raises an error of its own in its place
                raise MemoryError from None
            raise
        if not output.size or np.isnan(output.flat[0]):
            raise MemoryError
        return output
