"""Choose which cases of a test belong to the suite."""

from typing import Any

import pytest


def long(*cases: Any) -> list[Any]:
    """Return parameters for `make long`: cases that differ in degree only from those that the suite has."""
    return [pytest.param(case, marks=pytest.mark.long) for case in cases]
