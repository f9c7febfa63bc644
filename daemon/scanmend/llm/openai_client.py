"""Correct lines by a server that speaks OpenAI's protocol (llama-server, vLLM, Ollama …).

Each line is a request of its own, a few at a time, with the page before it. The text that the requests share comes first,
so a server that caches the beginnings of prompts reads the page once. Such a server does not report how sure it is of an
edit, so the proposals have no margins.
"""

import concurrent.futures
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from scanmend.errors import ModelUnavailable
from scanmend.page import Bound, LineProposal, ModelInfo, PageProposal
from scanmend.workers.protocol import ConnectRequest

CONCURRENT_REQUESTS = 4
# The limit of an answer (``max_tokens``). A text has no more tokens than bytes, so a correction never reaches it.
MAX_TOKENS_PER_LINE_BYTE = 1.3
SPARE_TOKENS = 24
MAX_RESPONSE_BYTES = 2**20
MAX_ATTEMPTS = 3  # to send a request while the server is busy
BUSY_STATUSES = (429, 500, 502, 503)
MAX_PROMPT_PAGE_CHARACTERS = 20_000  # the prompt shows no more of the page
MIN_REQUEST_SECONDS = 0.1  # timeout of a request, even when the page's time is almost over


@dataclass(frozen=True, slots=True)
class _Completion:
    """A server's answer for one line. ``text`` None: time ran out. ``bound``: the limit that cut the text short."""

    text: str | None
    tokens: int = 0
    bound: Bound | None = None


class OpenAiCorrector:
    """A corrector that asks one server."""

    def __init__(self, request: ConnectRequest) -> None:
        """Connect to the server; raise ModelUnavailable if it does not answer or lacks the model."""
        self._request = request
        headers = {"Authorization": f"Bearer {request.key}"} if request.key else {}
        self._client = httpx2.Client(
            base_url=request.base_url.rstrip("/") + "/", headers=headers, timeout=request.seconds
        )
        try:
            self.info = ModelInfo(self._model_name(), "", "", 0, 0, "server")
        except BaseException:
            self._client.close()
            raise

    def _model_name(self) -> str:
        """Return the name of the wanted model, or of the server's first one for "auto"."""
        wanted = self._request.model
        listed = self._answer("GET", "models", None).get("data", [])
        models = [str(model.get("id")) for model in listed]
        if not models or wanted not in ("auto", *models):
            available = ", ".join(models) or "none"
            raise ModelUnavailable(
                f"llm.model: {self._request.base_url} has no model {wanted}; it has: {available}"
            )
        return models[0] if wanted == "auto" else wanted

    def propose_page(
        self, instruction: str, lines: Sequence[str], wanted: Sequence[int], seconds: float
    ) -> PageProposal:
        """Return the proposals for the ``wanted`` lines, as ``page_proposal.propose_page`` does.

        Raises ModelUnavailable when the server refuses a request or can't be reached.
        """
        started = time.monotonic()
        deadline = started + seconds
        page = "\n".join(lines)[:MAX_PROMPT_PAGE_CHARACTERS]
        proposals: dict[int, LineProposal] = {}
        tokens = 0
        bound = None
        with concurrent.futures.ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            jobs = {
                pool.submit(self._complete, instruction, page, lines[n], deadline): n
                for n in wanted
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    completion = job.result()
                    tokens += completion.tokens
                    bound = bound or completion.bound
                    if completion.text is not None:
                        proposals[jobs[job]] = LineProposal(completion.text)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return PageProposal(
            lines=tuple(proposals.get(n) for n in range(len(lines))),
            model=self.info,
            tokens=tokens,
            seconds=time.monotonic() - started,
            bound=bound,
            calls=len(wanted),
            method="server",
        )

    def _complete(self, instruction: str, page: str, line: str, deadline: float) -> _Completion:
        """Return the server's answer for one line. ``deadline`` is on the monotonic clock."""
        if time.monotonic() >= deadline:
            return _Completion(None, bound=Bound.SECONDS)
        body = {
            "model": self.info.name,
            "messages": [
                {"role": "system", "content": instruction},
                {"role": "user", "content": f"<page>\n{page}\n</page>\n\nThe line:\n{line}"},
            ],
            "temperature": 0,
            "max_tokens": int(MAX_TOKENS_PER_LINE_BYTE * len(line.encode())) + SPARE_TOKENS,
        }
        left = max(MIN_REQUEST_SECONDS, deadline - time.monotonic())
        try:
            answer = self._answer("POST", "chat/completions", body, left)
        except TimeoutError:
            return _Completion(None, bound=Bound.SECONDS)
        try:
            choice = answer["choices"][0]
            text = str(choice["message"]["content"] or "").strip()
            tokens = int(answer.get("usage", {}).get("completion_tokens", 0))
            cut_short = choice.get("finish_reason") == "length"
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise ModelUnavailable(
                f"{self._request.base_url}: an answer that is no chat completion: {json.dumps(answer)[:200]}"
            ) from None
        return _Completion(text, tokens, Bound.TOKENS if cut_short else None)

    def _answer(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Return the server's answer, after up to MAX_ATTEMPTS while the server is busy.

        Raises ModelUnavailable, or TimeoutError when ``seconds`` are over (None: the limit of ``ConnectRequest``).
        """
        setting = f"{self._request.base_url}: llm.base_url"
        deadline = time.monotonic() + (seconds or self._request.seconds)
        for attempt in range(MAX_ATTEMPTS):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                status, content = self._exchange(method, path, body, left)
            except httpx2.TimeoutException:
                break
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise ModelUnavailable(
                    f"{setting} can't be reached ({type(error).__name__}: {error})",
                    "scanmend tries again later",
                ) from None
            if status == 200:
                return _parsed(setting, content)
            is_last = attempt == MAX_ATTEMPTS - 1
            if status not in BUSY_STATUSES or is_last:
                raise _refusal(setting, path, status, content)
            time.sleep(min(2.0**attempt, max(0.0, deadline - time.monotonic())))
        if seconds is None:
            limit = self._request.seconds
            raise ModelUnavailable(
                f"{setting}: no answer within {limit:g} s", "see the server's log"
            )
        raise TimeoutError

    def _exchange(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float
    ) -> tuple[int, bytes]:
        """Return the HTTP status and content; raise httpx2.ReadError for more than MAX_RESPONSE_BYTES."""
        with self._client.stream(method, path, json=body, timeout=seconds) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_RESPONSE_BYTES:
                    raise httpx2.ReadError("an answer of more than a megabyte")
            return response.status_code, content


def _refusal(setting: str, path: str, status: int, content: bytes) -> ModelUnavailable:
    """Return the error for an HTTP status other than 200."""
    if status in (401, 403):
        return ModelUnavailable(f"{setting}: {status}: the key is wrong", "see llm.api_key_file")
    excerpt = content[:200].decode(errors="replace")
    return ModelUnavailable(f"{setting}: answered {status} to {path}: {excerpt}")


def _parsed(setting: str, content: bytes) -> dict[str, Any]:
    """Return the JSON object that the server sent; raise ModelUnavailable for anything else."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ModelUnavailable(
            f"{setting}: the server there does not speak OpenAI's protocol",
            "is the path /v1 missing?",
        )
    return answer
