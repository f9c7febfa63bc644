"""Draw a progress bar on standard error, if that is a terminal."""

import sys

BAR_WIDTH = 30  # characters


def draw(done: float, total: float, text: str) -> None:
    """Draw the bar, with a text behind it, over the previous one."""
    if sys.stderr.isatty():
        filled = int(BAR_WIDTH * done // max(total, 1))
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        print(f"\r[{bar}] {text}\033[K", end="", file=sys.stderr, flush=True)


def end() -> None:
    """End the bar's line, so that the next output starts on a new one."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
