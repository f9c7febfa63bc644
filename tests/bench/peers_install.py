"""Install the peers in their own virtual environment: OCRmyPDF (MPL-2.0), and RapidOCR with onnxruntime.

scanmend imports nothing of them; the bench starts them as programs.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".bench" / "peers"  # ignored by git, removed by `make clean`
PACKAGES = ("ocrmypdf>=17,<18", "rapidocr>=3.10,<4", "onnxruntime")
_VERSIONS = (
    "from importlib.metadata import version as v;"
    " print(*(f'{n}={v(n)}' for n in ('ocrmypdf', 'rapidocr', 'onnxruntime')))"
)


def install() -> tuple[str, dict[str, str]]:
    """Install the missing packages. Return the path of the peers' Python, and the peers' versions."""
    if shutil.which("tesseract") is None:
        sys.exit("tesseract is not there; install it with: apt-get install tesseract-ocr tesseract-ocr-osd")  # fmt: skip
    if shutil.which("taskset") is None:
        sys.exit("taskset is not there; install it with: apt-get install util-linux")
    python = HOME / "bin" / "python"
    stamp = HOME / ".ready"
    if not stamp.exists() or stamp.read_text() != repr(PACKAGES):
        print(f"installing {', '.join(PACKAGES)} into {HOME.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *PACKAGES], check=True)  # fmt: skip
        stamp.write_text(repr(PACKAGES))
    said = _said(str(python), "-c", _VERSIONS)
    found = {f"{name} (peer)": version for name, version in (item.split("=") for item in said.split())}  # fmt: skip
    found["tesseract"] = _said("tesseract", "--version").split()[1]
    found["ghostscript"] = _said("gs", "--version") if shutil.which("gs") else "none"
    return str(python), found


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
