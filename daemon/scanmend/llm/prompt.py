"""The conversation with a chat model as tokens: by the model's own template, with the data kept apart.

What comes from the page is tokenized by itself and never as a marker of the template: a scan that shows
``<|im_end|>`` shows ten characters.
"""

from dataclasses import dataclass
from typing import Any

import llama_cpp as llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from scanmend.errors import ModelUnavailable
from scanmend.llm.llama_context import Context

_PAGE, _LINE = (
    "\ue0f0\ue0f1\ue0f2",
    "\ue0f3\ue0f4\ue0f5",
)  # private use: stand for the data in the template
# the line stands last, and alone: a template may show that and nothing else (the built-in corrector's does)
_REQUEST = f"<page>\n{_PAGE}\n</page>\n\nThe line:\n{_LINE}"
_NO_TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n\n{% endfor %}The line, corrected:\n"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens around the data: ``head`` page ``middle`` line ``tail``."""

    head: tuple[int, ...]
    middle: tuple[int, ...]
    tail: tuple[int, ...]
    shows_page: bool

    def before_lines(self, page: list[int]) -> list[int]:
        """What all lines of a page begin with."""
        return [*self.head, *(page if self.shows_page else ()), *self.middle]

    def of_line(self, line: list[int]) -> list[int]:
        """What comes after that, up to the answer."""
        return [*line, *self.tail]


class Template:
    """A model's chat template."""

    def __init__(self, model: Any, context: Context) -> None:
        """ModelUnavailable when the template can't be used."""
        vocab = llama.llama_model_get_vocab(model)
        raw = llama.llama_model_chat_template(model, None)
        self._context = context
        try:
            self._formatter = Jinja2ChatFormatter(
                raw.decode() if raw else _NO_TEMPLATE,
                eos_token=_text(vocab, llama.llama_vocab_eos(vocab)),
                bos_token=_text(vocab, llama.llama_vocab_bos(vocab)),
            )
        except Exception as error:  # noqa: BLE001 - a template is a program that came with the model
            raise ModelUnavailable(f"the model's chat template is broken: {error}") from None

    def prompt(self, instruction: str) -> Prompt:
        """The tokens of a conversation that begins with this system prompt."""
        text = self._rendered(instruction)
        before, line, tail = text.partition(_LINE)
        if not line:
            raise ModelUnavailable("the model's chat template does not show the user's message")
        head, page, middle = before.partition(_PAGE)
        tokens = self._context.tokenize(head.encode(), special=True)
        beginning = self._context.beginning
        if tokens[: len(beginning)] != beginning:
            tokens = beginning + tokens
        return Prompt(
            tuple(tokens),
            tuple(self._context.tokenize(middle.encode(), special=True)),
            tuple(self._context.tokenize(tail.encode(), special=True)),
            bool(page),
        )

    def _rendered(self, instruction: str) -> str:
        system = {"role": "system", "content": instruction}
        user = {"role": "user", "content": _REQUEST}
        try:
            try:
                return self._format([system, user])
            except ValueError:  # some models know no system role
                return self._format([{"role": "user", "content": f"{instruction}\n\n{_REQUEST}"}])
        except Exception as error:  # noqa: BLE001
            raise ModelUnavailable(f"the model's chat template fails: {error}") from None

    def _format(self, messages: list[dict[str, str]]) -> str:
        done = self._formatter(messages=messages, enable_thinking=False)
        return str(done.prompt)


def _text(vocab: Any, token: int) -> str:
    if token < 0:
        return ""
    return bytes(llama.llama_vocab_get_text(vocab, token)).decode(errors="replace")
