"""Encode the messages between the daemon and its children as frames of JSON, and decode them with validation.

Both sides decode here. A frame that does not fit its type, or a reply that does not answer its request, is a
ProtocolError.
"""

import functools
import json
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from scanmend.errors import ProtocolError, show
from scanmend.workers.protocol import Answer, Failure, Reply, Request, Step

R = TypeVar("R")

REASON_CHARACTERS = 300  # of the reason why a frame is refused; it may quote the frame


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as one frame. Half a surrogate pair, which a PDF's text may hold, becomes "?"."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(message)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def decode_answer(request: Request[R], frame: bytes) -> Answer[R]:
    """Return what a child answered to this request; ProtocolError when it is no answer to it."""
    answer: Answer[R] = _decode(_answer_decoder(type(request)), frame)
    if isinstance(answer, Reply) and (objection := request.objection(answer.value)):
        raise ProtocolError(f"its reply does not fit the request: {objection}")
    return answer


def decode_request(known: Iterable[type[Request[Any]]], frame: bytes) -> Request[Any]:
    """Return the request in a frame; ProtocolError when it is none of the ``known`` ones."""
    request: Request[Any] = _decode(_request_decoder(frozenset(known)), frame)
    return request


def _decode(decoder: msgspec.json.Decoder[Any], frame: bytes) -> Any:
    try:
        return decoder.decode(frame)
    except (ValueError, RecursionError) as error:
        why = show(str(error))[:REASON_CHARACTERS]
        what = f"a message of {len(frame)} bytes is not what the protocol allows: {why}"
        raise ProtocolError(what) from None


@functools.cache
def _answer_decoder(request: type[Request[Any]]) -> msgspec.json.Decoder[Any]:
    """Return the decoder of the answers to a class of requests: ``class X(Request[Y])`` says that it is Y."""
    (reply,) = typing.get_args(request.__orig_bases__[0])  # type: ignore[attr-defined]
    answer: Any = Reply[reply] | Step | Failure  # type: ignore[valid-type]
    return msgspec.json.Decoder(answer)


@functools.cache
def _request_decoder(known: frozenset[type[Request[Any]]]) -> msgspec.json.Decoder[Any]:
    union: Any = typing.Union[tuple(known)]  # noqa: UP007 - of as many classes as there are
    return msgspec.json.Decoder(union)
