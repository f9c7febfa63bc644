"""Test `scanmend install-service` and `scanmend uninstall-service` as far as they change nothing."""

import pytest

from scanmend.cli.main import main
from scanmend.service import install


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["install-service", "--no-start"], "systemctl enable scanmend.service"),
        (["install-service"], "systemctl enable --now scanmend.service"),
        (["uninstall-service"], "systemctl disable --now scanmend.service"),
    ],
)
def test_a_dry_run_prints_the_actions(
    command: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Replace the program's path: the service's user may not be able to run the tests' own."""
    monkeypatch.setattr(install, "_program", lambda: "/opt/scanmend/bin/scanmend")

    assert main([*command, "--dry-run"]) == 0
    assert expected in capsys.readouterr().out
