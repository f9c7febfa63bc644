"""Encode the messages between the daemon and its children as frames of JSON, and decode them with validation.

The daemon and the children both decode here. A frame that does not fit its type, or a reply that does not fit its
request, raises ProtocolError.
"""

import functools
import json
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from scanmend.errors import ProtocolError, show
from scanmend.workers.protocol import Answer, ErrorReply, Reply, Request, Step

R = TypeVar("R")

MAX_REASON_CHARACTERS = 300  # of the decoder's message, which may quote the frame


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as one frame. Half a surrogate pair, which a PDF's text may hold, becomes "?"."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(message)
        return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def decode_answer(request: Request[R], frame: bytes) -> Answer[R]:
    """Return a child's answer to this request. Raises ProtocolError for anything else."""
    answer: Answer[R] = _decode(_answer_decoder(type(request)), frame)
    if isinstance(answer, Reply) and (objection := request.objection(answer.value)):
        raise ProtocolError(f"its reply does not fit the request: {objection}")
    return answer


def decode_request(known: Iterable[type[Request[Any]]], frame: bytes) -> Request[Any]:
    """Return the request in a frame. Raises ProtocolError unless it is one of the classes ``known``."""
    request: Request[Any] = _decode(_request_decoder(frozenset(known)), frame)
    return request


def _decode(decoder: msgspec.json.Decoder[Any], frame: bytes) -> Any:
    """Return the message in a frame. Raises ProtocolError if it does not fit the decoder's type."""
    try:
        return decoder.decode(frame)
    except (ValueError, RecursionError) as error:
        reason = show(str(error))[:MAX_REASON_CHARACTERS]
        what = f"a message of {len(frame)} bytes is not what the protocol allows: {reason}"
        raise ProtocolError(what) from None


@functools.cache
def _answer_decoder(request: type[Request[Any]]) -> msgspec.json.Decoder[Any]:
    """Return the decoder of the answers to a class of requests; ``class X(Request[Y])`` is answered by a Y."""
    (reply,) = typing.get_args(request.__orig_bases__[0])  # type: ignore[attr-defined]
    answer: Any = Reply[reply] | Step | ErrorReply  # type: ignore[valid-type]
    return msgspec.json.Decoder(answer)


@functools.cache
def _request_decoder(known: frozenset[type[Request[Any]]]) -> msgspec.json.Decoder[Any]:
    """Return the decoder of these classes of requests."""
    union: Any = typing.Union[tuple(known)]  # noqa: UP007 - the number of classes varies
    return msgspec.json.Decoder(union)
