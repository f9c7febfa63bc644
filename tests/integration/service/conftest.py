"""Fixtures for the tests of the whole service."""

import pytest

from scanmend.errors import NULL_ALLOWED


@pytest.fixture
def null_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the configuration of an engine that is loaded at once, for tests to which the text makes no difference."""
    monkeypatch.setenv(NULL_ALLOWED, "1")
    return 'ocr: {engine: "null", workers: 1, rotate: false}'
