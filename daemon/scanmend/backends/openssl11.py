"""Get OpenSSL 1.1 for Aspose's .NET runtime out of an older release of the system, with the system's apt.

apt uses the machine's sources with an older release's name, and checks its signatures. It keeps its state in a separate
folder, so that the system does not change.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from scanmend.backends.ocr_engines import OPENSSL_BY_HAND, OPENSSL_LIBRARY
from scanmend.errors import EngineUnusable

# release -> an older release that has OpenSSL 1.1
OLDER_RELEASES = {"bookworm": "bullseye", "trixie": "bullseye", "noble": "focal", "jammy": "focal"}
APT_SECONDS = 300.0  # time limit of one command
SHOWN_APT_CHARACTERS = 300  # of the end of a failed command's output


def installed() -> str | None:
    """Return the folder of the system's own OpenSSL 1.1, or None."""
    found = glob.glob(f"/usr/lib/*/{OPENSSL_LIBRARY}") + glob.glob(f"/usr/lib/{OPENSSL_LIBRARY}")
    return os.path.dirname(found[0]) if found else None


def unpacked(folder: str) -> str | None:
    """Return the folder that holds the library below ``folder``; None if it is not there."""
    found = glob.glob(os.path.join(folder, "**", OPENSSL_LIBRARY), recursive=True)
    return os.path.dirname(found[0]) if found else None


def download(folder: str) -> str:
    """Download and unpack the package into ``folder``, which must not exist; return the folder of the library.

    Raises EngineUnusable with the reason and what to do by hand.
    """
    try:
        _download(Path(folder))
    except (OSError, subprocess.SubprocessError) as error:
        output = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()
        what = f"OpenSSL 1.1 can't be downloaded: {error} {output[-SHOWN_APT_CHARACTERS:]}"
        raise EngineUnusable(what.strip(), OPENSSL_BY_HAND) from None
    found = unpacked(folder)
    if found is None:
        raise EngineUnusable(f"the package libssl1.1 lacks {OPENSSL_LIBRARY}", OPENSSL_BY_HAND)
    return found


def _download(target: Path) -> None:
    """Download the package and unpack it as ``target``. Raises OSError or SubprocessError."""
    if not shutil.which("apt-get"):
        raise OSError("this system has no apt-get")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        home = Path(work)
        for sub in ("lists/partial", "cache/archives/partial", "sources"):
            (home / sub).mkdir(parents=True)
        _write_sources(home / "sources")
        options = [
            "-oDir::Etc::sourcelist=/dev/null",
            f"-oDir::Etc::sourceparts={home / 'sources'}",
            f"-oDir::State::Lists={home / 'lists'}",
            f"-oDir::Cache={home / 'cache'}",
            "-oAPT::Sandbox::User=root",
        ]
        for command in (["update"], ["download", "libssl1.1"]):
            _run(["apt-get", *options, *command], home)
        package = next(home.glob("libssl1.1_*.deb"), None)
        if package is None:
            raise OSError("the older release has no libssl1.1 any more")
        _run(["dpkg-deb", "-x", str(package), str(home / "openssl11")], home)
        (home / "openssl11").rename(target)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=APT_SECONDS)


def _write_sources(target: Path) -> None:
    """Write the machine's apt sources, with an older release's name in place of its own. Raises OSError."""
    release = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())
    older = OLDER_RELEASES.get(release[1]) if release else None
    if release is None or older is None:
        raise OSError("no older release with OpenSSL 1.1 is known for this system")
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for number, file in enumerate(f for f in files if f.is_file()):
        if file.suffix == ".sources":
            for index, stanza in enumerate(re.split(r"\n\s*\n", file.read_text())):
                if re.search(rf"^Suites:.*\b{release[1]}\b(?!-)", stanza, re.MULTILINE):
                    changed = re.sub(r"^Suites:.*$", f"Suites: {older}", stanza, flags=re.MULTILINE)
                    (target / f"s{number}-{index}.sources").write_text(changed + "\n")
        else:
            own = re.compile(rf"deb\s.*\s{release[1]}\s")
            lines = [line for line in file.read_text().splitlines() if own.match(line)]
            changed = "\n".join(line.replace(release[1], older) for line in lines)
            (target / f"s{number}.list").write_text(f"{changed}\n")
