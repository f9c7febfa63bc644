"""Read a server's answer for one line: the text, without the model's thoughts, or why it is not usable."""

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanmend.errors import ChildError
from scanmend.page import Bound

SHOWN_ANSWER_CHARACTERS = 200
# a model's thoughts before its answer; the templates of some models write the opening mark themselves
_THOUGHTS = re.compile(
    r"^.*(</(?:think|thinking|thought|reasoning)>|\[/THINK\]|<\|channel\|>final<\|message\|>)",
    re.DOTALL | re.IGNORECASE,
)
_BEGUN_THOUGHTS = re.compile(
    r"^\s*(<(?:think|thinking|thought|reasoning)>|\[THINK\]|<\|channel\|>(?!final))", re.IGNORECASE
)
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
_ADVICE = (
    "turn that off in the server (llama-server: --reasoning-budget 0, Ollama: think false, vLLM: enable_thinking false),"
    " or name another model in llm.model"
)


class Trouble(enum.Enum):
    """Why an answer has no usable text; the value is for people, with the key to change."""

    EMPTY = "the answer is empty; name another model in llm.model, or see the server's log"
    THOUGHTS = f"the model thinks instead of answering; {_ADVICE}"
    CUT = "the answer is longer than the line and was cut; name another model in llm.model"


@dataclass(frozen=True, slots=True)
class Answered:
    """A server's answer for one line. ``text``: "" if there is none. ``bound``: the limit that cut it short."""

    text: str
    tokens: int = 0
    bound: Bound | None = None
    trouble: Trouble | None = None


def read_answer(answer: Mapping[str, Any], base_url: str) -> Answered:
    """Return the text of a chat completion. Raises ChildError for anything else."""
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        written = _text(message.get("content"))
        thought = any(message.get(field) for field in _THOUGHT_FIELDS)
        tokens = int((answer.get("usage") or {}).get("completion_tokens") or 0)
        cut_short = choice.get("finish_reason") == "length"
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        shown = json.dumps(answer)[:SHOWN_ANSWER_CHARACTERS]
        what = f"{base_url}: an answer that is no chat completion: {shown}"
        raise ChildError(what, "see the server's log, and llm.base_url") from None
    text = _THOUGHTS.sub("", written).strip()
    bound = Bound.TOKENS if cut_short else None
    if _BEGUN_THOUGHTS.match(text) or (not text and (thought or written.strip())):
        return Answered("", tokens, bound, Trouble.THOUGHTS)
    if not text:
        return Answered("", tokens, bound, Trouble.EMPTY)
    return Answered(text, tokens, bound, Trouble.CUT if cut_short else None)


def _text(content: object) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict))
        return "".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    return str(content or "")
