"""Draw a progress bar on standard error, if that is a terminal."""

import sys

from scanmend.durations import duration_text

BAR_WIDTH = 30  # characters


def time_left(done: float, total: float, seconds: float) -> str:
    """Return the time that the rest will take, for people, if it goes on as in these ``seconds``; "" if nothing is done.

    Above 10 s the value is a multiple of 5 s, and above 10 min one of 1 min, so that the text does not flicker.
    """
    if not done or done >= total:
        return ""
    left = seconds / done * (total - done)
    step = next((step for limit, step in ((600, 60), (10, 5)) if left > limit), 1)
    return f", about {duration_text(max(step, round(left / step) * step))} left"


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
