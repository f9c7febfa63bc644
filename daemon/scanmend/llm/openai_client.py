"""Correct lines by a server that speaks OpenAI's protocol (llama-server, vLLM, Ollama …).

Each line is a request of its own, a few at a time, with the page before it. The text that the requests share comes first,
so a server that caches the beginnings of prompts reads the page once. Such a server does not report how sure it is of an
edit, so the proposals have no margins.
"""

import concurrent.futures
import time
from collections.abc import Callable, Sequence

from scanmend.errors import ChildError, TimedOut
from scanmend.llm.server_answer import Answered, Trouble, read_answer
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock
from scanmend.llm.server_models import choose_model
from scanmend.llm.time_note import time_note
from scanmend.page import Bound, LineProposal, ModelInfo, PageProposal
from scanmend.workers.protocol import ConnectRequest

CONCURRENT_REQUESTS = 4
# The limit of an answer (``max_tokens``). A text has no more tokens than bytes, so a correction never reaches it.
MAX_TOKENS_PER_LINE_BYTE = 1.3
SPARE_TOKENS = 24
MAX_PROMPT_PAGE_CHARACTERS = 20_000  # the prompt shows no more of the page


class OpenAiCorrector:
    """A corrector that asks one server."""

    def __init__(
        self, request: ConnectRequest, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Connect to the server. ``say`` is called with messages for people.

        Raises ModelUnavailable if the server does not answer, or lacks the model.
        """
        self._load_seconds = request.load_seconds or request.seconds
        self._client = ServerClient(request.base_url, request.key, say)
        clock = ServerClock(request.seconds, self._load_seconds)
        try:
            name = choose_model(self._client, request.model, clock, say)
        except BaseException:
            self._client.close()
            raise
        self.info = ModelInfo(name, "", "", 0, 0, "server")

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def propose_page(
        self, instruction: str, lines: Sequence[str], wanted: Sequence[int], seconds: float
    ) -> PageProposal:
        """Return the proposals for the ``wanted`` lines, as ``page_proposal.propose_page`` does.

        Raises ModelUnavailable when the server can't be used; ChildError when it refuses a request, or has no usable
        answer for any line; TimedOut when it answers nothing in time.
        """
        started = time.monotonic()
        clock = ServerClock(seconds, self._load_seconds)
        page = "\n".join(lines)[:MAX_PROMPT_PAGE_CHARACTERS]
        answers: dict[int, Answered] = {}
        with concurrent.futures.ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            jobs = {
                pool.submit(self._complete, instruction, page, lines[n], clock): n for n in wanted
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    answers[jobs[job]] = job.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        texts = {n: answer.text for n, answer in answers.items() if answer.text}
        note = self._note(list(answers.values()), seconds)
        if wanted and not texts:
            error = (
                TimedOut if any(a.bound is Bound.SECONDS for a in answers.values()) else ChildError
            )
            raise error(f"{self._client.base_url}: {note}")
        return PageProposal(
            lines=tuple(LineProposal(texts[n]) if n in texts else None for n in range(len(lines))),
            model=self.info,
            tokens=sum(answer.tokens for answer in answers.values()),
            seconds=time.monotonic() - started,
            bound=next((answer.bound for answer in answers.values() if answer.bound), None),
            calls=len(wanted),
            method="server",
            note=note,
        )

    def _note(self, answers: Sequence[Answered], seconds: float) -> str:
        """Return what went wrong with lines of the page, and which key changes it; "" if nothing did."""
        late = sum(answer.bound is Bound.SECONDS for answer in answers)
        notes = [time_note(late, len(answers), seconds)] if late else []
        for trouble in Trouble:
            count = sum(answer.trouble is trouble for answer in answers)
            if count:
                notes.append(f"{count} of {len(answers)} lines: {trouble.value}")
        return "; ".join(notes)

    def _complete(self, instruction: str, page: str, line: str, clock: ServerClock) -> Answered:
        """Return the server's answer for one line."""
        if clock.is_over:
            return Answered("", bound=Bound.SECONDS)
        body = {
            "model": self.info.name,
            "messages": [
                {"role": "system", "content": instruction},
                {"role": "user", "content": f"<page>\n{page}\n</page>\n\nThe line:\n{line}"},
            ],
            "temperature": 0,
            "max_tokens": int(MAX_TOKENS_PER_LINE_BYTE * len(line.encode())) + SPARE_TOKENS,
        }
        try:
            answer = self._client.answer("POST", "chat/completions", body, clock)
        except TimeoutError:
            return Answered("", bound=Bound.SECONDS)
        return read_answer(answer, self._client.base_url)
