"""Test the noisy channel: the cost of reading one text where another was printed."""

import json
from pathlib import Path

import pytest

from scanmend.correction.channel import (
    CHANNEL_FORMAT,
    CONFUSED_RUN_COST,
    UNSEEN_COST,
    Channel,
    load,
    shipped,
)
from scanmend.errors import MachineError


def test_the_cost_is_that_of_the_cheapest_division_into_pieces() -> None:
    channel = Channel({"e": {"c": 2.0, "": 5.0}, "in": {"m": 1.5}, "a": {"ci": 3.0}})

    assert channel.cost("the", "The") == 0
    assert channel.cost("thc", "the") == 2
    assert channel.cost("th", "the") == 5
    assert channel.cost("mto", "into") == 1.5
    assert channel.cost("ciny", "any") == 3
    assert channel.cost("theq", "the") == UNSEEN_COST
    assert channel.cost("thq", "the") == UNSEEN_COST


def test_a_run_that_published_lists_name_costs_no_more_than_their_cost() -> None:
    assert Channel({}).cost("rnodern", "modern") == CONFUSED_RUN_COST
    assert Channel({"m": {"rn": 3.0}}).cost("rnodern", "modern") == 3


def test_the_shipped_channel_finds_usual_misreadings_cheaper_than_unusual_ones() -> None:
    cost = shipped().cost

    assert cost("tbe", "the") < cost("tze", "the")
    assert cost("shou1d", "should") < cost("shouxd", "should")
    assert cost("rernain", "remain") < cost("rernain", "retain")


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        json.dumps({"format": "other"}),
        json.dumps({"format": CHANNEL_FORMAT}),
        json.dumps({"format": CHANNEL_FORMAT, "costs": {"e": {"c": "cheap"}}}),
        json.dumps({"format": CHANNEL_FORMAT, "costs": {"e": {"c": True}}}),
    ],
)
def test_a_missing_or_damaged_channel_is_the_machines_error(
    content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "channel.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(MachineError, match=r"channel\.json: .*; install scanmend again"):
        load(path)
