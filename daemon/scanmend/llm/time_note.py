"""Say what of a page came too late, for local models and for servers."""

from scanmend.durations import duration_text


def time_note(late: int, lines: int, seconds: float) -> str:
    """Return that ``late`` of the page's ``lines`` have no answer, and the key to change; "" if none is late."""
    return f"{late} of {lines} lines have no answer {_within(seconds)}" if late else ""


def words_note(late: int, words: int, seconds: float) -> str:
    """Return that not all doubtful words of a page were judged, and the key to change.

    ``late``: of the ``words`` asked about; 0: those of further lines were not looked at.
    """
    share = f"{late} of {words} doubtful words" if late else "some words"
    return f"{share} were not judged {_within(seconds)}"


def _within(seconds: float) -> str:
    limit = duration_text(seconds)
    return f"within llm.page_timeout ({limit}); raise it, or use a faster model or server"
