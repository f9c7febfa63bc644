"""Find the files that ship with the package: in the wheel they lie inside it, in a checkout above it."""

from importlib import resources
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]


def shipped_file(name: str) -> Path:
    """Return the path of a shipped file, as ``etc/scanmend.yaml`` or ``models/lexicon.bin``."""
    packaged = Path(str(resources.files("scanmend"))) / name
    return packaged if packaged.is_file() else _CHECKOUT / name
