"""Name the units of durations in the configuration, and write durations for people."""

SECONDS_PER_UNIT = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_text(seconds: float) -> str:
    """Return a duration for people: "300 ms", "45 s", "2 min", "1.5 h", "3 d"."""
    day, hour, minute = (SECONDS_PER_UNIT[unit] for unit in "dhm")
    for unit, size, shortest in (
        ("d", day, 2 * day),
        ("h", hour, hour),
        ("min", minute, minute),
        ("s", 1, 1),
    ):
        if seconds >= shortest:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds * 1000:.0f} ms"
