"""Say which lines of a page came too late, for local models and for servers."""

from scanmend.durations import duration_text


def time_note(late: int, lines: int, seconds: float) -> str:
    """Return that ``late`` of the page's ``lines`` have no answer, and the key to change; "" if none is late."""
    if not late:
        return ""
    limit = duration_text(seconds)
    return (
        f"{late} of {lines} lines have no answer within llm.page_timeout ({limit});"
        " raise it, or use a faster model or server"
    )
