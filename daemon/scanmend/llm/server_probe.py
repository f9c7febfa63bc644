"""Find out in which way a server can tell how likely texts are, by a text whose words any language model expects."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scanmend.correction.channel import Nats
from scanmend.errors import ChildError
from scanmend.llm.llama_server import (
    COMPLETION,
    PROPS,
    ForcingWay,
    LlamaServer,
    ServerToken,
    forced_logs,
    forcing_body,
)
from scanmend.llm.server_client import HTTP_OK, ServerClient
from scanmend.llm.server_clock import ServerClock
from scanmend.llm.server_echo import COMPLETIONS, EchoWay
from scanmend.llm.server_errors import excerpt, is_html, status_error

_REPEATED = "one two three four five six seven eight nine ten\n"
# The mean of the logs of the words of _REPEATED when it is repeated. Language models find it near 0. A server that reports
# the probabilities of other tokens than those of the prompt is far below.
MIN_REPEATED_LOG: Nats = -3.0
MAX_UNEXPECTED_LOG: Nats = -1.0  # of a number at a wrong place; 0: the server counts the bias in
# Tokens that begin texts. llama-cpp-python's server pairs tokens with the wrong logs, unless the prompt begins with one.
_MARKERS = ("<|endoftext|>", "<|im_start|>", "<s>")
_REFUSALS = (400, 404, 405, 410, 415, 422, 500, 501)  # statuses of a server that can't do it
NOT_FOUND = 404
_BUSY = (429, 502, 504)
DEFAULT_CELLS = 2048  # of a server that does not tell
MAX_SLOTS = 16

Way = EchoWay | ForcingWay


class CantJudge(Exception):
    """The server can't tell how likely texts are; the message says why, for people.

    ``whatever_the_model``: its model answered, and it is the server that lacks both ways.
    """

    def __init__(self, reason: str, *, whatever_the_model: bool = False) -> None:
        """Say why."""
        super().__init__(reason)
        self.whatever_the_model = whatever_the_model


def find_way(client: ServerClient, root: ServerClient, model: str, clock: ServerClock) -> Way:
    """Return how to ask the server's model. ``root``: the client of the server's address without ``/v1``.

    Raises CantJudge; ModelUnavailable if the server can't be used; TimeoutError at the clock's end.
    """
    try:
        return _echo_way(client, model, clock)
    except CantJudge as error:
        echo = error
    try:
        return _forcing_way(root, model, clock)
    except CantJudge as error:
        both = echo.whatever_the_model and error.whatever_the_model
        raise CantJudge(f"{echo}; {error}", whatever_the_model=both) from None


def _post(client: ServerClient, path: str, body: Any, clock: ServerClock) -> dict[str, Any]:
    """Return the server's answer; raise CantJudge if it refuses, else as ``find_way``."""
    method = "GET" if body is None else "POST"
    status, content = client.settled(method, path, body, clock, busy=_BUSY)
    if status in _REFUSALS:
        said = "" if is_html(content) else f": {excerpt(content)}"
        raise CantJudge(f"/{path}: {status}{said}", whatever_the_model=status == NOT_FOUND)
    if status != HTTP_OK:
        raise status_error(client.setting, path, status, content, client.proxy)
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise CantJudge(f"/{path}: it answers {excerpt(content)!r}")
    return answer


# echo -----------------------------------------------------------------------------------------------


def _echo_way(client: ServerClient, model: str, clock: ServerClock) -> EchoWay:
    """Return how the server takes prompts whose logprobs it returns; raise as ``find_way``."""
    plain = (EchoWay(model), EchoWay(model, takes_lists=False))
    marked = (EchoWay(model, marker, takes_lists=False) for marker in _MARKERS)
    reason, answered = "", False
    for way in (*plain, *marked):
        prompts = [_REPEATED * 2] * (2 if way.takes_lists else 1)
        try:
            answer = _post(client, COMPLETIONS, way.body(prompts), clock)
            logs = way.logs(answer, prompts)
        except (CantJudge, ValueError) as error:
            answered = isinstance(error, ValueError)
            reason = f"/{COMPLETIONS}: {error}" if answered else str(error)
            if way.takes_lists:
                continue
            break
        middle = len(_REPEATED)
        numbers = (
            log
            for (start, _), log in zip(logs[-1].spans, logs[-1].logs, strict=True)
            if start >= middle
        )
        if _is_expected(list(numbers)):
            return way
        reason = f"/{COMPLETIONS}: its logprobs are not those of the prompt's tokens"
    raise CantJudge(reason, whatever_the_model=answered)


def _is_expected(logs: Sequence[Nats]) -> bool:
    """Return whether these are the logs of a repeated text."""
    return bool(logs) and sum(logs) / len(logs) >= MIN_REPEATED_LOG


# llama-server ---------------------------------------------------------------------------------------


def _forcing_way(root: ServerClient, model: str, clock: ServerClock) -> ForcingWay:
    """Return what llama-server tells about its model; raise as ``find_way``."""
    _post(root, "tokenize", {"model": model, "content": "a", "with_pieces": True}, clock)
    plain = ForcingWay(model, (), adds_space=False, slots=1, cells=DEFAULT_CELLS)
    try:
        begin = LlamaServer(root, plain, clock).begin_tokens()
        spelled = LlamaServer(root, plain, clock).raw_tokens(["a", "\n"])
    except ChildError as error:
        raise CantJudge(error.what) from None
    adds_space = spelled[0].piece.startswith(b" ")
    slots, cells = _slots_and_cells(root, clock)
    start = tuple(token.id for token in begin or spelled[-1:])
    reason = ""
    for takes_grammar in (True, False):
        way = ForcingWay(model, start, adds_space, slots, cells, takes_grammar)
        try:
            _check_forcing(root, way, clock)
        except (
            CantJudge,
            ChildError,
            KeyError,
            ValueError,
            TypeError,
            OverflowError,
        ) as error:
            reason = reason or f"/{COMPLETION}: {error}"
        else:
            return way if _keeps_slots(root, way, clock) else dataclasses.replace(way, slots=1)
    raise CantJudge(reason)


def _keeps_slots(root: ServerClient, way: ForcingWay, clock: ServerClock) -> bool:
    """Return whether a slot keeps its cache while another one works.

    By default llama-server clears idle slots. Then one slot alone is faster than several that read the page again and
    again.
    """
    if way.slots == 1:
        return True
    (tokens,) = LlamaServer(root, way, clock).tokenize([_REPEATED.encode()])
    prompt = [*way.begin, *(token.id for token in tokens)]
    read = 0
    for slot in (0, 1, 0):
        answer = _post(root, COMPLETION, forcing_body(way.model, prompt, tokens[:1], slot), clock)
        try:
            read = int(answer["timings"]["prompt_n"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
    return read < len(tokens)


def _check_forcing(root: ServerClient, way: ForcingWay, clock: ServerClock) -> None:
    """Raise CantJudge, ValueError or KeyError unless the server forces tokens and reports their own probabilities."""
    (tokens,) = LlamaServer(root, way, clock).tokenize([_REPEATED.encode()])
    prompt = [*way.begin, *(token.id for token in tokens)]

    def ask(run: Sequence[ServerToken]) -> list[Nats]:
        return forced_logs(
            _post(root, COMPLETION, forcing_body(way.model, prompt, run, None), clock), run
        )

    if way.takes_grammar and not _is_expected(ask(tokens)):
        raise CantJudge("its logprobs are not those of the tokens that it was made to write")
    (unexpected,) = ask(tokens[-3:-2])
    if unexpected > MAX_UNEXPECTED_LOG:
        raise CantJudge("it can't tell a token's probability without the bias on it")


def _slots_and_cells(root: ServerClient, clock: ServerClock) -> tuple[int, int]:
    """Return how many requests the server works on at once, and how many tokens each may have."""
    try:
        props: Mapping[str, Any] = _post(root, PROPS, None, clock)
        cells = int(props["default_generation_settings"]["n_ctx"])
        slots = int(props["total_slots"])
    except (CantJudge, KeyError, TypeError, ValueError, OverflowError):
        return 1, DEFAULT_CELLS
    return max(1, min(slots, MAX_SLOTS)), max(1, cells)
