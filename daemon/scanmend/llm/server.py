"""A server that speaks OpenAI's protocol (llama-server, vLLM, Ollama …) as the corrector.

Each line is a request of its own, a few at a time, with the page before it: what the requests share comes
first, so that a server which keeps its prompts' beginnings reads the page once. Such a server does not tell how
sure it is of an edit: the proposals have no margins.
"""

import concurrent.futures
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx2

from scanmend.errors import ModelUnavailable
from scanmend.page import Bound, LineProposal, ModelInfo, PageProposal
from scanmend.workers.protocol import ConnectRequest

AT_ONCE = 4  # requests
GROWTH = 1.3  # bytes out for each byte of the line
SPARE = 24  # bytes out besides
LARGEST = 2**20  # bytes of an answer
TRIES = 3  # of a request that the server is too busy for
PAGE = 20_000  # characters of the page that are shown


class Server:
    """The corrector behind an address."""

    def __init__(self, wish: ConnectRequest) -> None:
        """ModelUnavailable when it does not answer, or has no such model."""
        self._wish = wish
        headers = {"Authorization": f"Bearer {wish.key}"} if wish.key else {}
        self._client = httpx2.Client(
            base_url=wish.base_url.rstrip("/") + "/", headers=headers, timeout=wish.seconds
        )
        there = [str(m.get("id")) for m in self._ask("GET", "models", None).get("data", [])]
        if not there or wish.model not in ("auto", *there):
            known = ", ".join(there) or "none"
            raise ModelUnavailable(
                f"llm.model: {wish.base_url} has no model {wish.model}; it has: {known}"
            )
        name = there[0] if wish.model == "auto" else wish.model
        self.info = ModelInfo(name, "", "", 0, 0, "server")

    def correct(
        self, instruction: str, lines: Sequence[str], wanted: Sequence[int], seconds: float
    ) -> PageProposal:
        """As ``decode.correct``."""
        started = time.monotonic()
        page = "\n".join(lines)[:PAGE]
        texts: dict[int, LineProposal] = {}
        tokens = 0
        bound = None
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = {
                pool.submit(self._line, instruction, page, lines[n], started + seconds): n
                for n in wanted
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    text, count, cut = job.result()
                    tokens += count
                    bound = bound or cut
                    if text is not None:
                        texts[jobs[job]] = LineProposal(text)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return PageProposal(
            tuple(texts.get(n) for n in range(len(lines))),
            self.info,
            tokens,
            time.monotonic() - started,
            bound,
            len(wanted),
            "server",
        )

    def _line(
        self, instruction: str, page: str, line: str, end: float
    ) -> tuple[str | None, int, Bound | None]:
        """One line: its text, the tokens, and what cut it short."""
        if time.monotonic() >= end:
            return None, 0, Bound.SECONDS
        most = int(GROWTH * len(line.encode())) + SPARE
        asked = {
            "model": self.info.name,
            "messages": [
                {"role": "system", "content": instruction},
                {"role": "user", "content": f"<page>\n{page}\n</page>\n\nThe line:\n{line}"},
            ],
            "temperature": 0,
            "max_tokens": most,
        }
        try:
            answer = self._ask("POST", "chat/completions", asked, max(0.1, end - time.monotonic()))
        except TimeoutError:
            return None, 0, Bound.SECONDS
        try:
            choice = answer["choices"][0]
            text = str(choice["message"]["content"] or "").strip()
            count = int(answer.get("usage", {}).get("completion_tokens", 0))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise ModelUnavailable(
                f"{self._wish.base_url}: an answer of no known shape: {json.dumps(answer)[:200]}"
            ) from None
        return text, count, Bound.TOKENS if choice.get("finish_reason") == "length" else None

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float | None = None
    ) -> dict[str, Any]:
        """One request, tried again while the server is busy. TimeoutError after ``seconds``."""
        where = f"{self._wish.base_url}: llm.base_url"
        end = time.monotonic() + (seconds or self._wish.seconds)
        for attempt in range(TRIES):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                status, content = self._exchange(method, path, body, left)
            except httpx2.TimeoutException:
                if seconds is None:
                    raise ModelUnavailable(f"{where}: no answer within {left:.0f} s") from None
                raise TimeoutError from None
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise ModelUnavailable(
                    f"{where} can't be reached ({type(error).__name__}: {error}); it is tried again later"
                ) from None
            if status == 200:
                return _parsed(where, content)
            if status in (401, 403):
                raise ModelUnavailable(f"{where}: {status}: the key is wrong; see llm.api_key_file")
            if status not in (429, 500, 502, 503) or attempt == TRIES - 1:
                said = content[:200].decode(errors="replace")
                raise ModelUnavailable(f"{where}: answered {status} to {path}: {said}")
            time.sleep(min(2.0**attempt, max(0.0, end - time.monotonic())))
        raise TimeoutError

    def _exchange(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float
    ) -> tuple[int, bytes]:
        """Status and content, of which no more is read than a page can need."""
        with self._client.stream(method, path, json=body, timeout=seconds) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LARGEST:
                    raise httpx2.ReadError("an answer of more than a megabyte")
            return response.status_code, content


def _parsed(where: str, content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ModelUnavailable(f"{where}: what answers is no such server; is the path /v1 missing?")
    return answer
