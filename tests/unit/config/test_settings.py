"""Test which model the keys of ``llm`` name together."""

import pytest

from scanmend.config.settings import AUTO, BUILTIN, DEFAULT_REPOSITORY, LlmSettings


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        (LlmSettings(), None),
        (LlmSettings(model=BUILTIN), BUILTIN),
        (LlmSettings(repo_id="a/b"), AUTO),
        (LlmSettings(repo_id="a/b", model=BUILTIN), BUILTIN),
        (LlmSettings(backend="openai"), AUTO),
        (LlmSettings(backend="openai", model=BUILTIN), AUTO),
        (LlmSettings(backend="openai", model="big"), "big"),
    ],
)
def test_backend_repository_and_name_decide_the_effective_model(
    settings: LlmSettings, model: str | None
) -> None:
    assert settings.effective_model == model


def test_the_default_repository_is_used_unless_one_is_named() -> None:
    assert LlmSettings().repository == DEFAULT_REPOSITORY
    assert LlmSettings(repo_id="a/b").repository == "a/b"
