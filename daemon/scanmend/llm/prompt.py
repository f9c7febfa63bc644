"""The conversation with a chat model as tokens, by the model's own template, with the text of the page kept apart.

Text of a page is tokenized by itself and never as a marker of the template: a scan that shows ``<|im_end|>`` shows ten
characters.
"""

from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from scanmend.errors import ModelUnavailable
from scanmend.llm.llama_context import LlamaContext

# characters for private use, in which the template renders the page and the line
_PAGE = "\ue0f0\ue0f1\ue0f2"
_LINE = "\ue0f3\ue0f4\ue0f5"
# the line stands last, and alone: a template may show that and nothing else, as the built-in corrector's does
_USER_MESSAGE = f"<page>\n{_PAGE}\n</page>\n\nThe line:\n{_LINE}"
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
        """Return the tokens that all lines of a page begin with."""
        return [*self.head, *(page if self.shows_page else ()), *self.middle]

    def of_line(self, line: list[int]) -> list[int]:
        """Return the tokens between those and the answer."""
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
        """Return the tokens of a conversation with this system prompt; raise ModelUnavailable when the template fails."""
        text = self._rendered(instruction)
        before, line, tail = text.partition(_LINE)
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
        system = {"role": "system", "content": instruction}
        user = {"role": "user", "content": _USER_MESSAGE}
        both = {"role": "user", "content": f"{instruction}\n\n{_USER_MESSAGE}"}
        try:
            try:
                return self._format([system, user])
            except ValueError:  # some models know no system role
                return self._format([both])
        except Exception as error:  # noqa: BLE001 - see above
            raise ModelUnavailable(f"the model's chat template fails: {error}") from None

    def _format(self, messages: list[dict[str, str]]) -> str:
        done = self._formatter(messages=messages, enable_thinking=False)
        return str(done.prompt)


def _text(vocabulary: Any, token: int) -> str:
    if token < 0:
        return ""
    return bytes(llama.llama_vocab_get_text(vocabulary, token)).decode(errors="replace")
