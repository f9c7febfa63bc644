"""Test what is learnt of scanners that open their files again."""

import functools

from scanmend.store.reopening import (
    MAX_GAPS,
    MAX_HOLD_SECONDS,
    MAX_MISSES,
    UNRELATED_SECONDS,
    Lesson,
    from_json,
)

NOW = 1_800_000_000.0


def test_a_file_is_held_for_longer_than_the_longest_gap() -> None:
    lesson = functools.reduce(lambda made, gap: made.confirmed(gap, NOW), (2.0, 8.0, 3.0), Lesson())

    assert Lesson().hold == 0
    assert lesson.hold == 13.0


def test_the_hold_is_bounded_and_old_gaps_are_forgotten() -> None:
    lesson = Lesson().confirmed(60.0, NOW)
    assert lesson.hold == MAX_HOLD_SECONDS

    for _ in range(MAX_GAPS):
        lesson = lesson.confirmed(2.0, NOW)

    assert lesson.hold == 4.0


def test_a_lesson_is_forgotten_after_files_that_were_held_in_vain() -> None:
    lesson = Lesson().confirmed(2.0, NOW)
    for _ in range(MAX_MISSES - 1):
        lesson = lesson.missed()
    assert lesson.hold == 4.0
    assert lesson.confirmed(2.0, NOW).misses == 0

    assert lesson.missed() == Lesson()


def test_another_document_of_the_same_name_ends_the_learning_for_a_day() -> None:
    lesson = Lesson().confirmed(2.0, NOW).refuted(NOW)

    assert lesson.hold == 0
    assert lesson.confirmed(2.0, NOW + 60).hold == 0
    assert lesson.confirmed(2.0, NOW + UNRELATED_SECONDS).hold == 4.0
    assert lesson.confirmed(2.0, NOW - 1).hold == 4.0  # the clock was set back


def test_a_lesson_survives_in_the_journal() -> None:
    lesson = Lesson().confirmed(2.0, NOW).missed()

    assert from_json(lesson.as_json()) == lesson
