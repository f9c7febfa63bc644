"""What comes with the package besides its code: in the wheel beside it, in a checkout above it."""

from importlib import resources
from pathlib import Path


def place(name: str) -> Path:
    """Where a file such as ``etc/scanmend.yaml`` or ``models/lexicon.bin`` lies."""
    packaged = Path(str(resources.files("scanmend"))) / name
    return packaged if packaged.is_file() else Path(__file__).parents[2] / name
