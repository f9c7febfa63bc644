"""Test the count of what waits unclaimed: groups by reason, the oldest of each, a bounded size."""

from dataclasses import replace

from scanmend.store.unclaimed import (
    MAX_GROUPS,
    OTHER_REASONS,
    UnclaimedFile,
    UnclaimedGroup,
    as_json,
    from_json,
    grouped,
    tells_the_same,
)


def test_files_are_counted_by_reason_with_the_oldest_first() -> None:
    files = [
        UnclaimedFile(b"b", "empty", 20.0),
        UnclaimedFile(b"c", "no rights", 15.0),
        UnclaimedFile(b"a\xff", "empty", 10.0),
    ]

    groups = grouped(files)

    assert groups == (
        UnclaimedGroup("empty", 2, 10.0, "a\\xff"),
        UnclaimedGroup("no rights", 1, 15.0, "c"),
    )
    assert from_json(as_json(groups)) == groups


def test_reasons_beyond_the_limit_share_a_group() -> None:
    count = MAX_GROUPS + 30
    groups = grouped(UnclaimedFile(b"x", f"reason {n}", float(n)) for n in range(count))

    assert len(groups) == MAX_GROUPS + 1
    assert sum(group.count for group in groups) == count
    assert groups[-1] == UnclaimedGroup(OTHER_REASONS, 30, float(MAX_GROUPS), "x")


def test_a_moment_that_differs_by_less_than_a_second_is_the_same() -> None:
    group = UnclaimedGroup("empty", 2, 10.0, "a")

    assert tells_the_same((group,), (replace(group, since=10.5),))
    assert not tells_the_same((group,), (replace(group, since=12.0),))
    assert not tells_the_same((group,), (replace(group, count=3),))
    assert not tells_the_same((group,), ())
