"""Test how a child reports what its handler raises."""

import pytest

from scanmend.errors import ChildError, OutOfMemory, ScanmendError
from scanmend.workers import codec, server
from scanmend.workers.protocol import DeviceRequest, ErrorReply

MAPPING = "libopenvino.so: failed to map segment from shared object"


@pytest.mark.parametrize(
    ("raised", "reported"),
    [
        (MemoryError(), OutOfMemory),
        (ImportError(MAPPING), OutOfMemory),  # of a library, while memory is short
        (ImportError("cannot import name 'x'"), ChildError),
        (ValueError("a bug"), ChildError),
    ],
)
def test_what_a_handler_raises_becomes_an_error_of_its_kind(
    raised: Exception, reported: type[ScanmendError]
) -> None:
    def handler(_request: DeviceRequest, _tell: server.Tell) -> str:
        raise raised

    frame = server._answer({DeviceRequest: handler}, codec.encode(DeviceRequest()), lambda _: None)

    answer = codec.decode_answer(DeviceRequest(), frame)
    assert isinstance(answer, ErrorReply)
    assert type(answer.error()) is reported
