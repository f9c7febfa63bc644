"""Test which tokens of a text llama-server is asked for."""

import pytest

from scanmend.llm.llama_server import MAX_FORCED
from scanmend.llm.server_forcing import MAX_UNNEEDED, _runs_of


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [
        ([], []),
        ([3], [(3, 4)]),
        ([3, 4, 5], [(3, 6)]),
        ([3, 4 + MAX_UNNEEDED], [(3, 5 + MAX_UNNEEDED)]),
        ([3, 5 + MAX_UNNEEDED], [(3, 4), (5 + MAX_UNNEEDED, 6 + MAX_UNNEEDED)]),
        (list(range(MAX_FORCED + 2)), [(0, MAX_FORCED), (MAX_FORCED, MAX_FORCED + 2)]),
    ],
)
def test_wanted_tokens_are_asked_for_in_few_requests(
    wanted: list[int], runs: list[tuple[int, int]]
) -> None:
    assert list(_runs_of(wanted)) == runs
