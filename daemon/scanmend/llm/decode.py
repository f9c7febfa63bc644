"""A page's lines in, a proposal for each line out. What comes back is only a proposal: the gate decides.

The lines are numbered, so that a line which the model drops, merges or invents harms no other. Bounded in
tokens, in wall time and against repetition.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from scanmend.llm.model import Loaded
from scanmend.values import Proposal

_NUMBERED = re.compile(r"^\s*(\d+)\s*[:|]\s?(.*)$")
GROWTH = 1.3  # tokens out for each token in
SPARE = 8  # tokens out besides, for each line
REPEATED = 60  # characters that, said twice in a row, end the page


def correct(loaded: Loaded, prompt: str, lines: list[str], seconds: float) -> Proposal:
    """Ask the model for each line of the page; a line it left out, or had no time for, is None."""
    started = time.monotonic()
    answers: dict[int, str] = {}
    tokens = 0
    bound = None
    for numbers in _parts(loaded.llama, prompt, lines):
        left = seconds - (time.monotonic() - started)
        if left <= 0:
            bound = "seconds"
            break
        text, count, bound = _ask(loaded.llama, prompt, lines, numbers, left)
        tokens += count
        answers |= {
            n: answer for n, answer in _answers(text, bound) if n in numbers and n not in answers
        }
    proposed = tuple(answers.get(number) for number in range(len(lines)))
    return Proposal(proposed, loaded.info, tokens, time.monotonic() - started, bound)


def _parts(llama: Any, prompt: str, lines: list[str]) -> Iterator[range]:
    """Runs of lines that fit the context together with their answer."""
    room = llama.n_ctx() - _count(llama, prompt) - 64
    start, used = 0, 0
    for number, line in enumerate(lines):
        need = int(_count(llama, line) * (1 + GROWTH)) + 2 * SPARE
        if used + need > room and number > start:
            yield range(start, number)
            start, used = number, 0
        used += need
    if start < len(lines):
        yield range(start, len(lines))


def _ask(
    llama: Any, prompt: str, lines: list[str], numbers: range, seconds: float
) -> tuple[str, int, str | None]:
    """One answer: the text, its tokens, and the bound that cut it short."""
    deadline = time.monotonic() + seconds
    page = "\n".join(f"{number + 1}: {lines[number]}" for number in numbers)
    most = int(GROWTH * _count(llama, page)) + SPARE * len(numbers)
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": page}]
    most = max(1, min(most, llama.n_ctx() - _count(llama, prompt + page) - 48))
    text, count = "", 0
    try:
        stream = llama.create_chat_completion(
            messages, temperature=0.0, max_tokens=most, stream=True
        )
        for chunk in stream:
            choice = chunk["choices"][0]
            text += choice["delta"].get("content") or ""
            count += 1
            if time.monotonic() > deadline:
                return text, count, "seconds"
            if len(text) > 4 * REPEATED and text[-REPEATED:] == text[-2 * REPEATED : -REPEATED]:
                return text, count, "repetition"
            if choice["finish_reason"] == "length":
                return text, count, "tokens"
    except ValueError:  # the prompt does not fit the context after all
        return text, count, "tokens"
    return text, count, None


def _answers(text: str, bound: str | None) -> Iterator[tuple[int, str]]:
    """The numbered lines of an answer; when it was cut short, its last line is not whole."""
    lines = text.splitlines()
    for line in lines[:-1] if bound else lines:
        match = _NUMBERED.match(line)
        if match:
            yield int(match[1]) - 1, match[2].rstrip()


def _count(llama: Any, text: str) -> int:
    return len(llama.tokenize(text.encode("utf-8", "replace"), add_bos=False))
