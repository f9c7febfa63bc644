"""Compare the sidecars of two versions of scanmend byte for byte, except times and versions.

    python -m bench.sidecars make --python OLD/.venv/bin/python --out old DIR...
    python -m bench.sidecars make --python NEW/.venv/bin/python --out new DIR...
    python -m bench.sidecars compare old new

``make`` copies each picture and PDF below each DIR into one folder and runs ``scanmend process`` on them with the
default configuration. ``compare`` masks measured values (seconds, times, decoder calls) and versions, prints each file
that differs with its first differing line, and exits with 1 if there is one.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

INPUTS = {".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
MEASURED = {"seconds", "times", "modified", "calls", "version", "scanmend"}


def make(python: str, config: str, folders: list[str], out: Path) -> int:
    """Publish every input below ``folders`` into ``out``; return the number of sidecars."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        names = []
        for file in sorted(f for folder in folders for f in Path(folder).rglob("*")):
            if file.suffix.lower() in INPUTS:
                digest = hashlib.sha256(bytes(file)).hexdigest()[:6]
                # the short hash distinguishes files of the same name from several folders
                names.append(
                    shutil.copy(file, Path(scratch) / f"{file.stem[:60]}-{digest}{file.suffix}")
                )
        subprocess.run(
            [python, "-m", "scanmend", "--config", config, "process", *names, "--out", str(out)],
            check=False, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return len(list(out.glob("*.json")))


def masked(value: Any) -> Any:
    """Return ``value`` with the value of every measured field replaced by the field's name."""
    if isinstance(value, dict):
        return {k: k if k in MEASURED else masked(v) for k, v in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def lines(sidecar: Path) -> list[str]:
    """Return the lines of a sidecar with masked fields, keys in the order of the file."""
    return json.dumps(
        masked(json.loads(sidecar.read_text())), ensure_ascii=False, indent=1
    ).splitlines()


def compare(old: Path, new: Path) -> int:
    """Print each difference; return the number of sidecars and texts that differ."""
    differ = 0
    names = sorted({f.name for side in (old, new) for f in side.iterdir()})
    for name in names:
        one, two = old / name, new / name
        if not one.exists() or not two.exists():
            print(f"{name}: only in {old if one.exists() else new}")
            differ += 1
            continue
        read = lines if name.endswith(".json") else lambda file: file.read_text().splitlines()
        before, after = read(one), read(two)
        if before != after:
            differ += 1
            where = next(
                (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), -1
            )
            print(
                f"{name}, line {where + 1}:\n - {before[where].strip()}\n + {after[where].strip()}"
            )
    print(f"{len(names)} files compared, {differ} differ")
    return differ


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ways = parser.add_subparsers(dest="way", required=True)
    maker = ways.add_parser("make", help="publish the inputs with one version")
    maker.add_argument("--python", default=sys.executable)
    maker.add_argument("--config", default="etc/scanmend.yaml")
    maker.add_argument("--out", type=Path, required=True)
    maker.add_argument("folders", nargs="+")
    comparer = ways.add_parser("compare", help="compare two of these folders")
    comparer.add_argument("old", type=Path)
    comparer.add_argument("new", type=Path)
    args = parser.parse_args()
    if args.way == "make":
        print(f"{make(args.python, args.config, args.folders, args.out)} sidecars in {args.out}")
        return 0
    return 1 if compare(args.old, args.new) else 0


if __name__ == "__main__":
    sys.exit(main())
