"""Find OpenSSL 1.1 for tests of Aspose, or skip them; a download stays in the user's cache."""

import fcntl
import os
from pathlib import Path

import pytest

from scanmend.backends import openssl11
from scanmend.errors import EngineUnusable


def openssl_folder() -> str:
    """Return the folder of OpenSSL 1.1: the system's, an earlier download's or a new one's. Skip the test without it."""
    if folder := openssl11.installed():
        return folder
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scanmend"
    cache.mkdir(parents=True, exist_ok=True)
    target = str(cache / "openssl11")
    with open(cache / "openssl11.lock", "w") as lock:  # several processes run the tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return openssl11.unpacked(target) or openssl11.download(target)
        except EngineUnusable as error:
            pytest.skip(str(error))
