"""OpenSSL 1.1 for Aspose's .NET runtime: the system's, or fetched by apt from an older release.

The sources are the machine's own, with the release replaced, in an apt state of their own: nothing of the
system is changed.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

OLDER = {"bookworm": "bullseye", "trixie": "bullseye", "noble": "focal", "jammy": "focal"}
SECONDS = 300


def folder() -> tuple[str | None, str]:
    """The folder with libssl.so.1.1, or None and the reason why it can't be had."""
    for path in glob.glob("/usr/lib/*/libssl.so.1.1") + glob.glob("/usr/lib/libssl.so.1.1"):
        return os.path.dirname(path), "the system's"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scanmend"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "openssl11.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = glob.glob(str(cache / "openssl11" / "**" / "libssl.so.1.1"), recursive=True)
        if there:
            return os.path.dirname(there[0]), "fetched earlier"
        try:
            return _fetch(cache), "fetched by apt"
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", b"") or b""
            return None, f"{error} {said.decode(errors='replace')[-200:]}"


def _fetch(cache: Path) -> str:
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
                timeout=SECONDS,
            )
        package = next(home.glob("libssl1.1_*.deb"), None)
        if package is None:
            raise OSError("the older release has no libssl1.1 any more")
        subprocess.run(
            ["dpkg-deb", "-x", package, home / "openssl11"], check=True, capture_output=True
        )
        (home / "openssl11").rename(cache / "openssl11")
    return os.path.dirname(
        glob.glob(str(cache / "openssl11" / "**" / "libssl.so.1.1"), recursive=True)[0]
    )


def _write_sources(target: Path) -> None:
    """The machine's sources of its own release, with that replaced by the older one."""
    release = re.search(r"VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text())
    older = OLDER.get(release[1]) if release else None
    if release is None or older is None:
        raise OSError("no older release with OpenSSL 1.1 is known for this system")
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for number, file in enumerate(f for f in files if f.is_file()):
        if file.suffix == ".sources":
            for part, stanza in enumerate(re.split(r"\n\s*\n", file.read_text())):
                if re.search(rf"^Suites:.*\b{release[1]}\b(?!-)", stanza, re.MULTILINE):
                    changed = re.sub(r"^Suites:.*$", f"Suites: {older}", stanza, flags=re.MULTILINE)
                    (target / f"s{number}-{part}.sources").write_text(changed + "\n")
        else:
            lines = [
                x for x in file.read_text().splitlines() if re.match(rf"deb\s.*\s{release[1]}\s", x)
            ]
            (target / f"s{number}.list").write_text(
                "\n".join(x.replace(release[1], older) for x in lines) + "\n"
            )
