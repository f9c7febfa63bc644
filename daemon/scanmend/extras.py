"""Tell which optional parts of scanmend are missing here, and how to install them.

The extras are those of ``pyproject.toml``. Every process may ask; nothing is imported to find out.
"""

import importlib.util

from scanmend.errors import EngineUnusable, MachineError, ModelUnavailable

# extra -> the packages to import that it brings
EXTRAS = {
    "rapidocr": ("rapidocr", "openvino"),
    "tesseract": ("rapidocr", "openvino"),  # which way up a page lies is RapidOCR's to tell
    "aspose": ("rapidocr", "openvino", "aspose"),
    "llm": ("llama_cpp", "huggingface_hub", "httpx2", "tqdm"),
    "systemd": ("systemd",),
}


def lacking(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed."""
    return [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]


def remedy(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'scanmend[{extra}]'"


def not_installed(error: ModuleNotFoundError) -> MachineError | None:
    """Return a failed import of an extra's package as an error with its remedy; None: no extra brings that package."""
    package = (error.name or "").partition(".")[0]
    extra = next((name for name, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    cls = ModelUnavailable if extra == "llm" else EngineUnusable
    return cls(f"{package} is not installed", remedy(extra))
