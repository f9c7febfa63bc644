"""Test every fault of `make faults` once, on few files, for a short time, and with a daemon that tries again soon."""

from pathlib import Path

import pytest

from faults.ledger import Ledger
from faults.run import FAULTS, impossible, one, undisturbed

WHY_NOT = impossible()
KILLS = 8
pytestmark = [
    pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT)),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return undisturbed(tmp_path_factory.mktemp("undisturbed") / "tree", 12, seed=2)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_loses_a_file_or_processes_it_twice(
    fault: str, tmp_path: Path, ledger: Ledger
) -> None:
    wrong, _ = one(fault, tmp_path / fault, ledger, seed=2, kills=KILLS, cuts=1, brisk=True)

    assert wrong == []
