"""Name the cause of each failure of a model server, and the key of the configuration to change.

A request that the server refuses is the failure of its page (ChildError). A server that can't be used at all, for any
page, is ModelUnavailable.
"""

import json
import re

import httpx2

from scanmend.durations import duration_text
from scanmend.errors import ChildError, ModelUnavailable, ScanmendError, show
from scanmend.llm.server_route import proxy_variables

SHOWN_BYTES = 200  # of an answer, in a message
_KEY = "see llm.api_key_file"
# what servers say about a prompt that is longer than their context
_TOO_LONG = re.compile(
    r"context (size|length|window)|maximum context|too many tokens|too long|n_ctx"
)


def excerpt(content: bytes) -> str:
    """Return the server's own message, or the beginning of its answer, for people."""
    try:
        error = json.loads(content)["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        text = content[:SHOWN_BYTES].decode(errors="replace")
    return show(" ".join(str(text).split())[:SHOWN_BYTES])


def is_html(content: bytes) -> bool:
    """Return whether an answer is a web page."""
    return content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html"))


def status_error(setting: str, path: str, status: int, content: bytes, proxy: str) -> ScanmendError:
    """Return the error for an HTTP status other than 200. ``setting``: the address with its key, for people."""
    said = excerpt(content)
    answered = f"{setting}: answered {status} to {path}: {said}"
    if status == 401:
        return ModelUnavailable(f"{setting}: {status}: the key is wrong or missing: {said}", _KEY)
    if status == 403:
        return ModelUnavailable(f"{setting}: {status}: the key is wrong: {said}", _KEY)
    if status == 407:
        remedy = f"put the server into NO_PROXY, or the password into {proxy_variables()}"
        return ModelUnavailable(f"{setting}: the proxy {proxy} wants a password", remedy)
    if status in (502, 504):
        remedy = f"put the server into NO_PROXY (the proxy is {proxy})" if proxy else ""
        return ModelUnavailable(answered, remedy or "see the server's log")
    if status == 429:
        return ModelUnavailable(answered, "the server is busy; scanmend tries again later")
    if status in (404, 405, 410):
        remedy = "correct llm.base_url (most servers want /v1 at its end), or llm.model"
        return ModelUnavailable(answered, remedy)
    if 300 <= status < 400:
        return ModelUnavailable(answered, "set llm.base_url to the address it redirects to")
    return ChildError(f"{setting}: refused the request, {status}: {said}", _refusal_remedy(said))


def _refusal_remedy(said: str) -> str:
    """Return what to do about a request that the server refused with this message."""
    text = said.lower()
    if _TOO_LONG.search(text):
        return "raise the server's context (vLLM: --max-model-len, llama-server: -c), or name another llm.model"
    if "embed" in text or "does not support" in text or "not support chat" in text:
        return "name a model that generates text in llm.model"
    if "https" in text:
        return "write https:// in llm.base_url"
    return "see the server's log; name another model in llm.model if it refuses every page"


def connection_error(setting: str, error: Exception, proxy: str) -> ModelUnavailable:
    """Return the error for a server that can't be reached."""
    text = str(error)
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    remedy = "start the server, or correct llm.base_url; scanmend tries again later"
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        remedy = "llm.base_url must begin with http:// or https://"
    elif "WRONG_VERSION_NUMBER" in text or "record layer failure" in text.lower():
        remedy = "the server speaks plain HTTP: write http:// in llm.base_url"
    elif "CERTIFICATE_VERIFY_FAILED" in text:
        remedy = (
            "let this machine trust the certificate (its CA in the system's store, or in the file that the environment"
            " variable SSL_CERT_FILE names), or use the name that the certificate has in llm.base_url"
        )
    elif "SSL" in text or "TLS" in text:
        remedy = "check whether llm.base_url must begin with http:// or https://"
    if proxy:
        reason += f", through the proxy {proxy} of the environment"
        remedy = f"put the server into NO_PROXY, or unset {proxy_variables()}; else {remedy}"
    return ModelUnavailable(f"{setting} can't be reached ({reason})", remedy)


def not_json(setting: str, content: bytes) -> ModelUnavailable:
    """Return the error for an answer that is no JSON object."""
    what = "it answers with a web page" if is_html(content) else f"it answers {excerpt(content)!r}"
    return ModelUnavailable(
        f"{setting}: the server there does not speak OpenAI's protocol: {what}",
        "is the path /v1 missing in llm.base_url?",
    )


def still_loading(setting: str, seconds: float, content: bytes) -> ModelUnavailable:
    """Return the error for a server that did not load its model in time."""
    return ModelUnavailable(
        f"{setting}: no answer within {duration_text(seconds)}, only 503: {excerpt(content)}: it is still loading its model",
        "raise llm.load_timeout, or see the server's log",
    )
