"""Find the files that ship with scanmend: a wheel has them inside the package, a checkout above it."""

from importlib import resources
from pathlib import Path

_CHECKOUT_ROOT = Path(__file__).parents[2]


def shipped_file(name: str) -> Path:
    """Return the path of a shipped file, such as ``etc/scanmend.yaml``; the file may be missing."""
    packaged = Path(str(resources.files("scanmend"))) / name
    return packaged if packaged.is_file() else _CHECKOUT_ROOT / name
