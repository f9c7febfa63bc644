"""List the models of a server that may judge: the wanted one, or those that seem to generate text."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx2

from scanmend.durations import duration_text
from scanmend.errors import ChildError, ModelUnavailable
from scanmend.llm.server_client import HTTP_OK, ServerClient
from scanmend.llm.server_clock import ServerClock

HINT_SECONDS = 5.0  # for the look whether another address would do
MAX_SHOWN_CHARACTERS = 500  # of the refusals in a message
MAX_PROBED = 10  # models that are tried
_ANY_MODEL = "auto"
# names of models that embed, rank, listen, speak or draw
_NO_TEXT = re.compile(
    r"embed|rerank|\bbge\b|\be5\b|\bgte\b|minilm|sentence-transformers|colbert|\bclip\b|whisper|\btts\b|speech"
    r"|moderation|dall-e|stable-diffusion|\bsdxl\b|\bflux\b|-image\b",
    re.IGNORECASE,
)
_TEXT_KINDS = ("chat", "llm", "completion", "language", "vlm", "text-generation", "generate")


@dataclass(frozen=True, slots=True)
class _Listed:
    """One model in the server's list."""

    name: str
    seems_to_generate: bool  # text, and not vectors, speech or pictures

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return the model of an entry of ``data``."""
        name = str(entry["id"])
        kind = _kind(entry)
        by_name = _NO_TEXT.search(re.sub(r"[_/:.]", " ", name)) is None
        return cls(name, by_name if kind is None else kind)


def _kind(entry: Mapping[str, Any]) -> bool | None:
    """Return whether an entry says that its model generates text; None if it does not say."""
    kinds = entry.get("capabilities") or entry.get("type") or entry.get("task")
    if isinstance(kinds, str):
        kinds = [kinds]
    if isinstance(kinds, Mapping):  # as {"completion_chat": true}
        kinds = [name for name, can in kinds.items() if can is True]
    if not isinstance(kinds, Sequence) or not kinds:
        return None
    words = " ".join(map(str, kinds)).lower()
    if any(kind in words for kind in _TEXT_KINDS):
        return True
    return False if _NO_TEXT.search(words) else None


def candidates(
    client: ServerClient, wanted: str, clock: ServerClock
) -> tuple[list[str], list[str]]:
    """Return the names of the models to try, in the server's order, and of those to pass over.

    ``wanted`` "auto": those that seem to generate text. Raises ModelUnavailable if there is none.
    """
    listed = _listed(client, clock)
    names = [model.name for model in listed]
    if wanted != _ANY_MODEL:
        if wanted in names:
            return [wanted], []
        raise ModelUnavailable(
            f"llm.model: {client.base_url} has no model {wanted}; it has: {', '.join(names)}",
            "correct llm.model, or load that model in the server",
        )
    seeming = [model.name for model in listed if model.seems_to_generate] or names
    return seeming[:MAX_PROBED], [name for name in names if name not in seeming]


def _listed(client: ServerClient, clock: ServerClock) -> list[_Listed]:
    """Return the models that the server lists. Raises ModelUnavailable if there is none."""
    try:
        answer = client.answer("GET", "models", None, clock)
    except TimeoutError:
        raise ModelUnavailable(
            f"{client.setting}: no answer within {duration_text(clock.seconds)}",
            "see the server's log",
        ) from None
    except ChildError as error:
        raise ModelUnavailable(error.what, error.remedy) from None
    except ModelUnavailable as error:
        if better := _better_address(client):
            remedy = f"{better} does: set llm.base_url to it"
            raise ModelUnavailable(error.what, remedy) from None
        raise
    data = answer.get("data")
    entries = data if isinstance(data, list) else []
    listed = [_Listed.of(entry) for entry in entries if isinstance(entry, dict) and entry.get("id")]
    if not listed:
        shown = json.dumps({"data": data})[:MAX_SHOWN_CHARACTERS]
        raise ModelUnavailable(
            f"{client.setting}: the server lists no model ({shown})",
            "load one in the server (for Ollama: ollama pull NAME); llm.model names which",
        )
    return listed


def _better_address(client: ServerClient) -> str:
    """Return the address with or without /v1 if a server answers there as it should; else ""."""
    base = client.base_url
    other = base.removesuffix("/v1") if base.endswith("/v1") else f"{base}/v1"
    try:
        status, content, _ = client.exchange("GET", f"{other}/models", None, HINT_SECONDS)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return ""
    return other if status == HTTP_OK and b'"data"' in content else ""
