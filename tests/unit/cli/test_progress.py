"""Test the time that a progress bar promises."""

import pytest

from scanmend.cli.progress import time_left


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 10, 30.0, ""),
        (10, 10, 30.0, ""),
        (1, 3, 2.0, ", about 4 s left"),
        (2, 10, 8.4, ", about 35 s left"),
        (1, 11, 60.0, ", about 10 min left"),
        (1, 100, 40.0, ", about 1.1 h left"),
        (99, 100, 1.0, ", about 1 s left"),
    ],
)
def test_the_time_left_follows_from_the_pages_so_far(
    done: int, total: int, seconds: float, text: str
) -> None:
    assert time_left(done, total, seconds) == text
