"""Find OpenSSL 1.1 for Aspose's .NET runtime: the system's own, or an older release's package, downloaded by apt.

apt uses the machine's sources with an older release's name, and keeps its state in a separate folder, so that the
system does not change.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# release -> an older release that has OpenSSL 1.1
OLDER_RELEASES = {"bookworm": "bullseye", "trixie": "bullseye", "noble": "focal", "jammy": "focal"}
APT_SECONDS = 300


def folder() -> tuple[str | None, str]:
    """Return the folder of libssl.so.1.1 and its origin, or None and the reason why there is none."""
    installed = glob.glob("/usr/lib/*/libssl.so.1.1") + glob.glob("/usr/lib/libssl.so.1.1")
    if installed:
        return os.path.dirname(installed[0]), "the system's"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scanmend"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "openssl11.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        downloaded = _downloaded(cache)
        if downloaded:
            return downloaded, "downloaded earlier"
        try:
            _download(cache)
            return _downloaded(cache), "downloaded by apt"
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", b"") or b""
            return None, f"{error} {output.decode(errors='replace')[-200:]}"


def _downloaded(cache: Path) -> str | None:
    """Return the folder of libssl.so.1.1 below the cache; None if it is not there."""
    found = glob.glob(str(cache / "openssl11" / "**" / "libssl.so.1.1"), recursive=True)
    return os.path.dirname(found[0]) if found else None


def _download(cache: Path) -> None:
    """Download and unpack the package into the cache. Raises OSError or SubprocessError."""
    if not shutil.which("apt-get"):
        raise OSError("no apt-get here, and the system has no libssl.so.1.1")
    with tempfile.TemporaryDirectory(dir=cache) as work:
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
            subprocess.run(
                ["apt-get", *options, *command],
                cwd=home,
                check=True,
                capture_output=True,
                timeout=APT_SECONDS,
            )
        package = next(home.glob("libssl1.1_*.deb"), None)
        if package is None:
            raise OSError("the older release has no libssl1.1 any more")
        subprocess.run(
            ["dpkg-deb", "-x", package, home / "openssl11"], check=True, capture_output=True
        )
        (home / "openssl11").rename(cache / "openssl11")


def _write_sources(target: Path) -> None:
    """Write the machine's apt sources, with an older release's name in place of its own."""
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
