"""Test the command line: every command has a help text, and a mistake gets one line."""

from pathlib import Path

import pytest

from scanmend.cli.main import MODULES, main

ACTIONS = ["list", "pull", "verify", "remove"]


@pytest.mark.parametrize(
    "command", [[], *([name] for name in MODULES), *(["models", action] for action in ACTIONS)]
)
def test_every_command_has_a_help_text(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*command, "--help"])

    assert exit_.value.code == 0
    output = capsys.readouterr().out
    assert output.startswith(f"usage: {' '.join(['scanmend', *command])} ")
    description = output.split("\n\n")[1]
    assert description[0].isupper() or description.startswith("scanmend")
    assert description.endswith(".")


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    output = capsys.readouterr().out
    assert [name for name in MODULES if f"\n    {name}" not in output] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "scanmend: the following arguments are required: COMMAND; see scanmend --help"),
        (["frobnicate"], "scanmend: argument COMMAND: invalid choice: 'frobnicate' (choose from "),
        (["retry", "--all"], "scanmend: unrecognized arguments: --all; see scanmend --help"),
        (["process"], "scanmend: the following arguments are required: FILE; see scanmend process"),
    ],
)
def test_a_mistake_in_the_command_line_is_named_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)

    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_configuration_file_may_be_called_like_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--config", "run", "status"]) == 3
    assert "run: can't be read" in capsys.readouterr().err


def test_without_a_configuration_the_error_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCANMEND_CONFIG", raising=False)

    assert main(["status"]) == 3
    assert "name a file with --config" in capsys.readouterr().err


def test_the_environment_names_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text("base: .\n")
    monkeypatch.setenv("SCANMEND_CONFIG", str(tmp_path / "own.yaml"))

    assert main(["status"]) == 0
    assert str(tmp_path / "var" / "inbox") in capsys.readouterr().out
