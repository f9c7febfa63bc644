"""Test the model's states and the table of allowed moves."""

import pytest

from scanmend.backends.llm_state import MODEL_MOVES, IllegalModelMove, ModelState, StateMachine
from scanmend.errors import MachineError


def test_every_state_is_in_the_table() -> None:
    assert set(MODEL_MOVES) == set(ModelState)
    assert set.union(*map(set, MODEL_MOVES.values())) == set(ModelState)


def test_a_change_of_state_or_reason_is_reported() -> None:
    reported: list[tuple[str, str]] = []
    progress: list[str] = []
    states = StateMachine(lambda state, reason: reported.append((state, reason)), progress.append)
    states.move(ModelState.DOWNLOADING, "no file")
    states.explain("licence: MIT")
    states.progress("1 of 2 MB")

    assert reported == [("downloading", "no file"), ("downloading", "licence: MIT")]
    assert progress == ["1 of 2 MB"]
    with pytest.raises(IllegalModelMove, match="downloading -> busy"):
        states.move(ModelState.BUSY, "")
    assert states.state == ModelState.DOWNLOADING


def test_a_state_change_holds_even_if_it_can_not_be_recorded() -> None:
    def full(*_: str) -> None:
        raise MachineError("the disk is full")

    states = StateMachine(full, full)
    states.move(ModelState.READY, "")
    states.progress("")

    assert states.state == ModelState.READY
