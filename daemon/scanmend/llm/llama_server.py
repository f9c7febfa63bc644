"""Make the requests to llama-server: tokens of texts, and the probabilities of tokens that it is made to write."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanmend.correction.channel import Nats
from scanmend.errors import ChildError
from scanmend.llm.judge.scorer import clipped_log
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock

COMPLETION, TOKENIZE, PROPS = "completion", "tokenize", "props"
MAX_FORCED = 64  # tokens of one request
BIAS = 1000.0  # on wanted tokens: else the server holds its whole vocabulary against the grammar for each token


# what an answer of another form raises
_ODD_ANSWER = (KeyError, TypeError, ValueError, OverflowError, StopIteration, AttributeError)


@dataclass(frozen=True, slots=True)
class ServerToken:
    """A token and the bytes that it spells. ``is_part``: they are a part of a character."""

    id: int
    piece: bytes
    is_part: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "ServerToken":
        """Return the token of an entry of the server's answer."""
        piece = entry["piece"]
        if isinstance(piece, str):
            return cls(int(entry["id"]), piece.encode(), is_part=False)
        return cls(int(entry["id"]), bytes(list(piece)), is_part=True)


@dataclass(frozen=True, slots=True)
class ForcingWay:
    """What a server told about its model.

    ``begin``: the tokens before each text. ``adds_space``: its tokenizer puts a space before each text. ``slots``: how many
    requests it works on at once, each with a cache of ``cells`` tokens. ``takes_grammar``: several tokens can be forced by
    one request.
    """

    model: str
    begin: tuple[int, ...]
    adds_space: bool
    slots: int
    cells: int
    takes_grammar: bool = True


class LlamaServer:
    """The requests to one llama-server. Any thread may use it."""

    def __init__(self, client: ServerClient, way: ForcingWay, clock: ServerClock) -> None:
        """Ask this server until the clock's end. ``client``: its address is that of the server, without ``/v1``."""
        self._client, self._way, self._clock = client, way, clock

    def begin_tokens(self) -> list[ServerToken]:
        """Return the tokens that the model wants before each text."""
        return self.raw_tokens([""], add_special=True)

    def raw_tokens(self, texts: Sequence[str], *, add_special: bool = False) -> list[ServerToken]:
        """Return the tokens of the texts, as the tokenizer makes them. Raises ChildError for an odd answer."""
        body = {
            "model": self._way.model,
            "content": list(texts),
            "add_special": add_special,
            "parse_special": False,
            "with_pieces": True,
        }
        answer = self._client.answer("POST", TOKENIZE, body, self._clock)
        with self._explained(TOKENIZE):
            return [ServerToken.of(entry) for entry in answer["tokens"]]
        return []

    def tokenize(self, texts: Sequence[bytes]) -> list[list[ServerToken]]:
        """Return the tokens of each text. Raises ChildError if they don't spell it."""
        if not texts:
            return []
        lead, added = ("\n", b" \n") if self._way.adds_space else ("", b"")
        tokens = iter(self.raw_tokens([lead + text.decode(errors="replace") for text in texts]))
        with self._explained(TOKENIZE):
            return [self._spelling(text, added, tokens) for text in texts]
        return []

    @staticmethod
    def _spelling(text: bytes, added: bytes, tokens: Iterator[ServerToken]) -> list[ServerToken]:
        """Return the next tokens, up to those that spell ``added`` and the text, without those of ``added``."""
        spelled, found = b"", []
        whole = added + text.decode(errors="replace").encode()
        while len(spelled) < len(whole):
            token = next(tokens)
            spelled += token.piece
            if len(spelled) > len(added):
                found.append(token)
        if spelled != whole:
            raise ValueError("tokens that do not spell the text")
        return found

    def forced(
        self, prompt: Sequence[int], tokens: Sequence[ServerToken], slot: int
    ) -> tuple[list[Nats], int]:
        """Return the log of the probability of each of the tokens behind the prompt, and the number of requests.

        The server does not tell the log of a part of a character; it counts 0.
        """
        logs, calls = [0.0] * len(tokens), 0
        numbers = [token.id for token in tokens]
        for first, last in self._runs(tokens):
            if self._clock.is_over:
                raise TimeoutError
            run = tokens[first:last]
            body = forcing_body(self._way.model, [*prompt, *numbers[:first]], run, slot)
            answer = self._client.answer("POST", COMPLETION, body, self._clock)
            with self._explained(COMPLETION):
                logs[first:last] = forced_logs(answer, run)
            calls += 1
        return logs, calls

    def _runs(self, tokens: Sequence[ServerToken]) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the tokens that one request each can force: all but parts of characters."""
        most = MAX_FORCED if self._way.takes_grammar else 1
        start = 0
        for n, token in enumerate(tokens):
            if token.is_part or n - start == most:
                if start < n:
                    yield start, n
                start = n + 1 if token.is_part else n
        if start < len(tokens):
            yield start, len(tokens)

    @contextlib.contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Raise ChildError for an answer that is not what llama-server sends."""
        try:
            yield
        except _ODD_ANSWER as error:
            what = f"{self._client.base_url}: answered {path} with something else: {error!r}"
            raise ChildError(what, "see the server's log") from None


def forcing_body(
    model: str, prompt: Sequence[int], run: Sequence[ServerToken], slot: int | None
) -> dict[str, Any]:
    """Return the request that forces the tokens of ``run`` behind the prompt, and asks for their probabilities."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": list(prompt),
        "n_predict": len(run),
        "n_probs": 1,
        "post_sampling_probs": False,
        "cache_prompt": True,
        "samplers": ["top_k"],
        "top_k": 1,
        "logit_bias": [[token, BIAS] for token in dict.fromkeys(t.id for t in run)],
    }
    if len(run) > 1:  # the bias alone forces a single token
        body["grammar"] = "root ::= " + " ".join(f"<[{token.id}]>" for token in run)
    if slot is not None:
        body["id_slot"] = slot
    return body


def forced_logs(answer: Mapping[str, Any], run: Sequence[ServerToken]) -> list[Nats]:
    """Return the logs of the forced tokens. Raises ValueError or KeyError if the answer has others."""
    entries = answer["completion_probabilities"]
    if [int(entry["id"]) for entry in entries] != [token.id for token in run]:
        raise ValueError("other tokens than those that the grammar allows")
    return [clipped_log(entry["logprob"]) for entry in entries]
