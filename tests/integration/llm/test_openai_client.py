"""Test the client of an OpenAI-compatible server against a real server on loopback that is not ready."""

import pytest

from hub import Hub, serving
from scanmend.errors import ModelUnavailable
from scanmend.llm.openai_client import OpenAiCorrector
from scanmend.workers.protocol import ConnectRequest


def test_a_server_that_stays_busy_while_scanmend_connects_is_named() -> None:
    with serving(Hub("owner/model", {})) as server:
        server.status = 503
        request = ConnectRequest(f"{server.address}/v1", "auto", "", seconds=0.5)

        with pytest.raises(
            ModelUnavailable, match=r"llm\.base_url: no answer within 0\.5 s"
        ) as error:
            OpenAiCorrector(request)

    assert server.address in str(error.value)
