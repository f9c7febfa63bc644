"""Test the values that each parser accepts, and its messages about others."""

from typing import Any

import pytest

from scanmend.config.parsers import (
    COMMAND,
    DURATION,
    FLAG,
    FRACTION,
    LANGUAGES,
    LISTEN_ADDRESS,
    POSITIVE_NUMBER,
    PROFILES_BY_FOLDER,
    SIZE,
    TEXT,
    WEB_ADDRESS,
    Parser,
    auto_or,
    null_or,
    one_of,
    whole_number,
)
from scanmend.durations import duration_text


@pytest.mark.parametrize(
    ("parser", "value", "parsed"),
    [
        (DURATION, "500ms", 0.5),
        (DURATION, "1.5 h", 5400.0),
        (SIZE, "4GiB", 4 * 2**30),
        (FRACTION, 1, 1.0),
        (POSITIVE_NUMBER, 2.5, 2.5),
        (whole_number(1, 3), 3, 3),
        (auto_or(FLAG), "auto", None),
        (auto_or(FLAG), False, False),
        (null_or(TEXT), None, None),
        (null_or(TEXT), "x", "x"),
        (one_of("a", "b"), "b", "b"),
        (COMMAND, ["/bin/notify", "--now"], ("/bin/notify", "--now")),
        (LANGUAGES, ["en", "zh-Hans"], ("en", "zh-Hans")),
        (PROFILES_BY_FOLDER, {"/a/": "b"}, {"a": "b"}),
        (LISTEN_ADDRESS, "[::1]:9464", "[::1]:9464"),
        (LISTEN_ADDRESS, "/run/s.sock", "/run/s.sock"),
        (WEB_ADDRESS, "https://x", "https://x"),
    ],
)
def test_an_allowed_value_is_parsed(parser: Parser[Any], value: Any, parsed: Any) -> None:
    assert parser(value) == parsed


@pytest.mark.parametrize(
    ("parser", "value", "message"),
    [
        (DURATION, 3, r"a number with a unit \(ms, s, m, h, d\), such as 30s"),
        (DURATION, "3 x", "a number with a unit"),
        (SIZE, "0B", "at least one byte"),
        (FRACTION, True, "a number from 0 to 1"),
        (FRACTION, 1.1, "a number from 0 to 1"),
        (POSITIVE_NUMBER, -1, "a number from 0 upwards"),
        (whole_number(1, 3), 4, "a whole number from 1 to 3"),
        (auto_or(whole_number(1, 3)), "many", "auto, or a whole number from 1 to 3"),
        (null_or(TEXT), "", "a text, or null"),
        (one_of("alpha", "beta"), "alpa", r"one of alpha, beta \(did you mean alpha\?\)"),
        (COMMAND, "notify --now", "a list of a program and its arguments"),
        (LANGUAGES, [], "a list of language codes"),
        (LANGUAGES, ["english"], "a list of language codes"),
        (PROFILES_BY_FOLDER, {"a": 1}, "pairs of sub-folder and profile"),
        (LISTEN_ADDRESS, "0.0.0.0:9464", "127.0.0.1:PORT"),
        (LISTEN_ADDRESS, "127.0.0.1:99999", "127.0.0.1:PORT"),
        (WEB_ADDRESS, "file:///etc/passwd", "http:// or https://"),
    ],
)
def test_the_error_for_a_wrong_value_says_what_is_allowed(
    parser: Parser[Any], value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parser(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.3, "300 ms"),
        (45, "45 s"),
        (120, "2 min"),
        (5400, "1.5 h"),
        (90_000, "25 h"),
        (3 * 86400, "3 d"),
    ],
)
def test_a_duration_is_shown_in_its_largest_fitting_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
