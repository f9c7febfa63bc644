"""A progress bar on standard error, if that is a terminal."""

import sys

WIDTH = 30  # characters


def draw(done: float, total: float, text: str) -> None:
    """Draw the bar with a text, over the previous one."""
    if sys.stderr.isatty():
        filled = int(WIDTH * done // max(total, 1))
        bar = "#" * filled + "." * (WIDTH - filled)
        print(f"\r[{bar}] {text}\033[K", end="", file=sys.stderr, flush=True)


def end() -> None:
    """Leave the bar's line."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
