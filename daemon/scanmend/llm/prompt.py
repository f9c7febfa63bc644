"""Render the conversation with a chat model as tokens, by the model's own template.

The text of a page is tokenized separately, and never as a marker of the template: ``<|im_end|>`` on a scan is ten
characters.
"""

from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from scanmend.errors import ModelUnavailable
from scanmend.llm.llama_context import LlamaContext

# characters for private use, which the template renders in place of the page and the line
_PAGE = "\ue0f0\ue0f1\ue0f2"
_LINE_PLACEHOLDER = "\ue0f3\ue0f4\ue0f5"
# The line comes last and alone, since a template may show it and nothing else, as the built-in corrector's does.
_USER_MESSAGE = f"<page>\n{_PAGE}\n</page>\n\nThe line:\n{_LINE_PLACEHOLDER}"
_DEFAULT_TEMPLATE = (
    "{% for m in messages %}{{ m['content'] }}\n\n{% endfor %}The line, corrected:\n"
)


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """The tokens around the text of a page, in this order: ``head``, page, ``middle``, line, ``tail``."""

    head: tuple[int, ...]
    middle: tuple[int, ...]
    tail: tuple[int, ...]
    shows_page: bool

    def before_lines(self, page: list[int]) -> list[int]:
        """Return the tokens before the line, which all lines of a page share."""
        return [*self.head, *(page if self.shows_page else ()), *self.middle]

    def of_line(self, line: list[int]) -> list[int]:
        """Return the tokens between ``before_lines`` and the answer."""
        return [*line, *self.tail]


class ChatTemplate:
    """A model's chat template."""

    def __init__(self, model: Any, context: LlamaContext) -> None:
        """Read the template from the model; raise ModelUnavailable when it can't be used."""
        vocabulary = llama.llama_model_get_vocab(model)
        raw = llama.llama_model_chat_template(model, None)
        self._context = context
        try:
            self._formatter = Jinja2ChatFormatter(
                raw.decode() if raw else _DEFAULT_TEMPLATE,
                eos_token=_text(vocabulary, llama.llama_vocab_eos(vocabulary)),
                bos_token=_text(vocabulary, llama.llama_vocab_bos(vocabulary)),
            )
        except Exception as error:  # noqa: BLE001 - a template is a program that came with the model
            raise ModelUnavailable(f"the model's chat template is broken: {error}") from None

    def prompt(self, instruction: str) -> PromptTokens:
        """Return the tokens of a conversation with this system prompt.

        Raises ModelUnavailable when the template fails or does not show the user's message.
        """
        text = self._rendered(instruction)
        before, line, tail = text.partition(_LINE_PLACEHOLDER)
        if not line:
            raise ModelUnavailable("the model's chat template does not show the user's message")
        head, page, middle = before.partition(_PAGE)
        tokens = self._tokens(head)
        begin = self._context.begin_tokens
        if tokens[: len(begin)] != begin:
            tokens = begin + tokens
        return PromptTokens(
            head=tuple(tokens),
            middle=tuple(self._tokens(middle)),
            tail=tuple(self._tokens(tail)),
            shows_page=bool(page),
        )

    def _tokens(self, text: str) -> list[int]:
        return self._context.tokenize(text.encode(), markers=True)

    def _rendered(self, instruction: str) -> str:
        """Return the conversation as text, with the system prompt in the user's message if need be."""
        system = {"role": "system", "content": instruction}
        user = {"role": "user", "content": _USER_MESSAGE}
        combined = {"role": "user", "content": f"{instruction}\n\n{_USER_MESSAGE}"}
        try:
            try:
                return self._format([system, user])
            except ValueError:  # some templates have no system role
                return self._format([combined])
        except Exception as error:  # noqa: BLE001 - see above
            raise ModelUnavailable(f"the model's chat template fails: {error}") from None

    def _format(self, messages: list[dict[str, str]]) -> str:
        formatted = self._formatter(messages=messages, enable_thinking=False)
        return str(formatted.prompt)


def _text(vocabulary: Any, token: int) -> str:
    """Return a token's text; "" for a token that the model lacks (-1)."""
    if token < 0:
        return ""
    return bytes(llama.llama_vocab_get_text(vocabulary, token)).decode(errors="replace")
