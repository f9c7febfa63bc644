"""Correct pages with a server (llama-server, vLLM …) as the judge of replacements, beside the built-in corrector.

A server that only chats (Ollama, OpenAI) can't judge: it does not tell how likely a text is. The built-in corrector then works
alone.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scanmend.errors import ModelUnavailable
from scanmend.llm.judge.known_languages import KnownLanguages
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock
from scanmend.llm.server_echo import EchoScorer, EchoWay
from scanmend.llm.server_forcing import ForcingScorer
from scanmend.llm.server_models import candidates
from scanmend.llm.server_probe import CantJudge, Way, find_way
from scanmend.page import ModelInfo, PageProposal
from scanmend.workers.protocol import ConnectRequest

if TYPE_CHECKING:  # importing llama.cpp takes a quarter of a second, and a server may not answer
    from scanmend.llm.judge.page_judgement import PageToJudge
    from scanmend.llm.loader import LoadedCorrector

WHAT_JUDGES = "llama-server and vLLM can"


class ServerJudge:
    """A server that judges, or the reason why it can't (``why_not``, "" if it can)."""

    def __init__(
        self, request: ConnectRequest, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Connect to the server, and find out how to ask it. ``say`` is called with messages for people.

        Raises ModelUnavailable if the server does not answer, or lacks the model.
        """
        self._load_seconds = request.load_seconds or request.seconds
        self._client = ServerClient(request.base_url, request.key, say)
        root = self._client.base_url.removesuffix("/v1")
        self._root = ServerClient(root, request.key, say)
        self._way: Way | None = None
        self._languages = KnownLanguages()
        self.why_not = ""
        try:
            clock = ServerClock(request.seconds, self._load_seconds)
            name = self._choose(*candidates(self._client, request.model, clock), say)
        except BaseException:
            self.close()
            raise
        self.info = ModelInfo(name, "", "", 0, 0, "server")

    def _choose(
        self, names: Sequence[str], skipped: Sequence[str], say: Callable[[str], None]
    ) -> str:
        """Return the first model that can judge, and note the way; without any, return the first, and note why.

        ``skipped``: models that generate no text.
        """
        reasons = [f"{', '.join(skipped)}: no model that generates text"] if skipped else []
        for name in names:
            # a server may load the model only now, without an answer meanwhile
            clock = ServerClock(self._load_seconds, self._load_seconds)
            try:
                self._way = find_way(self._client, self._root, name, clock)
            except CantJudge as error:
                reasons.append(f"{name} can't judge ({error})")
                if error.whatever_the_model:  # Ollama, for one, would load each model in turn
                    break
                continue
            except TimeoutError:
                raise ModelUnavailable(
                    f"{self._client.setting}: {name}: no answer within llm.load_timeout",
                    "raise it, or see the server's log",
                ) from None
            if reasons:
                say(
                    f"{self._client.base_url}: {'; '.join(reasons)}; using {name} (llm.model names another)"
                )
            return name
        self.why_not = f"{self._client.base_url}: {'; '.join(reasons)}; {WHAT_JUDGES}"
        say(f"{self.why_not}; the built-in corrector works alone")
        return names[0]

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()
        self._root.close()

    def info_beside(self, corrector: "LoadedCorrector | None") -> ModelInfo:
        """Return the model that corrects: the server's, or the corrector, with the reason, if the server can't judge.

        Raises ModelUnavailable if there is neither.
        """
        if not self.why_not:
            return self.info
        if corrector is None:
            raise ModelUnavailable(self.why_not, "use a server that can judge")
        return dataclasses.replace(corrector.info, unused_server=self.why_not)

    def propose_page(
        self, corrector: "LoadedCorrector | None", page: "PageToJudge", seconds: float
    ) -> PageProposal:
        """Return the proposals for the page's wanted lines, as ``combined_proposal.propose_with_judge`` does.

        Raises ModelUnavailable when the server can't be used, ChildError when it refuses a request.
        """
        from scanmend.llm.judge.combined_proposal import judge_proposal  # noqa: PLC0415
        from scanmend.llm.judge.proposal_meter import ProposalMeter  # noqa: PLC0415

        info, way = self.info_beside(corrector), self._way
        if way is None:
            return dataclasses.replace(self._own(corrector, page, seconds), model=info)
        clock = ServerClock(seconds, self._load_seconds)
        scorer = self._scorer(way, clock)
        meter = ProposalMeter(info, scorer, seconds)
        own = self._own(corrector, page, seconds)
        return judge_proposal(scorer, self._languages, meter, own, page, lambda: clock.is_over)

    def _own(
        self, corrector: "LoadedCorrector | None", page: "PageToJudge", seconds: float
    ) -> PageProposal:
        """Return the corrector's own proposals; none without a corrector."""
        from scanmend.llm.page_proposal import propose_page  # noqa: PLC0415

        if corrector is None:
            return PageProposal((None,) * len(page.lines), self.info, 0, 0.0)
        return propose_page(corrector, page.lines, page.wanted, seconds, page.alternatives)

    def _scorer(self, way: Way, clock: ServerClock) -> EchoScorer | ForcingScorer:
        if isinstance(way, EchoWay):
            return EchoScorer(self._client, way, clock)
        return ForcingScorer(self._root, way, clock)
