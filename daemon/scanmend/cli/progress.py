"""A progress bar on standard error, when that is a terminal."""

import sys

WIDTH = 30


def bar(done: float, total: float, said: str) -> None:
    """Draw it over the last one."""
    if sys.stderr.isatty():
        filled = int(WIDTH * done // max(total, 1))
        drawn = "#" * filled + "." * (WIDTH - filled)
        print(f"\r[{drawn}] {said}\033[K", end="", file=sys.stderr, flush=True)


def end() -> None:
    """Leave the bar's line."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
