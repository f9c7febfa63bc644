"""What OpenVINO does and RapidOCR has no key for: it tells home, keeps memory, and may return without having run."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def prepare() -> None:
    """Before RapidOCR imports it."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # it writes an identity into the home folder
    from rapidocr.inference_engine.openvino import main as runtime  # noqa: PLC0415

    configured = runtime.CPUConfig.get_config

    def get_config(self: Any) -> dict[str, Any]:
        # it would keep what it made for each size of page and line, 30 MB a page, until ocr.memory ends it
        return {**configured(self), "CPU_RUNTIME_CACHE_CAPACITY": "0"}

    runtime.CPUConfig.get_config = get_config


class Watched:
    """A session of RapidOCR's that must have run.

    When memory runs out (seen under RLIMIT_DATA, with OpenVINO 2026.4), an inference can return as if nothing was
    wrong, and the output is still that of the page before. So the old output is marked first.
    """

    def __init__(self, session: Any) -> None:
        self.plain = session

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any]:
        """The output for a batch; MemoryError when there is none."""
        old = self.plain.session.get_output_tensor().data
        if old.size:
            old.flat[0] = np.nan
        try:
            found: NDArray[Any] = self.plain(batch)
        except Exception as error:
            if "MemoryError" in str(error):  # rapidocr hides it in an error of its own
                raise MemoryError from None
            raise
        if not found.size or np.isnan(found.flat[0]):
            raise MemoryError
        return found
