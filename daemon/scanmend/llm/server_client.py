"""Exchange JSON with one server over HTTP: retries while it is busy or loading, and errors that name their cause."""

import json
import time
from collections.abc import Callable, Container
from typing import Any

import httpx2

from scanmend.errors import ChildError, ModelUnavailable, show
from scanmend.llm.server_clock import MIN_REQUEST_SECONDS, ServerClock
from scanmend.llm.server_errors import (
    connection_error,
    excerpt,
    not_json,
    status_error,
    still_loading,
)
from scanmend.llm.server_route import proxy_for

HTTP_OK = 200
MAX_RESPONSE_BYTES = 2**20
MAX_ATTEMPTS = 3  # to send a request while the server is busy, or breaks its answer off
LOADING_STATUS = 503
BUSY_STATUSES = (429, 500, 502, 504)
FIRST_LOADING_PAUSE, MAX_LOADING_PAUSE = (
    0.2,
    5.0,
)  # seconds between two tries while the server loads
MAX_RETRY_AFTER_SECONDS = 30.0  # that a server may ask for


class ServerClient:
    """A connection to one server. Any thread may call ``answer``."""

    def __init__(self, base_url: str, key: str, say: Callable[[str], None]) -> None:
        """Open no connection yet. ``say`` is called with messages for people.

        Raises ModelUnavailable for a key or a proxy that can't be used.
        """
        self.base_url = base_url.rstrip("/")
        self.setting = f"{self.base_url}: llm.base_url"
        try:
            self.proxy = proxy_for(base_url)
        except ValueError as error:
            raise ModelUnavailable(f"{self.setting}: {error}", "correct llm.base_url") from None
        self._say = say
        if not key.isascii() or not key.isprintable():
            what = "llm.api_key_file: the key has characters that no header can carry"
            raise ModelUnavailable(what, "write the key alone into the file, in one line")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            # with a transport of its own, the client does not use the environment's proxies
            transport = httpx2.HTTPTransport(proxy=self.proxy or None)
        except (ImportError, ValueError) as error:
            what = (
                f"{self.setting}: the proxy {self.proxy} of the environment can't be used: {error}"
            )
            raise ModelUnavailable(what, "put the server into NO_PROXY") from None
        self._client = httpx2.Client(headers=headers, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def answer(
        self, method: str, path: str, body: dict[str, Any] | None, clock: ServerClock
    ) -> dict[str, Any]:
        """Return the server's answer. Try again while the server is busy, and wait while it is loading its model.

        Raises ModelUnavailable, ChildError if the server refuses this request, or TimeoutError at the clock's end.
        """
        status, content = self.settled(method, path, body, clock)
        if status != HTTP_OK:
            raise status_error(self.setting, path, status, content, self.proxy)
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise not_json(self.setting, content)
        return answer

    def settled(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        clock: ServerClock,
        busy: Container[int] = BUSY_STATUSES,
    ) -> tuple[int, bytes]:
        """Return the last HTTP status and the content, once the server has loaded its model and is not busy.

        ``busy``: the statuses after which to try again. Raises as ``answer``, except for what follows from the status.
        """
        attempts, loading = 0, 0
        while True:
            attempts += 1
            try:
                status, content, retry_after = self.exchange(
                    method, f"{self.base_url}/{path}", body, clock.left
                )
            except httpx2.TimeoutException:
                raise TimeoutError from None
            except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as error:
                if attempts >= MAX_ATTEMPTS:
                    raise self._broken_off(error) from None
                status, retry_after = BUSY_STATUSES[0], 0.0
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise connection_error(self.setting, error, self.proxy) from None
            if status == LOADING_STATUS:
                self._wait_for_load(clock, loading, content, retry_after)
                loading, attempts = loading + 1, 0
                continue
            clock.answered()
            if status not in busy or attempts >= MAX_ATTEMPTS:
                return status, content
            time.sleep(max(0.0, min(max(2.0 ** (attempts - 1), retry_after), clock.left)))

    def exchange(
        self, method: str, url: str, body: dict[str, Any] | None, seconds: float
    ) -> tuple[int, bytes, float]:
        """Return the HTTP status, the content, and the seconds of Retry-After (0: none).

        Raises httpx2.ReadError for more than MAX_RESPONSE_BYTES, httpx2.TimeoutException after ``seconds``.
        """
        seconds = max(MIN_REQUEST_SECONDS, seconds)
        deadline = time.monotonic() + seconds
        with self._client.stream(method, url, json=body, timeout=seconds) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_RESPONSE_BYTES:
                    raise httpx2.ReadError("an answer of more than a megabyte")
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("the answer takes too long")
            return response.status_code, content, _retry_after(response)

    def _wait_for_load(
        self, clock: ServerClock, tries: int, content: bytes, retry_after: float
    ) -> None:
        """Wait a moment for a server that is loading. Raises ModelUnavailable when ``llm.load_timeout`` is over."""
        left = clock.loading()
        if left <= 0:
            raise still_loading(self.setting, clock.load_seconds, content)
        if tries == 0:
            self._say(f"{self.base_url} is loading its model (503: {excerpt(content)})")
        pause = min(MAX_LOADING_PAUSE, FIRST_LOADING_PAUSE * 2.0 ** min(tries, 10))
        time.sleep(min(max(pause, retry_after), left))

    def _broken_off(self, error: Exception) -> ChildError:
        what = f"{self.setting}: the answer breaks off ({type(error).__name__}: {show(str(error))})"
        return ChildError(what, "see the server's log, and that of a proxy before it")


def _retry_after(response: httpx2.Response) -> float:
    """Return the seconds for which the server asks to wait; 0 if it does not, or names a date."""
    try:
        seconds = float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
    return max(0.0, min(seconds, MAX_RETRY_AFTER_SECONDS))
